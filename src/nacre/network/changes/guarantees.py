"""Guarantees change, and servers claim the difference where their ports are, in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from nacre.kernel.database import Tx
from nacre.kernel.ids import ServerId
from nacre.network.domain.ports import Port
from nacre.network.errors import QosPlacementAllocationUpdateConflict
from nacre.network.store import guarantees
from nacre.placement.contract import NoRoom, Placement


def settle_policy(tx: Tx, placement: Placement, policy_id: str) -> None:
    """What a policy guarantees has changed. Raises QosPlacementAllocationUpdateConflict.

    Like the others here it comes last in its transaction, since it lets nobody else bind a port.
    """
    guarantees.hold(tx, alone=True)
    _reclaim(tx, placement, guarantees.placed_under(tx, policy_id))


def settle_network(tx: Tx, placement: Placement, network_id: str) -> None:
    """The policy of a network has changed. Raises QosPlacementAllocationUpdateConflict."""
    guarantees.hold(tx, alone=True)
    _reclaim(tx, placement, guarantees.placed_on(tx, network_id))


def settle_ports(tx: Tx, placement: Placement, ports: Iterable[Port]) -> None:
    """Ports were, or are from now on, like this. Raises QosPlacementAllocationUpdateConflict."""
    placed = {ServerId(port.device_id) for port in ports if port.is_plugged}
    if placed:
        guarantees.hold(tx, alone=True)
        _reclaim(tx, placement, placed)


def _reclaim(tx: Tx, placement: Placement, placed: Collection[ServerId]) -> None:
    try:
        placement.reclaim(tx, guarantees.of_placed(tx, placed))
    except NoRoom as problem:
        raise QosPlacementAllocationUpdateConflict(problem.provider_id, problem.why) from problem
