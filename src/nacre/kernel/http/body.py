"""Request bodies: strict, told apart by version, and refused with the place where they are wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar, final

import msgspec

from nacre.kernel.errors import Bad
from nacre.kernel.http.versions import Version, Window, Windows

Shape = TypeVar("Shape", bound=msgspec.Struct)


@final
class Body(Generic[Shape]):
    """How the body of one operation is read into `shape`, a struct of the newest meaning.

    `key` is the wrapper's name (`server`), empty when the body is bare. `windows` limits fields to versions:
    outside its window a field is unknown, and its default speaks. `required` names fields that must be there
    in some versions. `beside` are names allowed next to the wrapper, read as fields of the shape.
    `closed=False` lets unknown fields pass unread, for APIs that always did; with `rest` they are kept, as a
    mapping in the field of that name.
    """

    def __init__(
        self,
        shape: type[Shape],
        *,
        key: str = "",
        windows: Mapping[str, Window] | None = None,
        required: Mapping[str, Window] | None = None,
        beside: Collection[str] = (),
        closed: bool = True,
        rest: str = "",
    ) -> None:
        self.shape = shape
        self.key = key
        self.windows = dict(windows or {})
        self._windows = Windows(windows)
        self._required = dict(required or {})
        self._beside = frozenset(beside)
        self._closed = closed
        self._rest = rest
        self._names = frozenset(field.encode_name for field in msgspec.structs.fields(shape))

    def decode(self, raw: bytes, version: Version) -> Shape:
        """The body as a struct. Raises Bad, naming the place."""
        try:
            whole = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Bad(f"The request body is not valid JSON: {error}") from error
        if not isinstance(whole, dict):
            raise Bad("The request body must be a JSON object.")
        if b"\\u0000" in raw and _holds_nul(whole):
            raise Bad("The request body holds a NUL character, which no text may.")
        return self.read(self._unwrap(whole), version)

    def read(self, fields: Mapping[str, Any], version: Version) -> Shape:
        """What is within the wrapper, decoded already, as a struct. Raises Bad, naming the place."""
        self._check_names(fields, version)
        if self._rest:
            fields = self._gathered(fields)
        return convert(fields, self.shape, where=self.key)

    def _unwrap(self, whole: dict[str, Any]) -> dict[str, Any]:
        if not self.key:
            return whole
        inner = whole.get(self.key)
        if not isinstance(inner, dict):
            raise Bad(f"The request body must hold an object named '{self.key}'.")
        extra = whole.keys() - {self.key} - self._beside
        if extra and self._closed:
            raise Bad(f"Additional properties are not allowed ({_listed(extra)} beside '{self.key}').")
        return inner | {name: whole[name] for name in self._beside & whole.keys()}

    def _gathered(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """`fields` with the unknown ones together under `rest`."""
        known = self._names - {self._rest}
        unknown = {name: value for name, value in fields.items() if name not in known}
        return {name: value for name, value in fields.items() if name in known} | {self._rest: unknown}

    def _check_names(self, fields: Mapping[str, Any], version: Version) -> None:
        if self._closed and not self._rest:
            unknown = fields.keys() - (self._names - self._windows.hidden(version))
            if unknown:
                reason = f"Additional properties are not allowed ({_listed(unknown)} unexpected)."
                raise Bad(reason, where=self.key)
        for name, window in self._required.items():
            if version in window and name not in fields:
                raise Bad(f"'{name}' is a required property.", where=self.key)


def convert(value: Any, shape: type[Shape], *, where: str = "", strict: bool = True) -> Shape:
    """`value`, decoded JSON, as a `shape`. Raises Bad; `where` names what the value is."""
    try:
        return msgspec.convert(value, shape, strict=strict)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Bad(reason, where=(where + path.rstrip("`")).lstrip(".")) from error


def _holds_nul(value: Any) -> bool:
    """Whether any text in decoded JSON holds a NUL, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _holds_nul(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"'{name[:60]}'" for name in sorted(names)[:10])
