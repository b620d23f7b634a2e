"""Sends many packets by eth0, or counts those that arrive there. Run in a guest's namespace.

`count` says `ready`, and how many came once none comes any more. `send` is told our MAC and address, those of the
neighbour, and the tag to send under, 0 for none; it says how many seconds it took.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

PACKETS, PER_S = 1000, 4000
PORT = 7777
SILENCE_S = 0.3


def frame(mac: str, address: str, to_mac: str, to: str, tag: int) -> bytes:
    """A datagram of UDP in a frame."""
    body = struct.pack("!HHHH", PORT, PORT, 8 + 18, 0) + bytes(18)
    ends = socket.inet_aton(address) + socket.inet_aton(to)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 17, 0) + ends
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
    macs = bytes.fromhex(to_mac.replace(":", "") + mac.replace(":", ""))
    return macs + (struct.pack("!HH", 0x8100, tag) if tag else b"") + b"\x08\x00" + head + body


def wire() -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    opened.bind(("eth0", 0))
    return opened


def send(data: bytes) -> float:
    begun, out = time.monotonic(), wire()
    for number in range(PACKETS):
        while time.monotonic() - begun < number / PER_S:
            pass
        out.send(data)
    return time.monotonic() - begun


def count() -> int:
    came, into = 0, wire()
    into.settimeout(5)
    print("ready", flush=True)
    try:
        while True:
            data, (_, _, kind, *_) = into.recvfrom(256)
            is_ours = data[12:14] == b"\x08\x00" and data[36:38] == struct.pack("!H", PORT)
            if is_ours and kind != socket.PACKET_OUTGOING:
                came += 1
                into.settimeout(SILENCE_S)
    except TimeoutError:
        return came


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "count":
        print(count())
    else:
        print(send(frame(words[1], words[2], words[3], words[4], int(words[5]))))
