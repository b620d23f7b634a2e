"""Frames that a host sends by itself."""

from __future__ import annotations

import ipaddress
import struct

BROADCAST = b"\xff" * 6
TYPE_VLAN, TYPE_ARP, TYPE_IPV4, ETHERNET = 0x8100, 0x0806, 0x0800, 1
REQUEST = 1


def gratuitous_arp(ip: str, mac: str, *, vlan: int | None = None) -> bytes:
    """A frame that tells everybody on a wire that an IPv4 address is to be found at a MAC, and switches where that is.

    Source: RFC 5227, section 3 ("ARP Announcement"); IEEE 802.1Q for the tag.
    """
    source, address = bytes.fromhex(mac.replace(":", "")), ipaddress.IPv4Address(ip).packed
    tag = b"" if vlan is None else struct.pack("!HH", TYPE_VLAN, vlan)
    head = struct.pack("!HHHBBH", TYPE_ARP, ETHERNET, TYPE_IPV4, len(source), len(address), REQUEST)
    return BROADCAST + source + tag + head + source + address + bytes(6) + address
