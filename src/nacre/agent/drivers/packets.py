"""Limits of packets: a small bridge of the port's own, between a guest's interface and the integration bridge.

OVN has no limits of packets, and whatever else is put into the integration bridge, ovn-controller clears away. So the
interface moves to a bridge of its own, from where a patch leads to the integration bridge and is the port there; each
limit is a meter and a flow in it. A patch costs nothing where packets are switched, in user space and in the kernel.

Flows and meters die with ovs-vswitchd. The bridge passes everything then, until they are given to it again: that it is
another one is seen from the MAC that vswitchd makes up for a patch each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from nacre.agent.drivers.base import EngineRefused
from nacre.agent.drivers.domain_xml import TAP_ID_LENGTH, tap_name
from nacre.agent.drivers.files import run_command
from nacre.compute.domain.guests import GuestNic
from nacre.kernel.ids import PortId, ServerId
from nacre.network.contract import PacketLimit

OFCTL_LIMIT_S = 10
SEEN_LIMIT_S = 2.0
MOST_PER_S = (1 << 32) - 1
"""What a meter can count; source: OpenFlow 1.3, "Meter bands"."""

OWN_PORT = "nacre-port"
"""The key under which a bridge of ours names the port that it is for."""

Vsctl = Callable[..., str]


class Between(msgspec.Struct, frozen=True):
    """A bridge of ours, as it is seen. `made` differs from what it was when vswitchd made the bridge anew."""

    has_guest: bool
    made: str

    @property
    def is_whole(self) -> bool:
        """Whether the guest is connected by it."""
        return self.has_guest and bool(self.made)


class PacketLimits:
    """The limits of one switch's interfaces. `see` is told what there is, by whoever watches the switch."""

    def __init__(self, vsctl: Vsctl, *, bridge: str, run_dir: Path) -> None:
        """`bridge` is the integration bridge; vswitchd listens in `run_dir`."""
        self._vsctl = vsctl
        self._bridge = bridge
        self._run_dir = run_dir
        self._between: Mapping[PortId, Between] = {}
        self._given: dict[PortId, tuple[tuple[PacketLimit, ...], str]] = {}
        self._seen = threading.Condition()

    def see(self, bridges: Iterable[tuple[PortId, Collection[str]]], macs: Mapping[str, str]) -> set[PortId]:
        """Take note of our bridges with the names of their ports, and of the MACs of patches; what has changed."""
        before = self._between
        with self._seen:
            self._between = {
                port_id: Between(
                    has_guest=tap_name(port_id) in ports,
                    made=macs.get(_outer(port_id), "") if _inner(port_id) in macs else "",
                )
                for port_id, ports in bridges
            }
            self._seen.notify_all()
        return {
            port_id
            for port_id in before.keys() | self._between.keys()
            if before.get(port_id) != self._between.get(port_id)
        }

    def is_cut_off(self, port_id: PortId) -> bool:
        """Whether what is the port on the integration bridge leads to no guest."""
        between = self._between.get(port_id)
        return between is not None and not between.has_guest

    def spare(self) -> set[PortId]:
        """The ports whose bridge has no guest any more."""
        return {port_id for port_id, between in self._between.items() if not between.has_guest}

    def keeps(self, nic: GuestNic) -> bool:
        """Whether the packets of an interface are limited just as is wished."""
        between = self._between.get(nic.port_id)
        if between is None or not nic.packet_limits:
            return between is None and not nic.packet_limits
        return between.is_whole and self._given.get(nic.port_id) == (nic.packet_limits, between.made)

    def limit(self, guest_id: ServerId, nic: GuestNic, *, datapath_type: str) -> None:
        """The packets of a plugged interface are limited just as is wished. Raises EngineRefused, EngineAway."""
        port_id = nic.port_id
        if not nic.packet_limits:
            self.remove(port_id)
            return
        between = self._between.get(port_id)
        if between is None or not between.is_whole:
            number = self._number_of(tap_name(port_id))
            words = _moving_in(port_id, guest_id, number, bridge=self._bridge, datapath_type=datapath_type)
            self._vsctl(*words)
            between = self._await_whole(port_id)
        self._give(port_id, nic.packet_limits)
        self._given[port_id] = (nic.packet_limits, between.made)

    def remove(self, port_id: PortId) -> None:
        """The guest, if it is still there, is plugged into the integration bridge itself."""
        self._given.pop(port_id, None)
        between = self._between.get(port_id)
        if between is not None and between.has_guest:
            self._vsctl(*_moving_out(port_id, self._number_of(_inner(port_id)), bridge=self._bridge))
        else:
            self._vsctl(*_removing(port_id, bridge=self._bridge))
        self._await(lambda: port_id not in self._between)

    def _number_of(self, interface: str) -> str:
        """By which flows speak of an interface: empty if it has none. Whatever takes its place takes it over.

        The flows of ovn-controller are right then at once. Else a guest that moves would have to wait for it to work
        out all flows of its host anew.
        """
        number = self._vsctl("--if-exists", "get", "interface", interface, "ofport").strip()
        return number if number.isdecimal() else ""

    def _await_whole(self, port_id: PortId) -> Between:
        self._await(lambda: port_id in self._between and self._between[port_id].is_whole)
        between = self._between.get(port_id)
        if between is None or not between.is_whole:
            raise EngineRefused("Open vSwitch", f"port {port_id} was not moved to a bridge of its own")
        return between

    def _await(self, seen: Callable[[], bool]) -> None:
        with self._seen:
            self._seen.wait_for(seen, SEEN_LIMIT_S)

    def _give(self, port_id: PortId, limits: Sequence[PacketLimit]) -> None:
        """Flows are replaced as a whole, and a meter that is there already only gets another rate."""
        known = {int(line.split()[0]) for line in self._ofctl(port_id, "dump-meters").split("meter=")[1:]}
        for number, limit in enumerate(limits, 1):
            command = "mod-meter" if number in known else "add-meter"
            self._ofctl(port_id, command, _meter(number, limit))
        self._ofctl(port_id, "replace-flows", "-", said=_flows(port_id, limits))
        for number in sorted(known - set(range(1, len(limits) + 1))):
            self._ofctl(port_id, "del-meter", f"meter={number}")

    def _ofctl(self, port_id: PortId, command: str, *words: str, said: str = "") -> str:
        where = f"unix:{self._run_dir / _own(port_id)}.mgmt"
        options = ("-O", "OpenFlow15", f"--timeout={OFCTL_LIMIT_S}")
        limit_s = 2.0 * OFCTL_LIMIT_S
        return run_command("ovs-ofctl", *options, command, where, *words, limit_s=limit_s, said=said)


