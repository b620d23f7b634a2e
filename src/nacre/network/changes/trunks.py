"""Trunks come and go, and so do the ports that they carry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from nacre.kernel.database import Duplicate, Tx
from nacre.kernel.ids import HostId
from nacre.network.changes import events, ports
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ports import Port
from nacre.network.domain.trunks import SUBPORT_OWNER, SegmentationType, SubPort, Trunk, first_repeated
from nacre.network.errors import (
    DuplicateSubPort,
    InvalidInput,
    ParentPortInUse,
    PortInUse,
    PortNotFound,
    SubPortMtuGreaterThanTrunkPortMtu,
    SubPortNotFound,
)
from nacre.network.hindrances import of_trunk, refuse
from nacre.network.store import networks, quotas, trunks
from nacre.network.store import ports as port_store


def create(tx: Tx, trunk: Trunk, parent: Port) -> Trunk:
    """Make a trunk of a locked port, with its first subports.

    Errors: OverQuota, PortInUseAsTrunkParent, PortInUseAsSubPort, ParentPortInUse, and those of `add`.
    """
    quotas.check_room(tx, trunk.project_id, "trunk")
    ports.check_in_no_trunk(tx, [parent.id])
    if parent.is_trusted:
        raise ParentPortInUse(parent.id)
    trunks.TRUNKS.insert(tx, [trunk])
    events.created(tx, "trunk", trunk)
    return replace(trunk, sub_ports=_carry(tx, replace(trunk, sub_ports=()), parent, trunk.sub_ports))


def update(tx: Tx, before: Trunk, after: Trunk) -> Trunk:
    """Change what a locked trunk is called, and whether it may be changed otherwise."""
    after = trunks.TRUNKS.update(tx, before, after)
    events.updated(tx, "trunk", before, after)
    return after


def delete(tx: Tx, trunk: Trunk) -> None:
    """Delete a locked trunk; its ports are ports as others from then on. Errors: TrunkDisabled."""
    _check_up(trunk)
    _release(tx, [each.port_id for each in trunk.sub_ports])
    trunks.TRUNKS.remove(tx, trunk.id)
    events.deleted(tx, "trunk", trunk)


def add(tx: Tx, trunk: Trunk, sub_ports: Sequence[SubPort]) -> Trunk:
    """Let a locked trunk carry these too, all or none.

    Errors: TrunkDisabled, ParentPortInUse, PortNotFound, PortInUse, PortInUseAsTrunkParent, PortInUseAsSubPort,
    DuplicateSubPort, InvalidInput, SubPortMtuGreaterThanTrunkPortMtu.
    """
    _check_up(trunk)
    carried = _carry(tx, trunk, port_store.load(tx, trunk.port_id), sub_ports)
    return update(tx, trunk, replace(trunk, sub_ports=_in_order([*trunk.sub_ports, *carried])))


def remove(tx: Tx, trunk: Trunk, port_ids: Collection[str]) -> Trunk:
    """Let a locked trunk carry these no longer, all or none. Errors: TrunkDisabled, SubPortNotFound."""
    _check_up(trunk)
    held = {each.port_id for each in trunk.sub_ports}
    for port_id in port_ids:
        if port_id not in held:
            raise SubPortNotFound(trunk.id, port_id)
    _release(tx, port_ids)
    left = tuple(each for each in trunk.sub_ports if each.port_id not in port_ids)
    return update(tx, trunk, replace(trunk, sub_ports=left))


def _check_up(trunk: Trunk) -> None:
    refuse(of_trunk(trunk))


def _carry(tx: Tx, trunk: Trunk, parent: Port, wanted: Sequence[SubPort]) -> tuple[SubPort, ...]:
    if not wanted:
        return ()
    found = port_store.lock_some(tx, {each.port_id for each in wanted})
    for each in wanted:
        if each.port_id == parent.id:
            raise ParentPortInUse(parent.id)
        if each.port_id not in found:
            raise PortNotFound(each.port_id)
    ports.check_in_no_trunk(tx, found)
    for port in found.values():
        if port.device_id or port.is_trusted:
            raise PortInUse(port.id, port.network_id, port.device_id)
    carried = _in_order(_tagged(tx, parent, found, wanted))
    if twice := first_repeated([*trunk.sub_ports, *carried]):
        raise DuplicateSubPort(str(twice.segmentation_type), twice.segmentation_id or 0, trunk.id)
    try:
        trunks.add(tx, trunk.id, carried)
    except Duplicate as problem:
        raise DuplicateSubPort("vlan", carried[0].segmentation_id or 0, trunk.id) from problem
    for port in found.values():
        after = replace(port, device_owner=SUBPORT_OWNER, binding_host_id=parent.binding_host_id)
        ports.update(tx, port, after)
        port_store.set_status(tx, port.id, parent.status)
    ports.limited_anew(tx, [parent.id])
    return carried


def _tagged(tx: Tx, parent: Port, found: Mapping[str, Port], wanted: Sequence[SubPort]) -> list[SubPort]:
    """The subports with the tags that they inherit. Errors: InvalidInput, SubPortMtuGreaterThanTrunkPortMtu."""
    on = networks.NETWORKS.some(tx, {parent.network_id, *(port.network_id for port in found.values())})
    room = on[parent.network_id].mtu
    tagged = []
    for each in wanted:
        network = on[found[each.port_id].network_id]
        if network.mtu > room:
            raise SubPortMtuGreaterThanTrunkPortMtu(each.port_id, network.mtu, parent.id, room)
        if each.segmentation_type is SegmentationType.INHERIT:
            if network.provider_network_type is not NetworkType.VLAN:
                raise InvalidInput(f"network {network.id} of port {each.port_id} has no VLAN to inherit")
            tag = network.provider_segmentation_id
            tagged.append(replace(each, segmentation_type=SegmentationType.VLAN, segmentation_id=tag))
        else:
            tagged.append(each)
    return tagged


def _in_order(sub_ports: Sequence[SubPort]) -> tuple[SubPort, ...]:
    return tuple(sorted(sub_ports, key=lambda each: each.segmentation_id or 0))


def _release(tx: Tx, port_ids: Collection[str]) -> None:
    ports.limited_anew(tx, port_ids)
    trunks.take(tx, port_ids)
    for port in port_store.lock_some(tx, port_ids).values():
        ports.write(tx, port, replace(port, device_owner="", binding_host_id=HostId("")))
