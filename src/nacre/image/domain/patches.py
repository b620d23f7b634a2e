"""Changes of an image asked for as a JSON patch, in the two dialects the Image API knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from nacre.image.domain.images import Attributes, Image, PropertyName, PropertyValue
from nacre.image.errors import PropertyConflict, Refused
from nacre.kernel.errors import Bad

Operation = Literal["add", "replace", "remove"]
_OPERATIONS: tuple[Operation, ...] = ("add", "replace", "remove")

READ_ONLY = frozenset({
    "id", "created_at", "updated_at", "status", "checksum", "size", "virtual_size", "os_hash_algo",
    "os_hash_value", "direct_url", "self", "file", "schema", "stores",
})  # fmt: skip
RESERVED = frozenset({"location", "locations", "deleted", "deleted_at"})
WRITABLE = frozenset(field.encode_name for field in msgspec.structs.fields(Attributes))


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One operation on the attribute or property `name`. `strict` adds refuse what is there already."""

    operation: Operation
    name: str
    value: Any = None
    strict: bool = False


def changes_of(document: Any, *, version: str) -> list[Change]:
    """The operations of a patch document; `version` is `2.0` or `2.1`. Raises Bad.

    Source: Image API reference, "HTTP PATCH media types".
    """
    if not isinstance(document, list):
        raise Bad("The request body must be a JSON array of operation objects.")
    if not all(isinstance(each, dict) for each in document):
        raise Bad("Operations must be JSON objects.")
    return [_new_dialect(each) if version == "2.1" else _old_dialect(each) for each in document]


def _new_dialect(each: Mapping[str, Any]) -> Change:
    operation = each.get("op")
    if operation not in _OPERATIONS:
        raise Bad(f"Operations must be one of {', '.join(_OPERATIONS)}.", where="op")
    if "path" not in each:
        raise Bad("Unable to find 'path' in JSON Schema change.")
    return _change(operation, each["path"], each)


def _old_dialect(each: Mapping[str, Any]) -> Change:
    named = [operation for operation in _OPERATIONS if operation in each]
    if len(named) != 1:
        raise Bad("Operation objects must contain exactly one member named 'add', 'replace' or 'remove'.")
    change = _change(named[0], each[named[0]], each)
    return msgspec.structs.replace(change, strict=True)


def _change(operation: Operation, pointer: Any, each: Mapping[str, Any]) -> Change:
    if operation != "remove" and "value" not in each:
        raise Bad(f"Operation '{operation}' requires a member named 'value'.")
    return Change(operation=operation, name=_name_of(pointer), value=each.get("value"))


def _name_of(pointer: Any) -> str:
    """The one name a JSON pointer stands for: images have no deeper structure that can be changed."""
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise Bad("A pointer must be a text that begins with '/'.", where="path")
    name = pointer[1:]
    if "/" in name or not name:
        raise Bad(f"Invalid JSON pointer for this resource: '{pointer[:255]}'", where="path")
    if "~" in name.replace("~0", "").replace("~1", ""):
        raise Bad(f"Pointer '{pointer[:255]}' contains '~' not part of a recognized escape sequence.")
    return name.replace("~1", "/").replace("~0", "~")


def patched(image: Image, changes: Sequence[Change]) -> tuple[Attributes, dict[str, str]]:
    """What an image says after the changes, in their order. Raises Bad, Refused, PropertyConflict."""
    said = msgspec.to_builtins(image.attributes)
    properties: dict[str, Any] = dict(image.properties)
    for change in changes:
        check_writable(change.name)
        if change.name in WRITABLE:
            _change_attribute(said, change)
        else:
            _change_property(properties, change)
    return as_attributes(said), as_properties(properties)


def check_writable(name: str) -> None:
    """Raise Refused if nobody may write the attribute."""
    if name in READ_ONLY:
        raise Refused(f"Attribute '{name}' is read-only.")
    if name in RESERVED:
        raise Refused(f"Attribute '{name}' is reserved.")


def as_attributes(said: Mapping[str, Any]) -> Attributes:
    """Attributes by their names in the API. Raises Bad."""
    try:
        return msgspec.convert(said, Attributes)
    except msgspec.ValidationError as error:
        raise Bad(str(error)) from error


def as_properties(values: Mapping[str, Any]) -> dict[str, str]:
    """Properties of their own as texts of bounded length. Raises Bad."""
    try:
        return msgspec.convert(values, dict[PropertyName, PropertyValue])
    except msgspec.ValidationError as error:
        raise Bad(f"Properties must be texts: {error}") from error


def _change_attribute(said: dict[str, Any], change: Change) -> None:
    if change.operation == "remove":
        raise Refused(f"Property {change.name} may not be removed.")
    if change.operation == "add" and change.strict:
        raise PropertyConflict(change.name, "already present")
    said[change.name] = change.value


def _change_property(properties: dict[str, Any], change: Change) -> None:
    present = change.name in properties
    if change.operation == "add" and change.strict and present:
        raise PropertyConflict(change.name, "already present")
    if change.operation != "add" and not present:
        raise PropertyConflict(change.name, "does not exist")
    if change.operation == "remove":
        del properties[change.name]
    else:
        properties[change.name] = change.value
