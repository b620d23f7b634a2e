"""What DHCP can tell besides, under the names that clients know, and in the words of the switches."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from enum import Enum, auto

import msgspec


class Shape(Enum):
    """What the value of an option is."""

    TEXT = auto()
    NUMBER = auto()
    FLAG = auto()
    ADDRESS = auto()
    ADDRESSES = auto()
    ROUTES = auto()


class Known(msgspec.Struct, frozen=True):
    """An option: its name in OVN, and the shape of its value."""

    name: str
    shape: Shape


_V4: Mapping[tuple[str, ...], Known] = {
    ("netmask", "1"): Known("netmask", Shape.ADDRESS),
    ("router", "3"): Known("router", Shape.ADDRESS),
    ("dns-server", "6"): Known("dns_server", Shape.ADDRESSES),
    ("log-server", "7"): Known("log_server", Shape.ADDRESSES),
    ("lpr-server", "9"): Known("lpr_server", Shape.ADDRESSES),
    ("hostname", "12"): Known("hostname", Shape.TEXT),
    ("domain-name", "15"): Known("domain_name", Shape.TEXT),
    ("swap-server", "16"): Known("swap_server", Shape.ADDRESS),
    ("ip-forward-enable", "19"): Known("ip_forward_enable", Shape.FLAG),
    ("default-ttl", "23"): Known("default_ttl", Shape.NUMBER),
    ("mtu", "interface-mtu", "26"): Known("mtu", Shape.NUMBER),
    ("router-discovery", "31"): Known("router_discovery", Shape.FLAG),
    ("router-solicitation", "32"): Known("router_solicitation", Shape.ADDRESS),
    ("arp-timeout", "35"): Known("arp_cache_timeout", Shape.NUMBER),
    ("ethernet-encap", "36"): Known("ethernet_encap", Shape.FLAG),
    ("tcp-ttl", "37"): Known("tcp_ttl", Shape.NUMBER),
    ("tcp-keepalive", "38"): Known("tcp_keepalive_interval", Shape.NUMBER),
    ("nis-server", "41"): Known("nis_server", Shape.ADDRESSES),
    ("ntp-server", "42"): Known("ntp_server", Shape.ADDRESSES),
    ("netbios-ns", "44"): Known("netbios_name_server", Shape.ADDRESSES),
    ("lease-time", "51"): Known("lease_time", Shape.NUMBER),
    ("T1", "58"): Known("T1", Shape.NUMBER),
    ("T2", "59"): Known("T2", Shape.NUMBER),
    ("tftp-server", "66"): Known("tftp_server", Shape.TEXT),
    ("bootfile-name", "67"): Known("bootfile_name", Shape.TEXT),
    ("domain-search", "119"): Known("domain_search_list", Shape.TEXT),
    ("classless-static-route", "121"): Known("classless_static_route", Shape.ROUTES),
    ("server-ip-address", "tftp-server-address", "150"): Known("tftp_server_address", Shape.ADDRESSES),
    ("path-prefix", "210"): Known("path_prefix", Shape.TEXT),
    ("ms-classless-static-route", "249"): Known("ms_classless_static_route", Shape.ROUTES),
    ("wpad", "252"): Known("wpad", Shape.TEXT),
}
_V6: Mapping[tuple[str, ...], Known] = {
    ("dns-server", "23"): Known("dns_server", Shape.ADDRESSES),
    ("domain-search", "24"): Known("domain_search", Shape.TEXT),
}
OPTIONS: Mapping[int, Mapping[str, Known]] = {
    version: {name: known for names, known in table.items() for name in names}
    for version, table in ((4, _V4), (6, _V6))
}
"""By IP version: each option under each of its names, and under its number. Source: RFC 2132, RFC 3315; ovn-nb(5)."""

DISABLED = "dhcp_disabled"
"""The option under which a port says that it wants no answer at all."""
_FLAGS = {"true": "1", "1": "1", "false": "0", "0": "0"}


class ExtraDhcpOption(msgspec.Struct, frozen=True, order=True):
    """What one port is told besides, or instead of what its subnet says."""

    opt_name: str
    opt_value: str
    ip_version: int = 4


def check_option(option: ExtraDhcpOption) -> None:
    """Raise ValueError, with the reason, unless the option can be told."""
    if option.opt_name == DISABLED:
        if option.opt_value.lower() not in _FLAGS:
            raise ValueError(f"'{option.opt_value}' is neither true nor false")
        return
    if option.opt_name not in OPTIONS[option.ip_version]:
        names = sorted(name for name in OPTIONS[option.ip_version] if not name.isdigit())
        raise ValueError(
            f"'{option.opt_name}' is no DHCPv{option.ip_version} option known here: {', '.join(names)} are"
        )
    _WORDING[OPTIONS[option.ip_version][option.opt_name].shape](option.opt_value, option.ip_version)


def is_silenced(options: tuple[ExtraDhcpOption, ...], version: int) -> bool:
    """Whether DHCP of this IP version is to leave the port alone."""
    return any(
        option.opt_name == DISABLED
        and option.ip_version == version
        and _FLAGS[option.opt_value.lower()] == "1"
        for option in options
    )


def effective(options: tuple[ExtraDhcpOption, ...], version: int) -> dict[str, str]:
    """The options of one IP version, as OVN tells them. Addresses of the other version cannot be told, and are not."""
    found = {}
    for option in options:
        if option.ip_version == version and option.opt_name != DISABLED:
            known = OPTIONS[version][option.opt_name]
            value = _WORDING[known.shape](option.opt_value, version)
            if value is not None:
                found[known.name] = value
    return found


def _text(value: str, _version: int) -> str:
    """OVN wants quotes around text. One pair may be there already; what would end them is refused."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if '"' in value or "\\" in value or not value.isprintable():
        raise ValueError(f"'{value}' holds quotes, backslashes or control characters")
    return f'"{value}"'


def _number(value: str, _version: int) -> str:
    if not (value.isascii() and value.isdigit() and int(value) < 1 << 32):
        raise ValueError(f"'{value}' is not a number")
    return str(int(value))


def _flag(value: str, _version: int) -> str:
    if value.lower() not in _FLAGS:
        raise ValueError(f"'{value}' is neither true nor false")
    return _FLAGS[value.lower()]


def _address(value: str, version: int) -> str | None:
    found = ipaddress.ip_address(value.strip())
    return str(found) if found.version == version else None


def _addresses(value: str, version: int) -> str | None:
    found = [address for each in value.split(",") if (address := _address(each, version))]
    return "{" + ", ".join(found) + "}" if found else None


def _routes(value: str, _version: int) -> str:
    """Pairs of destination and next hop, all separated by commas."""
    words = [word.strip() for word in value.strip("{} ").split(",")]
    if len(words) % 2:
        raise ValueError(f"'{value}' are not pairs of destination and next hop")
    pairs = zip(words[::2], words[1::2], strict=True)
    routes = [(ipaddress.IPv4Network(to), ipaddress.IPv4Address(hop)) for to, hop in pairs]
    return "{" + ", ".join(f"{to},{hop}" for to, hop in routes) + "}"


_WORDING: Mapping[Shape, Callable[[str, int], str | None]] = {
    Shape.TEXT: _text,
    Shape.NUMBER: _number,
    Shape.FLAG: _flag,
    Shape.ADDRESS: _address,
    Shape.ADDRESSES: _addresses,
    Shape.ROUTES: _routes,
}
