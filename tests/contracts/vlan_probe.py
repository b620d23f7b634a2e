"""Asks for an echo by tagged frames on eth0, and prints whether a tagged answer came. Run in a guest's namespace.

Kernels without VLAN interfaces can send and hear tagged frames all the same.
Arguments: the tag, our MAC and address under it, the neighbour's MAC and address.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

AUXDATA, SOL_PACKET = 8, 263


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def echo(tag: int, mac: str, address: str, to_mac: str, to: str) -> bytes:
    """An echo request in a frame of IEEE 802.1Q."""
    body = struct.pack("!HH", 7, 1) + b"nacre---"
    icmp = struct.pack("!BBH", 8, 0, checksum(b"\x08\x00\x00\x00" + body)) + body
    ends = socket.inet_aton(address) + socket.inet_aton(to)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0) + ends
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    macs = bytes.fromhex(to_mac.replace(":", "") + mac.replace(":", ""))
    return macs + struct.pack("!HHH", 0x8100, tag, 0x0800) + head + icmp


def tag_of(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The tag that the kernel took off a frame, or 0."""
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, AUXDATA):
            return int(struct.unpack("=IIIHHHH", data[:20])[5]) & 0xFFF
    return 0


def is_answered(tag: int, mac: str, address: str, to_mac: str, to: str) -> bool:
    """Whether the neighbour answers within three seconds under the tag."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(SOL_PACKET, AUXDATA, 1)
    wire.bind(("eth0", 0))
    wire.settimeout(0.2)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        wire.send(echo(tag, mac, address, to_mac, to))
        try:
            frame, ancillary, _flags, _from = wire.recvmsg(2048, 128)
        except TimeoutError:
            continue
        is_reply = frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 0
        if is_reply and tag_of(ancillary) == tag and frame[26:30] == socket.inet_aton(to):
            return True
    return False


if __name__ == "__main__":
    words = sys.argv[1:]
    print("answered" if is_answered(int(words[0]), words[1], words[2], words[3], words[4]) else "silent")
