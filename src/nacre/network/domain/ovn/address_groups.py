"""Address groups as address sets. Rules refer to the rows, so that a change of addresses touches no rule."""

from __future__ import annotations

from nacre.network.domain.address_groups import AddressGroup
from nacre.network.domain.ovn import names
from nacre.network.domain.rows import Desired, Row


def compile_address_group(group: AddressGroup) -> Desired:
    """A set for each IP version: OVN's sets hold one each. Empty ones match nothing.

    Source: ovn-nb(5), "Address_Set".
    """
    return Desired(tuple(_set(group, family) for family in ("ip4", "ip6")))


def _set(group: AddressGroup, family: str) -> Row:
    ref = names.address_set(group.id, family)
    addresses = frozenset(cidr for cidr in group.addresses if (":" in cidr) == (family == "ip6"))
    return Row(table=ref.table, key=ref.key, columns={"name": ref.key, "addresses": addresses})
