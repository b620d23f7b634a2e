"""A neighbour that answers BFD on one address until it is ended: `bfd_probe.py ADDRESS`.

It follows whoever speaks to it through the states of a session (RFC 5880, section 6.8.6), and takes its pace.
"""

from __future__ import annotations

import socket
import struct
import sys

PORT = 3784
DOWN, INIT, UP = 1, 2, 3
OURS = 7


def answered(packet: bytes) -> bytes:
    """The control packet that answers one."""
    _, flags, _, _, theirs, _, transmit_us, receive_us, _ = struct.unpack("!BBBBIIIII", packet[:24])
    state = {DOWN: INIT, INIT: UP, UP: UP}.get(flags >> 6, DOWN)
    final = 0x10 if flags & 0x20 else 0
    pace = (max(transmit_us, receive_us, 100_000),) * 2
    return struct.pack("!BBBBIIIII", 0x20, state << 6 | final, 5, 24, OURS, theirs, *pace, 0)


def main() -> None:
    address = sys.argv[1]
    heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard.bind((address, PORT))
    said = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    said.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    said.bind((address, 49152))
    print("listening", flush=True)
    while True:
        packet, (peer, _) = heard.recvfrom(256)
        said.sendto(answered(packet), (peer, PORT))


if __name__ == "__main__":
    main()
