"""What values of the wire may be: each kind checks one value and gives it in the form it is kept in.

A kind raises ValueError with the reason that the caller is told.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nacre.kernel.http.call import BOOLEANS
from nacre.kernel.ids import is_uuid

Kind = Callable[[Any], Any]

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
_DNS_NAME = re.compile(
    r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.?\Z", re.I
)
MOST_ITEMS = 1000


def text(most: int = 255, *, least: int = 0) -> Kind:
    """A string of so many characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"'{_short(value)}' is not a valid string")
        if len(value) > most:
            raise ValueError(f"'{_short(value)}' exceeds maximum length of {most}")
        if len(value) < least:
            raise ValueError(f"'{_short(value)}' is shorter than {least}")
        return value

    return check


NAME = text(255)
DESCRIPTION = text(255)


def boolean(value: Any) -> bool:
    """True or false, also as the texts and numbers that clients send for them."""
    if isinstance(value, bool):
        return value
    found = BOOLEANS.get(str(value).lower()) if isinstance(value, str | int) else None
    if found is None:
        raise ValueError(f"'{_short(value)}' cannot be converted to boolean")
    return found


def number(least: int, most: int) -> Kind:
    """A whole number, also as a text."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(f"'{_short(value)}' is not an integer")
        if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,12}", value):
            raise ValueError(f"'{_short(value)}' is not an integer")
        found = int(value)
        if not least <= found <= most:
            raise ValueError(f"'{_short(value)}' is not in the range {least} to {most}")
        return found

    return check


def protocol(value: Any) -> str:
    """An IP protocol's name, or its number as a number or a text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255:
        return str(value)
    name: str = text(40)(value)
    return name


def version(value: Any) -> int:
    """4 or 6."""
    found: int = number(4, 6)(value)
    if found == 5:
        raise ValueError("'5' is not in [4, 6]")
    return found


def one_of(*choices: str) -> Kind:
    """One of a few words."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"'{_short(value)}' is not in {list(choices)}")
        return str(value)

    return check


def uuid(value: Any) -> str:
    """The id of an object."""
    if not isinstance(value, str) or not is_uuid(value.lower()):
        raise ValueError(f"'{_short(value)}' is not a valid UUID")
    return value.lower()


def ip(value: Any) -> str:
    """An address of either version, in its canonical form."""
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"'{_short(value)}' is not a valid IP address")
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"'{_short(value)}' is not a valid IP address") from None


def cidr(value: Any) -> str:
    """A network of addresses; host bits are cleared."""
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"'{_short(value)}' is not a valid IP subnet")
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"'{_short(value)}' is not a valid IP subnet") from None


def ip_or_cidr(value: Any) -> str:
    """An address or a network of addresses, as it was spelled."""
    return cidr(value) if isinstance(value, str) and "/" in value else ip(value)


def mac(value: Any) -> str:
    """A MAC address that a single interface may have, in lower case with colons."""
    spelled = value.lower().replace("-", ":") if isinstance(value, str) else ""
    if not _MAC.match(spelled) or spelled == "00:00:00:00:00:00":
        raise ValueError(f"'{_short(value)}' is not a valid MAC address")
    return spelled


def dns_name(value: Any) -> str:
    """A name of the domain name system, or nothing."""
    if not isinstance(value, str) or len(value) > 255 or (value and not _DNS_NAME.match(value)):
        raise ValueError(f"'{_short(value)}' not a valid PQDN or FQDN")
    return value


def optional(kind: Kind) -> Kind:
    """The kind, or null."""
    return lambda value: None if value is None else kind(value)


def or_empty(kind: Kind, empty: Any) -> Kind:
    """The kind; null stands for `empty`."""
    return lambda value: empty if value is None else kind(value)


def many(kind: Kind, *, distinct: bool = True, most: int = MOST_ITEMS) -> Kind:
    """A list of the kind."""

    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"'{_short(value)}' is not a list")
        if len(value) > most:
            raise ValueError(f"it holds more than {most} items")
        items = tuple(kind(item) for item in value)
        if distinct and any(item in items[:place] for place, item in enumerate(items)):
            raise ValueError(f"Duplicate items in the list: '{_short(value)}'")
        return items

    return check


def thing(keys: Mapping[str, Kind], build: Callable[..., Any], *, needed: Sequence[str] = ()) -> Kind:
    """An object with these keys and no others, built into a value."""

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"'{_short(value)}' is not a dictionary")
        unknown = sorted(value.keys() - keys.keys())
        if unknown:
            raise ValueError(f"unexpected keys supplied: {', '.join(map(_short, unknown))}")
        missing = [name for name in needed if name not in value]
        if missing:
            raise ValueError(f"expected keys not found: {', '.join(missing)}")
        return build(**{name: keys[name](inner) for name, inner in value.items()})

    return check


def mapping(value: Any) -> dict[str, Any]:
    """An object of any keys, of a size that can be kept."""
    if not isinstance(value, dict) or len(repr(value)) > 4095:
        raise ValueError(f"'{_short(value)}' is not a dictionary of up to 4095 characters")
    return value


def _short(value: Any) -> str:
    return str(value)[:80]
