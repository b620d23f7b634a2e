"""Asks for an IPv6 address on eth0 as a booting guest does, and prints the answer as JSON. Run where the guest is."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time

SOLICIT, ADVERTISE, REQUEST, REPLY = 1, 2, 3, 7
CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS, WANTED, ELAPSED, DNS = 1, 2, 3, 5, 6, 8, 23
ALL_SERVERS = "ff02::1:2"


def option(number: int, value: bytes) -> bytes:
    return struct.pack("!HH", number, len(value)) + value


def options_of(data: bytes) -> dict[int, bytes]:
    """Options by number (RFC 8415, section 21)."""
    said: dict[int, bytes] = {}
    while len(data) >= 4:
        number, length = struct.unpack("!HH", data[:4])
        said[number] = data[4 : 4 + length]
        data = data[4 + length :]
    return said


def question(kind: int, number: bytes, mac: bytes, *also: bytes) -> bytes:
    """A message of this kind from the client with this MAC; `also` are further options."""
    usual = option(CLIENT_ID, struct.pack("!HH", 3, 1) + mac)
    usual += option(ELAPSED, bytes(2)) + option(WANTED, struct.pack("!H", DNS))
    return bytes([kind]) + number + usual + b"".join(also)


def ask(probe: socket.socket, message: bytes, expected: int) -> dict[int, bytes]:
    """The options of the server's answer."""
    index = socket.if_nametoindex("eth0")
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            probe.sendto(message, (ALL_SERVERS, 547, 0, index))
            said = probe.recv(2048)
        except OSError:  # Nobody answered yet, or our own address is not ours yet.
            time.sleep(0.1)
            continue
        if said[0] == expected and said[1:4] == message[1:4]:
            return options_of(said[4:])
    raise TimeoutError(f"no message of kind {expected}")


def main() -> int:
    with open("/sys/class/net/eth0/address") as file:
        mac = bytes.fromhex(file.read().strip().replace(":", ""))
    probe = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    probe.bind(("::", 546))
    probe.settimeout(0.5)
    nothing_yet = option(IA_NA, struct.pack("!III", 1, 0, 0))
    offer = ask(probe, question(SOLICIT, os.urandom(3), mac, nothing_yet), ADVERTISE)
    chosen = option(SERVER_ID, offer[SERVER_ID]) + option(IA_NA, offer[IA_NA])
    given = ask(probe, question(REQUEST, os.urandom(3), mac, chosen), REPLY)
    address = options_of(given[IA_NA][12:])[IA_ADDRESS]
    said = {
        "address": socket.inet_ntop(socket.AF_INET6, address[:16]),
        "dns": socket.inet_ntop(socket.AF_INET6, given[DNS][:16]) if DNS in given else None,
    }
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
