"""Address groups, and their addresses by operations of their own."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Given, Whole, fixed, free, project_of, shown, unwrap
from nacre.network.api.kinds import NAME, boolean, cidr, ip_or_cidr, many
from nacre.network.api.noun import Noun, Policies, Sharing, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import address_groups as changes
from nacre.network.domain.address_groups import AddressGroup
from nacre.network.errors import AddressGroupNotFound, HTTPBadRequest
from nacre.network.store import address_groups
from nacre.network.store.tables import ADDRESS_GROUP

MOST_ADDRESSES = 10_000


def _prefix(value: Any) -> str:
    """A network of addresses with its prefix length: what is one host's alone says so."""
    if isinstance(value, str) and "/" not in value:
        raise ValueError(f"'{value[:60]}' isn't a recognized IP subnet cidr")
    return cidr(value)


def _address(value: Any) -> str:
    return str(ipaddress.ip_network(ip_or_cidr(value)))


ATTRIBUTES = (
    free("name", NAME),
    fixed("addresses", many(_prefix, most=MOST_ADDRESSES)),
    shown("shared", boolean),
)


def _views(_db: Reader, items: Sequence[AddressGroup]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: AddressGroup) -> View:
    return standard_view(item) | {
        "name": item.name,
        "addresses": item.addresses,
        "shared": item.shared,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[AddressGroup]:
    made = [
        AddressGroup(
            id=new_id(),
            project_id=ProjectId(project_of(call, each)),
            created_at=call.now,
            updated_at=call.now,
            **each.without("project_id"),
        )
        for each in given
    ]
    for group in made:
        changes.create(tx, group)
    return made


def _change(_call: Call[Parts], tx: Tx, item: AddressGroup, given: Given) -> AddressGroup:
    return changes.update(tx, item, msgspec.structs.replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: AddressGroup) -> None:
    """Errors: AddressGroupInUse."""
    changes.delete(tx, item)


ADDRESS_GROUPS = Noun(
    name="address_group",
    plural="address_groups",
    attributes=ATTRIBUTES,
    policies=Policies(
        policy.ADDRESS_GROUP_SHOW,
        policy.ADDRESS_GROUP_CREATE,
        policy.ADDRESS_GROUP_UPDATE,
        policy.ADDRESS_GROUP_DELETE,
    ),
    shelf=address_groups.GROUPS,
    absent=AddressGroupNotFound,
    seen_by=address_groups.seen_by,
    sharing=Sharing("address_group", ADDRESS_GROUP.c.id),
    whole=address_groups.whole,
    views=_views,
    lock=address_groups.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)


def add_addresses(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a group hold these addresses too. Errors: HTTPBadRequest, AddressGroupNotFound, AddressesAlreadyExist."""
    return _edited(call, ask, object_id, changes.add)


def remove_addresses(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Take these addresses from a group. Errors: HTTPBadRequest, AddressGroupNotFound, AddressesNotFound."""
    return _edited(call, ask, object_id, changes.take)


def _edited(
    call: Call[Parts],
    ask: Whole,
    object_id: str,
    edit: Callable[[Tx, AddressGroup, Sequence[str]], AddressGroup],
) -> Answer:
    inner = ask.members if "addresses" in ask.members else unwrap(ask, "address_group")
    if inner.keys() != {"addresses"}:
        raise HTTPBadRequest("The address group must hold 'addresses' and nothing else.")
    try:
        cidrs = many(_address, most=MOST_ADDRESSES)(inner["addresses"])
    except ValueError as error:
        raise Bad(str(error), where="addresses") from error
    with call.database.write(call.actor) as tx:
        group = edit(tx, ADDRESS_GROUPS.lock_for(call, tx, object_id), cidrs)
        return Ok({"address_group": _view(group)})


ROUTES = tuple(
    Route("PUT", f"/v2.0/address-groups/{{object_id}}/{name}", handler, policy.ADDRESS_GROUP_UPDATE, ANY_BODY)
    for name, handler in (("add_addresses", add_addresses), ("remove_addresses", remove_addresses))
)
