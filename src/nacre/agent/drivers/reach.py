"""Asks other hosts for an echo of packets that may not be divided: whether they are there, and take them whole."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from enum import StrEnum

ANSWER_S = 0.4
TRIES = 2
SMALL_BYTES = 100
RECEIVE_BUFFER_BYTES = 4 << 20

SIOCGIFFLAGS, IFF_RUNNING = 0x8913, 0x40  # linux/sockios.h, linux/if.h
# linux/in.h, linux/in6.h
IP_MTU_DISCOVER, IP_MTU, IP_PMTUDISC_PROBE = 10, 14, 3
IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_PMTUDISC_PROBE = 23, 24, 3
ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
HEADERS_BYTES = {4: 20 + 8, 6: 40 + 8}
_HEAD = struct.Struct("!BBHHH")
_COOKIE_BYTES = 8


class Way(StrEnum):
    """How packets get to a host."""

    WHOLE = "whole"
    SMALL = "only small ones"
    NONE = "not at all"


def ways_to(addresses: Collection[str], *, from_address: str, size_bytes: int) -> Mapping[str, Way]:
    """How packets of `size_bytes`, their IP header included, get to each of the addresses.

    Takes a fraction of a second where somebody does not answer. Needs root; raises OSError without.
    """
    whole = answered(addresses, from_address=from_address, size_bytes=size_bytes)
    rest = [each for each in addresses if each not in whole]
    small = answered(rest, from_address=from_address, size_bytes=SMALL_BYTES) if rest else frozenset()
    return dict.fromkeys(rest, Way.NONE) | dict.fromkeys(small, Way.SMALL) | dict.fromkeys(whole, Way.WHOLE)


def answered(addresses: Collection[str], *, from_address: str, size_bytes: int) -> frozenset[str]:
    """The addresses from which an echo of so many bytes comes back."""
    version = 6 if ":" in from_address else 4
    with _raw_socket(version) as echo:
        echo.bind((from_address, 0))
        missing = {each for each in addresses if (":" in each) == (version == 6)}
        total = frozenset(missing)
        for _ in range(TRIES):
            cookie = os.urandom(_COOKIE_BYTES)
            sent = [each for each in sorted(missing) if _sent(echo, each, cookie, version, size_bytes)]
            missing -= _heard(echo, cookie, version, among=sent)
            if not missing:
                break
    return total - missing


def mtu_towards(address: str, *, from_address: str) -> int | None:
    """How long a packet to an address may be when it leaves this machine; None if there is no way to it."""
    version = 6 if ":" in from_address else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.bind((from_address, 0))
        probe.connect((address, 1))
        if version == 6:
            return probe.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU)
        return probe.getsockopt(socket.IPPROTO_IP, IP_MTU)
    return None


def has_address(address: str) -> bool:
    """Whether an address is this machine's."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def has_carrier(interface: str) -> bool:
    """Whether an interface of this machine is there, up, and somebody at its other end."""
    request = struct.pack("16sH14x", interface.encode()[:15], 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        except OSError:
            return False
    flags: int = struct.unpack("16xH14x", answer)[0]
    return bool(flags & IFF_RUNNING)


def _raw_socket(version: int) -> socket.socket:
    if version == 6:
        made = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        made.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
    else:
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # Not divided, and longer than what was once learnt of the way: it may have been mended.
        made.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    made.setblocking(False)
    return made


def _sent(echo: socket.socket, address: str, cookie: bytes, version: int, size_bytes: int) -> bool:
    body = cookie.ljust(size_bytes - HEADERS_BYTES[version], b"\0")
    head = _HEAD.pack(ECHO_REQUEST[version], 0, 0, 0, 0)
    if version == 4:  # For the other one, the kernel sums up.
        head = _HEAD.pack(ECHO_REQUEST[version], 0, _checksum(head + body), 0, 0)
    try:
        echo.sendto(head + body, (address, 0))
    except OSError:
        return False  # There is no way, or it takes no packet so long.
    return True


def _heard(echo: socket.socket, cookie: bytes, version: int, *, among: Collection[str]) -> set[str]:
    """Those of the addresses whose echo comes in time."""
    waiting, heard = set(among), set[str]()
    deadline = time.monotonic() + ANSWER_S
    while waiting and (left_s := deadline - time.monotonic()) > 0:
        if not select.select([echo], [], [], left_s)[0]:
            break
        try:
            packet, address = echo.recvfrom(65536)
        except OSError:
            continue
        sender = str(address[0]).partition("%")[0]
        if sender in waiting and _is_echo(packet, cookie, version):
            waiting.discard(sender)
            heard.add(sender)
    return heard


def _is_echo(packet: bytes, cookie: bytes, version: int) -> bool:
    start = (packet[0] & 0x0F) * 4 if version == 4 else 0  # Only IPv4 is handed over with its header.
    body = start + _HEAD.size
    return packet[start] == ECHO_REPLY[version] and packet[body : body + len(cookie)] == cookie


def _checksum(data: bytes) -> int:
    """The internet checksum. Source: RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
