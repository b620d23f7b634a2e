"""Keeps the host a chassis: sets the switch up, and looks whether it and the ways to the other hosts are well."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Protocol

from nacre.agent.domain.chassis import (
    Around,
    ChassisSeen,
    ChassisWish,
    HostBridge,
    Tunnel,
    faults,
    is_set_up,
    plugged_again,
    setting_up,
)
from nacre.agent.drivers import reach
from nacre.agent.drivers.files import run_command
from nacre.agent.drivers.reach import Way
from nacre.kernel.errors import Problem
from nacre.kernel.ids import HostId
from nacre.network.contract import MOST_UNREACHED, ChassisFacts, Unreached

log = logging.getLogger("nacre.agent")

PROBED_AT_ONCE = 64
"""Of many other hosts so many are asked in one look, and the next ones in the next."""
STRIKES = 3
"""So many looks in a row have to miss a host before it is said to be out of reach."""


class ChassisSwitch(Protocol):
    """The switch as a chassis needs it."""

    def chassis_seen(self) -> ChassisSeen | None:
        """What is seen of it; None before it has been seen at all. Cheap: asks nobody."""
        ...

    def vsctl(self, *arguments: str) -> str:
        """Change it, and wait until it is so. Raises EngineAway, EngineRefused."""
        ...


WaysTo = Callable[..., Mapping[str, Way]]


class Chassis:
    """A ChassisDriver on a switch of this network namespace."""

    def __init__(self, wish: ChassisWish, switch: ChassisSwitch, *, ways_to: WaysTo = reach.ways_to) -> None:
        self._wish = wish
        self._switch = switch
        self._ways_to = ways_to
        self._strikes: dict[Tunnel, int] = {}
        self._missed: dict[Tunnel, Way] = {}
        self._turn = 0
        self._facts: ChassisFacts | None = None
        self._one_at_a_time = threading.Lock()

    def facts(self) -> ChassisFacts | None:
        return self._facts

    def survey(self) -> bool:
        with self._one_at_a_time:
            refusal = self._set_up()
            seen = self._switch.chassis_seen()
            if seen is None:
                return False
            self._probe(seen.tunnels)
            self._facts = self._facts_of(seen, refusal)
        return not (self._facts.faults or self._strikes)

    # -- what is made ----------------------------------------------------------------------------------------

    def _set_up(self) -> str:
        """Make what is missing; why it could not be made, empty if all was."""
        seen = self._switch.chassis_seen()
        try:
            if seen is not None and not is_set_up(self._wish, seen):
                log.warning("the switch is not as it should be; it is set up")
                self._switch.vsctl(*setting_up(self._wish))
            elif seen is not None and (words := plugged_again(self._wish, seen)):
                self._switch.vsctl(*words)
            for bridge in self._wish.bridges:
                ensure_address(bridge)
        except Problem as problem:
            return str(problem)
        return ""

    # -- what is seen ----------------------------------------------------------------------------------------

    def _facts_of(self, seen: ChassisSeen, refusal: str) -> ChassisFacts:
        wish = self._wish
        own = seen.bridges.get(wish.bridge)
        return ChassisFacts(
            bridge=wish.bridge,
            datapath_type=own.datapath_type if own else "",
            encap_type=wish.encap_type,
            encap_ip=wish.encap_ip,
            tunnel_mtu=wish.tunnel_mtu,
            bridge_mappings=wish.mappings,
            tunnels=len(seen.tunnels),
            faults=faults(wish, seen, self._around(seen.tunnels), refusal=refusal),
            unreached=tuple(islice(self._unreached(), MOST_UNREACHED)),
        )

    def _around(self, tunnels: Sequence[Tunnel]) -> Around:
        wanted = {self._wish.encap_ip, *(each.address.partition("/")[0] for each in self._wish.bridges)} - {
            ""
        }
        mtus = [reach.mtu_towards(each.remote_ip, from_address=self._wish.encap_ip) for each in tunnels[:1]]
        return Around(
            addresses=frozenset(address for address in wanted if reach.has_address(address)),
            carriers=frozenset(each.uplink for each in self._wish.bridges if reach.has_carrier(each.uplink)),
            mtu=mtus[0] if mtus else None,
        )

    def _unreached(self) -> Sequence[Unreached]:
        return [
            Unreached(HostId(tunnel.chassis), self._in_words(self._missed[tunnel]))
            for tunnel, strikes in sorted(self._strikes.items(), key=lambda item: item[0].chassis)
            if strikes >= STRIKES
        ]

    def _in_words(self, way: Way) -> str:
        if way is Way.SMALL:
            return f"packets of {self._wish.tunnel_mtu} bytes do not get through whole, smaller ones do"
        return "no packet is answered"

    def _probe(self, tunnels: Sequence[Tunnel]) -> None:
        """Ask those that were missed, and some of the others by turns."""
        for gone in self._strikes.keys() - set(tunnels):
            del self._strikes[gone], self._missed[gone]
        asked = self._next(tunnels)
        if not asked:
            return
        try:
            ways = self._ways_to(
                {each.remote_ip for each in asked},
                from_address=self._wish.encap_ip,
                size_bytes=self._wish.tunnel_mtu,
            )
        except OSError as error:
            log.warning("other hosts could not be asked: %s", error)
            ways = {}
        for tunnel in asked:
            way = ways.get(tunnel.remote_ip, Way.NONE)
            if way is Way.WHOLE:
                self._strikes.pop(tunnel, None)
                self._missed.pop(tunnel, None)
            else:
                self._strikes[tunnel] = min(STRIKES, self._strikes.get(tunnel, 0) + 1)
                self._missed[tunnel] = way

    def _next(self, tunnels: Sequence[Tunnel]) -> Collection[Tunnel]:
        if len(tunnels) <= PROBED_AT_ONCE:
            return tunnels
        at = self._turn % len(tunnels)
        self._turn = at + PROBED_AT_ONCE
        by_turns = [*tunnels[at:], *tunnels[:at]][:PROBED_AT_ONCE]
        return {*islice(self._strikes, PROBED_AT_ONCE), *by_turns}


def ensure_address(bridge: HostBridge) -> None:
    """This machine has its address on the bridge. Raises EngineRefused, EngineAway."""
    if not bridge.address or reach.has_address(bridge.address.partition("/")[0]):
        return
    try:
        socket.if_nametoindex(bridge.name)
    except OSError:
        return  # It is not there, which is told as a fault.
    run_command("ip", "address", "replace", bridge.address, "dev", bridge.name)
    run_command("ip", "link", "set", bridge.name, "up")
