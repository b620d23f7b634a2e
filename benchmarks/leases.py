"""How soon many guests get their addresses: `python -m benchmarks.leases [--ports N] [--at-once N ...]`.

A real OVN, on a host with a userspace switch in a namespace, and on it ports that have an address of either version.
Each gets both by the whole exchange of four messages, as a guest that boots does; so many are under way at once. Needs
root and the engines.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import select
import socket
import struct
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.__main__ import cpu_s, pss_mib
from benchmarks.ports import AT_ONCE, Crowd, percentile, tap_of
from nacre.network.domain.ports import FixedIp, Port
from nacre.network.domain.subnets import Ipv6Mode, Subnet
from tests.contracts import dhcp6_probe, dhcp_probe
from tests.support.inside import inside
from tests.support.ovn_cloud import Cloud, a_cloud_on
from tests.support.ovn_lab import CHASSIS, OvnLab

WITHIN_S, RECHECK_S = 300.0, 0.05
ROUNDS, LEAST = 20, 200
"""So often, and for so many ports, all places are taken by the next guest; more tell nothing new."""

BUFFER_BYTES = 16 << 20
OFFER, ACK = 2, 5
ALL_SERVERS_MAC = "333300010002"


class DualCrowd(Crowd):
    """Ports that have an IPv6 address besides, to be had by DHCP too."""

    def __init__(self, lab: OvnLab, cloud: Cloud) -> None:
        super().__init__(lab, cloud)
        self._subnets6 = {
            subnet.network_id: cloud.subnet(
                cloud.networks[subnet.network_id],
                ip_version=6,
                cidr=f"fd00:{number:x}::/64",
                gateway_ip=f"fd00:{number:x}::1",
                ipv6_ra_mode=Ipv6Mode.STATEFUL,
                ipv6_address_mode=Ipv6Mode.STATEFUL,
            )
            for number, subnet in enumerate(self._subnets, start=1)
        }

    def _addresses_besides(self, subnet: Subnet) -> Sequence[FixedIp]:
        other = self._subnets6[subnet.network_id]
        return (FixedIp(other.id, other.cidr.replace("::/64", f"::{self._made + 0x1000:x}")),)


# -- what guests say ---------------------------------------------------------------------------------------


@dataclass
class Guest:
    """One that asks for an address on an interface. Times are of `time.perf_counter`."""

    interface: str
    mac: bytes
    address: str
    number: bytes
    """Three bytes by which answers are known."""

    answers: int = 0
    question: bytes = b""
    patience_s: float = 0.0
    began: float = 0.0
    asked: float = 0.0


@dataclass(frozen=True)
class Dhcp:
    """How an address of one version is had: by two questions, to which these kinds of answers are given.

    Whoever is not answered for `patience_s` asks again, and then waits twice as long. `read` gives the guest's number,
    the kind and the address of an answer. Sources: RFC 2131, section 4.1; RFC 8415, section 7.6.
    """

    ethertype: int
    patience_s: float
    kinds: tuple[int, int]
    first: Callable[[Guest], bytes]
    second: Callable[[Guest, bytes], bytes]
    read: Callable[[bytes], tuple[bytes, int, str] | None]


def _discover(guest: Guest) -> bytes:
    return dhcp_probe.discover(guest.mac, b"\0" + guest.number)


def _request(guest: Guest, offer: bytes) -> bytes:
    said = dhcp_probe.answer(offer, b"\0" + guest.number) or {}
    chosen = b"\x32\x04" + socket.inet_aton(said["address"]) + b"\x36\x04" + bytes.fromhex(said["54"])
    return dhcp_probe.question(guest.mac, b"\0" + guest.number, b"\x35\x01\x03" + chosen)


def _read(frame: bytes) -> tuple[bytes, int, str] | None:
    said = dhcp_probe.answer(frame, frame[46:50])
    return (frame[47:50], int(said["53"], 16), said["address"]) if said else None


def _solicit(guest: Guest) -> bytes:
    nothing_yet = dhcp6_probe.option(dhcp6_probe.IA_NA, struct.pack("!III", 1, 0, 0))
    return _framed(guest, dhcp6_probe.question(dhcp6_probe.SOLICIT, guest.number, guest.mac, nothing_yet))


def _request6(guest: Guest, advertised: bytes) -> bytes:
    said = dhcp6_probe.options_of(advertised[66:])
    chosen = [dhcp6_probe.option(kind, said[kind]) for kind in (dhcp6_probe.SERVER_ID, dhcp6_probe.IA_NA)]
    return _framed(guest, dhcp6_probe.question(dhcp6_probe.REQUEST, guest.number, guest.mac, *chosen))


def _read6(frame: bytes) -> tuple[bytes, int, str] | None:
    if frame[20:21] != b"\x11" or frame[54:58] != struct.pack("!HH", 547, 546):
        return None
    association = dhcp6_probe.options_of(frame[66:])[dhcp6_probe.IA_NA]
    given = dhcp6_probe.options_of(association[12:])[dhcp6_probe.IA_ADDRESS]
    return frame[63:66], frame[62], socket.inet_ntop(socket.AF_INET6, given[:16])


def _framed(guest: Guest, message: bytes) -> bytes:
    """A message to every DHCPv6 server, as an Ethernet frame from the address that the guest makes of its MAC."""
    mac = guest.mac
    own = b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    both = own + socket.inet_pton(socket.AF_INET6, dhcp6_probe.ALL_SERVERS)
    udp = struct.pack("!4H", 546, 547, 8 + len(message), 0) + message
    padded = both + struct.pack("!II", len(udp), 17) + udp + bytes(len(udp) % 2)
    checksum = 0xFFFF - (sum(struct.unpack(f"!{len(padded) // 2}H", padded)) % 0xFFFF)
    udp = udp[:6] + struct.pack("!H", checksum) + udp[8:]
    head = (
        bytes.fromhex(ALL_SERVERS_MAC) + mac + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(udp), 17, 255)
    )
    return head + both + udp


WAYS = {
    4: Dhcp(0x0800, 4.0, (OFFER, ACK), _discover, _request, _read),
    6: Dhcp(0x86DD, 1.0, (dhcp6_probe.ADVERTISE, dhcp6_probe.REPLY), _solicit, _request6, _read6),
}


# -- many of them ------------------------------------------------------------------------------------------


@dataclass
class Run:
    """Guests that ask by one way, some at once, each on its own interface; and what came of it."""

    dhcp: Dhcp
    waiting: deque[Guest]
    at_once: int
    wire: socket.socket
    asking: dict[bytes, Guest] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    repeated: int = 0

    def until_all_have_theirs(self) -> None:
        end = time.perf_counter() + WITHIN_S
        while self.waiting or self.asking:
            assert time.perf_counter() < end, f"{len(self.asking)} guests have no address"
            while self.waiting and len(self.asking) < self.at_once:
                self._begin(self.waiting.popleft())
            readable, _, _ = select.select([self.wire], [], [], RECHECK_S)
            if readable:
                self._hear()
            self._ask_again()

    def _begin(self, guest: Guest) -> None:
        self.asking[guest.number] = guest
        guest.began = time.perf_counter()
        self._ask(guest, self.dhcp.first(guest))

    def _ask(self, guest: Guest, question: bytes) -> None:
        guest.question, guest.patience_s = question, self.dhcp.patience_s
        self._send(guest)

    def _send(self, guest: Guest) -> None:
        guest.asked = time.perf_counter()
        self.wire.sendto(guest.question, (guest.interface, 0))

    def _ask_again(self) -> None:
        now = time.perf_counter()
        for guest in self.asking.values():
            if now - guest.asked > guest.patience_s:
                self.repeated += 1
                guest.patience_s *= 2
                self._send(guest)

    def _hear(self) -> None:
        frame = self.wire.recv(2048)
        said = self.dhcp.read(frame)
        guest = self.asking.get(said[0]) if said else None
        if said is None or guest is None or said[1] != self.dhcp.kinds[guest.answers]:
            return  # Something else, or an answer to what was asked twice.
        assert said[2] == guest.address, f"{guest.interface} got {said[2]} instead of {guest.address}"
        guest.answers += 1
        if guest.answers < len(self.dhcp.kinds):
            self._ask(guest, self.dhcp.second(guest, frame))
            return
        del self.asking[guest.number]
        self.seconds.append(time.perf_counter() - guest.began)


def guests_of(ports: Sequence[Port], version: int) -> deque[Guest]:
    """A guest for each port, that looks for its address of this version."""
    return deque(
        Guest(
            interface=tap_of(port),
            mac=bytes.fromhex(port.mac_address.replace(":", "")),
            address=next(each for each in port.addresses if ipaddress.ip_address(each).version == version),
            number=number.to_bytes(3, "big"),
        )
        for number, port in enumerate(ports)
    )


def measured(lab: OvnLab, ports: Sequence[Port], version: int, at_once: int) -> dict[str, Any]:
    """What it takes that each port gets its address."""
    dhcp = WAYS[version]
    pids = {
        name: int((lab.hosts[CHASSIS].daemons.folder / f"{name}.pid").read_text())
        for name in ("controller", "vswitchd")
    }

    def run() -> tuple[Run, float]:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(dhcp.ethertype)) as wire:
            wire.setsockopt(socket.SOL_SOCKET, 33, BUFFER_BYTES)  # SO_RCVBUFFORCE, asm-generic/socket.h.
            guests = Run(dhcp, guests_of(ports, version), at_once, wire)
            began = time.perf_counter()
            guests.until_all_have_theirs()
            return guests, time.perf_counter() - began

    before = {name: cpu_s(pid) for name, pid in pids.items()}
    guests, wall_s = inside(lab.host, run)
    used_ms = {name: (cpu_s(pid) - before[name]) / len(ports) * 1e3 for name, pid in pids.items()}
    result = {
        "version": version,
        "ports": len(ports),
        "at_once": at_once,
        "leases_s": len(ports) / wall_s,
        "median_ms": percentile(guests.seconds, 0.5) * 1e3,
        "p99_ms": percentile(guests.seconds, 0.99) * 1e3,
        "repeated": guests.repeated,
        **{f"{name}_cpu_ms": used for name, used in used_ms.items()},
        "controller_mib": pss_mib(pids["controller"]),
    }
    print(
        f"DHCPv{version}, {len(ports)} ports, {at_once} at once: {result['leases_s']:.0f} leases a second, median"
        f" {result['median_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms, {guests.repeated} asked again; for each"
        f" {used_ms['controller']:.2f} ms of ovn-controller and {used_ms['vswitchd']:.2f} of the switch; ovn-controller"
        f" holds {result['controller_mib']:.0f} MiB",
        flush=True,
    )
    return result


def raised(lab: OvnLab, ports: Sequence[Port]) -> None:
    """Let the interfaces of ports carry frames. They get no addresses of this machine's own."""
    lines = "".join(f"link set {tap_of(port)} addrgenmode none up\n" for port in ports)
    subprocess.run(["ip", "-n", lab.host, "-batch", "-"], input=lines, text=True, check=True, timeout=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", type=int, default=2000)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--json", type=Path, help="also write the results here")
    asked = parser.parse_args()
    with OvnLab() as lab, a_cloud_on(lab, gateway_hosts=(CHASSIS,)) as cloud:
        crowd, ports = DualCrowd(lab, cloud), list[Port]()
        began = time.perf_counter()
        while len(ports) < asked.ports:
            more = crowd.ports(min(AT_ONCE, asked.ports - len(ports)))
            crowd.plug(more)
            raised(lab, more)
            ports += more
        crowd.wait(ports)
        print(f"# {len(ports)} ports there after {time.perf_counter() - began:.1f} s", flush=True)
        results = [
            measured(lab, ports[: max(LEAST, ROUNDS * at_once)], version, at_once)
            for at_once in asked.at_once
            for version in WAYS
        ]
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
