"""Sends on eth0 what a guest must not say, or hears what of it arrives. Run in guests' namespaces.

    forge_probe.py send MAC ADDRESS       from a guest with this MAC and IPv4 address
    forge_probe.py announce MAC ADDRESS   says once who has an address
    forge_probe.py hear                   prints the kinds that arrived, once the sender's farewell did

Kinds: a foreign MAC, IPv4 and IPv6 source; somebody else's address claimed by ARP and by neighbour discovery; what only
DHCP servers and routers say. The farewell is what the guest may say.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import time

EVERYBODY, EVERYBODY6 = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
FOREIGN_MAC, FOREIGN, FOREIGN6 = "0e:00:00:00:00:66", "10.0.0.66", "fd00:66::66"
CLAIMED, CLAIMED6 = "10.0.0.1", "fe80::1"
KINDS = ("mac", "ipv4", "ipv6", "arp", "nd", "dhcp", "dhcp6", "ra")
FAREWELL = "farewell"


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def link_local(mac: str) -> str:
    """The address that a guest makes for itself (RFC 4291, appendix A)."""
    six = mac_bytes(mac)
    half = bytes([six[0] ^ 2, *six[1:3], 0xFF, 0xFE, *six[3:]])
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + half))


def udp(kind: str, ports: tuple[int, int]) -> bytes:
    """A datagram whose content is its kind, without a checksum."""
    return struct.pack("!4H", *ports, 8 + len(kind), 0) + kind.encode()


def ipv4(kind: str, mac: str, source: str, ports: tuple[int, int] = (5000, 5001)) -> bytes:
    body = udp(kind, ports)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0)
    head += socket.inet_aton(source) + b"\xff" * 4
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return mac_bytes(EVERYBODY) + mac_bytes(mac) + b"\x08\x00" + head + body


def ipv6(mac: str, source: str, protocol: int, body: bytes) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "ff02::1")
    place = 2 if protocol == 58 else 6
    total = checksum(ends + struct.pack("!II", len(body), protocol) + body)
    body = body[:place] + struct.pack("!H", total) + body[place + 2 :]
    head = struct.pack("!IHBB", 0x60000000, len(body), protocol, 255) + ends
    return mac_bytes(EVERYBODY6) + mac_bytes(mac) + b"\x86\xdd" + head + body


def arp(mac: str, claimed: str) -> bytes:
    """An answer that nobody asked for: `claimed` is at `mac`."""
    here = mac_bytes(mac) + socket.inet_aton(claimed)
    return (
        mac_bytes(EVERYBODY)
        + mac_bytes(mac)
        + b"\x08\x06"
        + struct.pack("!HHBBH", 1, 0x800, 6, 4, 2)
        + here * 2
    )


def neighbour(mac: str, claimed: str) -> bytes:
    """The same for IPv6, with the flag that overrides what others know (RFC 4861)."""
    target = socket.inet_pton(socket.AF_INET6, claimed)
    return ipv6(
        mac,
        link_local(mac),
        58,
        struct.pack("!BBHI", 136, 0, 0, 0x20000000) + target + b"\x02\x01" + mac_bytes(mac),
    )


def frames(mac: str, address: str) -> dict[str, bytes]:
    here = link_local(mac)
    return {
        "mac": ipv4("mac", FOREIGN_MAC, address),
        "ipv4": ipv4("ipv4", mac, FOREIGN),
        "ipv6": ipv6(mac, FOREIGN6, 17, udp("ipv6", (5000, 5001))),
        "arp": arp(mac, CLAIMED),
        "nd": neighbour(mac, CLAIMED6),
        "dhcp": ipv4("dhcp", mac, address, (67, 68)),
        "dhcp6": ipv6(mac, here, 17, udp("dhcp6", (547, 546))),
        "ra": ipv6(mac, here, 58, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)),
        FAREWELL: ipv4(FAREWELL, mac, address),
    }


def kind_of(frame: bytes) -> str:
    """Which of ours a frame is, or nothing."""
    if frame[12:14] == b"\x08\x06":
        return "arp" if frame[28:32] == socket.inet_aton(CLAIMED) else ""
    if frame[12:14] == b"\x86\xdd" and frame[20] == 58:
        claims = frame[54] == 136 and frame[62:78] == socket.inet_pton(socket.AF_INET6, CLAIMED6)
        return "nd" if claims else "ra" if frame[54] == 134 else ""
    body = {b"\x08\x00": 42, b"\x86\xdd": 62}.get(frame[12:14], len(frame))
    return next((kind for kind in (*KINDS, FAREWELL) if frame[body:] == kind.encode()), "")


def wire() -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    found.bind(("eth0", 0))
    return found


def send(mac: str, address: str) -> None:
    out = wire()
    forged = frames(mac, address)
    farewell = forged.pop(FAREWELL)
    for _ in range(3):
        for frame in forged.values():
            out.send(frame)
        time.sleep(0.05)
    for _ in range(10):
        out.send(farewell)
        time.sleep(0.05)


def hear() -> set[str]:
    """The kinds that arrived before the farewell."""
    ear = wire()
    ear.settimeout(10)
    print("listening", flush=True)
    heard: set[str] = set()
    while FAREWELL not in heard:
        heard.add(kind_of(ear.recv(2048)))
    return heard - {FAREWELL, ""}


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(*sys.argv[2:4])
    elif sys.argv[1] == "announce":
        wire().send(arp(*sys.argv[2:4]))
    else:
        print(" ".join(sorted(hear())))