def _own(port_id: PortId) -> str:
    return "lim" + port_id[:TAP_ID_LENGTH]


def _outer(port_id: PortId) -> str:
    """The end of the patch in our bridge."""
    return "lio" + port_id[:TAP_ID_LENGTH]


def _inner(port_id: PortId) -> str:
    """The end of the patch in the integration bridge."""
    return "lii" + port_id[:TAP_ID_LENGTH]


def _moving_in(
    port_id: PortId, guest_id: ServerId, number: str, *, bridge: str, datapath_type: str
) -> list[str]:
    """One transaction, in the words of ovs-vsctl: the guest's interface is behind a bridge of its own."""
    tap, own, outer, inner = tap_name(port_id), _own(port_id), _outer(port_id), _inner(port_id)
    return [
        *("--id=@tap", "get", "port", tap),
        *("--", "remove", "bridge", bridge, "ports", "@tap"),
        *("--", "remove", "interface", tap, "external_ids", "iface-id", "ovn-installed", "ovn-installed-ts"),
        *("--", "--may-exist", "add-br", own),
        *("--", "set", "bridge", own, f"datapath_type={datapath_type}", "fail_mode=standalone"),
        *("--", "set", "bridge", own, f"external_ids:{OWN_PORT}={port_id}"),
        *("--", "add", "bridge", own, "ports", "@tap"),
        *("--", "--may-exist", "add-port", own, outer),
        *("--", "set", "interface", outer, "type=patch", f"options:peer={inner}"),
        *("--", "--if-exists", "del-port", bridge, inner),
        *("--", "add-port", bridge, inner),
        *("--", "set", "interface", inner, "type=patch", f"options:peer={outer}"),
        *(f"external_ids:iface-id={port_id}", f"external_ids:vm-id={guest_id}"),
        *([f"ofport={number}"] if number else []),
    ]


def _moving_out(port_id: PortId, number: str, *, bridge: str) -> list[str]:
    tap = tap_name(port_id)
    return [
        *("--id=@tap", "get", "port", tap),
        *("--", "remove", "bridge", _own(port_id), "ports", "@tap"),
        *("--", *_removing(port_id, bridge=bridge)),
        *("--", "add", "bridge", bridge, "ports", "@tap"),
        *("--", "set", "interface", tap, f"external_ids:iface-id={port_id}"),
        *([f"ofport={number}"] if number else []),
    ]


def _removing(port_id: PortId, *, bridge: str) -> list[str]:
    own, inner = _own(port_id), _inner(port_id)
    return ["--if-exists", "del-br", own, "--", "--if-exists", "del-port", bridge, inner]


def _meter(number: int, limit: PacketLimit) -> str:
    rate, burst = (min(each, MOST_PER_S) for each in (limit.packets_per_s, limit.burst))
    return f"meter={number},pktps,burst,stats,bands=type=drop,rate={rate},burst_size={burst}"


def _flows(port_id: PortId, limits: Sequence[PacketLimit]) -> str:
    """What enters on one side leaves on the other; the meter of a VLAN comes before that of everything."""
    guest, rest = tap_name(port_id), _outer(port_id)
    lines = [
        f"priority=0,in_port={guest},actions=output:{rest}",
        f"priority=0,in_port={rest},actions=output:{guest}",
    ]
    for number, limit in enumerate(limits, 1):
        here, there = (guest, rest) if limit.is_outward else (rest, guest)
        which = "priority=1" if limit.vlan is None else f"priority=2,dl_vlan={limit.vlan}"
        lines.append(f"{which},in_port={here},actions=meter:{number},output:{there}")
    return "\n".join(lines) + "\n"
