"""What the switch of a host should be set up to, what is seen of it, and what is wrong: values and pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nacre.kernel.ids import HostId
from nacre.network.contract import ChassisFault, Spoils

MAPPINGS = "ovn-bridge-mappings"


class HostBridge(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge of the host beside the one of guests: to a physical network, or if none is named, for the tunnels.

    `address` with its prefix is this machine's own on it; `uplink` the interface by which it leaves the machine.
    """

    name: str
    physical_network: str = ""
    address: str = ""
    uplink: str = ""


class ChassisWish(msgspec.Struct, frozen=True, kw_only=True):
    """All that a host needs to be a chassis. `tunnel_mtu` is the packet that has to get to every other one whole."""

    host_id: HostId
    southbound: str
    bridge: str
    datapath_type: str
    encap_ip: str
    encap_type: str = "geneve"
    tunnel_mtu: int = 1500
    bridges: tuple[HostBridge, ...] = ()

    @property
    def mappings(self) -> dict[str, str]:
        """The bridge of each physical network."""
        return {each.physical_network: each.name for each in self.bridges if each.physical_network}

    @property
    def settings(self) -> dict[str, str]:
        """What ovn-controller reads from the switch's database."""
        return {
            "system-id": self.host_id,
            "ovn-remote": self.southbound,
            "ovn-encap-type": self.encap_type,
            "ovn-encap-ip": self.encap_ip,
            "ovn-bridge": self.bridge,
            # A machine busy with emulated guests may well not answer within the usual five seconds.
            "ovn-openflow-probe-interval": "30",
            "ovn-bridge-datapath-type": self.datapath_type,
            MAPPINGS: ",".join(f"{network}:{bridge}" for network, bridge in self.mappings.items()),
        }


class BridgeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge of the switch, with the names of its ports."""

    datapath_type: str
    fail_mode: str = ""
    ports: frozenset[str] = frozenset()


class Tunnel(msgspec.Struct, frozen=True):
    """A tunnel that ovn-controller has made to another chassis."""

    chassis: str
    remote_ip: str


class ChassisSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the switch. `errors` are what it says of interfaces that it cannot use, by their names."""

    settings: Mapping[str, str] = {}
    bridges: Mapping[str, BridgeSeen] = {}
    tunnels: tuple[Tunnel, ...] = ()
    errors: Mapping[str, str] = {}

    @property
    def physical_networks(self) -> tuple[str, ...]:
        """Those for which ovn-controller was told a bridge, by name."""
        pairs = (each.partition(":") for each in self.settings.get(MAPPINGS, "").split(","))
        return tuple(sorted(name for name, _, bridge in pairs if name and bridge))


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What else is seen on the machine: which of the wished addresses it has, which uplinks have a carrier, and how
    long a packet may be that leaves it for another host."""

    addresses: frozenset[str] = frozenset()
    carriers: frozenset[str] = frozenset()
    mtu: int | None = None


def setting_up(wish: ChassisWish) -> list[str]:
    """The one change of the switch that makes it a chassis as wished, in the words of ovs-vsctl; safe to repeat."""
    words = ["set", "open_vswitch", "."]
    # Quoted, since colons and commas mean something to ovs-vsctl.
    words += [f'external_ids:{name}="{value}"' for name, value in wish.settings.items() if value]
    words += ["--", "--may-exist", "add-br", wish.bridge]
    words += ["--", "set", "bridge", wish.bridge, f"datapath_type={wish.datapath_type}", "fail_mode=secure"]
    for each in wish.bridges:
        words += ["--", "--may-exist", "add-br", each.name]
        words += ["--", "set", "bridge", each.name, f"datapath_type={wish.datapath_type}"]
        if each.uplink:
            words += ["--", "--may-exist", "add-port", each.name, each.uplink]
    return words


def is_set_up(wish: ChassisWish, seen: ChassisSeen) -> bool:
    """Whether the switch is as wished; what others set beside that is theirs."""
    wanted = {name: value for name, value in wish.settings.items() if value}
    if any(seen.settings.get(name) != value for name, value in wanted.items()):
        return False
    own = seen.bridges.get(wish.bridge)
    if own is None or (own.datapath_type, own.fail_mode) != (wish.datapath_type, "secure"):
        return False
    return all(_is_made(each, wish, seen) for each in wish.bridges)


def _is_made(bridge: HostBridge, wish: ChassisWish, seen: ChassisSeen) -> bool:
    found = seen.bridges.get(bridge.name)
    if found is None or found.datapath_type != wish.datapath_type:
        return False
    return not bridge.uplink or bridge.uplink in found.ports


def plugged_again(wish: ChassisWish, seen: ChassisSeen) -> list[str]:
    """Words that let the switch try those uplinks once more that it could not use; none if there are none."""
    words: list[str] = []
    for each in wish.bridges:
        if each.uplink in seen.errors:
            words += ["--", "--if-exists", "del-port", each.name, each.uplink]
            words += ["--", "add-port", each.name, each.uplink]
    return words[1:]


def faults(
    wish: ChassisWish, seen: ChassisSeen, around: Around, *, refusal: str = ""
) -> tuple[ChassisFault, ...]:
    """What is wrong on this host itself. `refusal` is what the switch answered when it was to be set up."""
    because = f": {refusal}" if refusal else ""
    found: list[ChassisFault] = []
    if wish.bridge not in seen.bridges:
        found.append(_fault(Spoils.EVERYTHING, f"bridge {wish.bridge} is missing{because}"))
    elif refusal and not is_set_up(wish, seen):
        found.append(_fault(Spoils.EVERYTHING, f"the switch could not be set up{because}"))
    found += [fault for each in wish.bridges for fault in _bridge_faults(each, seen, around, because)]
    if wish.encap_ip not in around.addresses:
        found.append(_fault(Spoils.TUNNELS, f"the tunnels' address {wish.encap_ip} is not on this host"))
    elif around.mtu is not None and around.mtu < wish.tunnel_mtu:
        what = f"packets to other hosts may have {around.mtu} bytes, and {wish.tunnel_mtu} are needed for tunnels"
        found.append(_fault(Spoils.TUNNELS, what))
    found += [
        _fault(Spoils.TUNNELS, f"the switch cannot use the tunnel {name}: {error}")
        for name, error in sorted(seen.errors.items())
        if name.startswith("ovn-")
    ]
    return tuple(found)


def _bridge_faults(
    bridge: HostBridge, seen: ChassisSeen, around: Around, because: str
) -> Sequence[ChassisFault]:
    found = seen.bridges.get(bridge.name)
    if found is None:
        what = f"bridge {bridge.name} is missing{because}"
    elif bridge.uplink and (bridge.uplink not in found.ports or bridge.uplink in seen.errors):
        error = seen.errors.get(bridge.uplink) or "it is no port of it"
        what = f"bridge {bridge.name} cannot use its uplink {bridge.uplink}: {error}"
    elif bridge.uplink and bridge.uplink not in around.carriers:
        what = f"the uplink {bridge.uplink} of bridge {bridge.name} is missing, down or without a carrier"
    elif bridge.address and bridge.address.partition("/")[0] not in around.addresses:
        what = f"bridge {bridge.name} does not have the address {bridge.address}"
    else:
        return ()
    spoils = Spoils.PHYSICAL if bridge.physical_network else Spoils.TUNNELS
    return (_fault(spoils, what, bridge.physical_network),)


def _fault(spoils: Spoils, what: str, physical_network: str = "") -> ChassisFault:
    return ChassisFault(spoils=spoils, what=what, physical_network=physical_network)
