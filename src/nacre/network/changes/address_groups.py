"""Address groups come and go, and change. The rules that name one stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nacre.kernel.database import Tx
from nacre.network.changes import events
from nacre.network.changes.loops import ADDRESS_GROUPS
from nacre.network.domain.address_groups import AddressGroup
from nacre.network.errors import AddressesAlreadyExist, AddressesNotFound
from nacre.network.hindrances import of_address_group, refuse
from nacre.network.store import address_groups, rbac

KIND = "address_group"


def create(tx: Tx, group: AddressGroup) -> None:
    """Make a group."""
    address_groups.GROUPS.insert(tx, [group])
    address_groups.insert_addresses(tx, group.id, group.addresses)
    events.created(tx, KIND, group)
    tx.make_due(ADDRESS_GROUPS, group.id)


def update(tx: Tx, before: AddressGroup, after: AddressGroup) -> AddressGroup:
    """Change what people say of a locked group."""
    after = address_groups.GROUPS.update(tx, before, after)
    events.updated(tx, KIND, before, after)
    return after


def add(tx: Tx, group: AddressGroup, cidrs: Sequence[str]) -> AddressGroup:
    """Let a locked group hold these addresses too. Errors: AddressesAlreadyExist."""
    known = sorted(set(cidrs) & set(group.addresses))
    if known:
        raise AddressesAlreadyExist(group.id, ", ".join(known[:20]))
    address_groups.insert_addresses(tx, group.id, cidrs)
    return _rewritten(tx, group, {*group.addresses, *cidrs})


def take(tx: Tx, group: AddressGroup, cidrs: Sequence[str]) -> AddressGroup:
    """Take these addresses from a locked group. Errors: AddressesNotFound."""
    unknown = sorted(set(cidrs) - set(group.addresses))
    if unknown:
        raise AddressesNotFound(group.id, ", ".join(unknown[:20]))
    address_groups.remove_addresses(tx, group.id, cidrs)
    return _rewritten(tx, group, set(group.addresses) - set(cidrs))


def _rewritten(tx: Tx, group: AddressGroup, addresses: set[str]) -> AddressGroup:
    tx.make_due(ADDRESS_GROUPS, group.id)
    return update(tx, group, msgspec.structs.replace(group, addresses=tuple(sorted(addresses))))


def delete(tx: Tx, group: AddressGroup) -> None:
    """Delete a locked group that no rule names. Errors: AddressGroupInUse."""
    refuse(of_address_group(tx, group.id))
    rbac.forget(tx, KIND, group.id)
    address_groups.remove(tx, group.id)
    events.deleted(tx, KIND, group)
    tx.make_due(ADDRESS_GROUPS, group.id)
