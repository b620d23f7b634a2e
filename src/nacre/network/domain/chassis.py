"""A host's own part in networks, as its agent reports it; and which hosts are cut off, by what all of them report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from enum import StrEnum

import msgspec

from nacre.kernel.ids import HostId

MOST_UNREACHED = 50
"""So many hosts out of reach are named; whoever misses more is cut off in any case."""


class Spoils(StrEnum):
    """What cannot be relied on where a fault is."""

    EVERYTHING = "everything"
    TUNNELS = "tunnels"
    PHYSICAL = "physical network"


class ChassisFault(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong on a host itself, as a sentence. `physical_network` is named where only that is spoilt."""

    spoils: Spoils
    what: str
    physical_network: str = ""


class Unreached(msgspec.Struct, frozen=True):
    """Another host to which packets do not get. Whose fault that is cannot be told from one side."""

    host_id: HostId
    what: str


class ChassisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What only the agent of a host may say of its part in networks. Its chassis is named as the host.

    `tunnel_mtu` is the longest packet that has to get from host to host whole; `tunnels` counts those to others.
    """

    bridge: str
    datapath_type: str
    encap_type: str
    encap_ip: str
    tunnel_mtu: int
    bridge_mappings: Mapping[str, str] = {}
    tunnels: int = 0
    faults: tuple[ChassisFault, ...] = ()
    unreached: tuple[Unreached, ...] = ()

    @property
    def is_ailing(self) -> bool:
        return bool(self.faults or self.unreached)


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a server's ports stand on. Each of `wires` are all physical networks by which one network can be had."""

    tunnels: bool = False
    wires: tuple[frozenset[str], ...] = ()

    def missed(self, on: Collection[str]) -> str:
        """Why a host that is on these physical networks cannot have it, as a sentence; empty if it can."""
        missed = [" or ".join(sorted(names)) for names in self.wires if names.isdisjoint(on)]
        return f"it is not on physical network {missed[0]}" if missed else ""


class Standing(msgspec.Struct, frozen=True):
    """What is known to be wrong with one host's part in networks: its own faults, and whom it does not reach.

    `cut_off` are the hosts it does not reach, or that do not reach it, if these are so many that it is to blame.
    """

    faults: tuple[ChassisFault, ...] = ()
    cut_off: tuple[Unreached, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """All that is wrong, one by one."""
        return [fault.what for fault in self.faults] + [
            f"{each.host_id}: {each.what}" for each in self.cut_off
        ]

    def objection(self, needs: Needs) -> str:
        """Why what needs this should not be here, as a sentence; empty if it may be."""
        for fault in self.faults:
            if fault.spoils is Spoils.EVERYTHING or (fault.spoils is Spoils.TUNNELS and needs.tunnels):
                return fault.what
        gone = {fault.physical_network for fault in self.faults if fault.spoils is Spoils.PHYSICAL}
        if any(wires and wires <= gone for wires in needs.wires):
            return next(fault.what for fault in self.faults if fault.spoils is Spoils.PHYSICAL)
        if needs.tunnels and self.cut_off:
            others = ", ".join(each.host_id for each in self.cut_off)
            return f"tunnels between it and {others} do not work: {self.cut_off[0].what}"
        return ""


def standings(facts: Mapping[HostId, ChassisFacts], alive: Collection[HostId]) -> Mapping[HostId, Standing]:
    """How it stands with those hosts that are alive and ail. `facts` hold at least all that ail or are named by them.

    Hosts without a fault of their own miss those that have one, or are dead, without being to blame for it.
    """
    own = {host_id: facts[host_id].faults for host_id in facts if host_id in alive and facts[host_id].faults}
    sick = {host_id for host_id, faults in own.items() if any(_cuts_off(fault) for fault in faults)}
    sound = {host_id for host_id in facts if host_id in alive and host_id not in sick}
    missing = _missing(facts, sound)
    absent = {
        host_id: len({each.host_id for each in facts[host_id].unreached} - sound) for host_id in missing
    }
    peers = {host_id: facts[host_id].tunnels - absent[host_id] for host_id in missing}
    blamed = cut_off({host_id: set(others) for host_id, others in missing.items()}, peers)
    return {
        host_id: Standing(own.get(host_id, ()), tuple(missing[host_id].values()) if host_id in blamed else ())
        for host_id in sorted({*own, *blamed})
    }


def cut_off(missing: Mapping[HostId, Set[HostId]], peers: Mapping[HostId, int]) -> frozenset[HostId]:
    """The hosts to blame for links that do not work: those that miss more than half of their peers.

    The worst are taken first, and the others no longer miss those; so one bad host leaves the good ones good.
    """
    blamed: set[HostId] = set()
    left = {host_id: set(others) for host_id, others in missing.items() if others}
    while left:
        share = {
            host_id: len(others) / max(len(others), peers[host_id] - len(blamed))
            for host_id, others in left.items()
        }
        worst = max(share.values())
        if worst <= 0.5:
            break
        found = {host_id for host_id in left if share[host_id] == worst}
        blamed |= found
        left = {
            host_id: others - found
            for host_id, others in left.items()
            if host_id not in found and others - found
        }
    return frozenset(blamed)


def _missing(
    facts: Mapping[HostId, ChassisFacts], sound: Collection[HostId]
) -> dict[HostId, dict[HostId, Unreached]]:
    """Whom each misses among the sound: a link that one end complains of works for neither."""
    missing: dict[HostId, dict[HostId, Unreached]] = {}
    for host_id in sorted(sound):
        for each in facts[host_id].unreached:
            if each.host_id in sound:
                missing.setdefault(host_id, {})[each.host_id] = each
                missing.setdefault(each.host_id, {}).setdefault(
                    host_id, Unreached(host_id, f"to it, {each.what}")
                )
    return missing


def _cuts_off(fault: ChassisFault) -> bool:
    return fault.spoils is not Spoils.PHYSICAL
