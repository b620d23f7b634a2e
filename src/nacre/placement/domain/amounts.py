"""Inventories and what may be claimed of them."""

from __future__ import annotations

from collections.abc import Mapping

from nacre.placement.contract import Inventory


def usable(inventory: Inventory) -> int:
    """Units that may be claimed altogether.

    floor((total - reserved) * allocation_ratio), in the class's own unit.
    Source: Placement API reference, "Resource provider inventories".
    """
    return int((inventory.total - inventory.reserved) * inventory.allocation_ratio)


def objection(resource_class: str, amount: int, inventory: Inventory | None, used: int) -> str:
    """Why `amount` more may not be claimed where `used` is claimed already; empty if it may."""
    if inventory is None:
        return f"it has no {resource_class}"
    if amount < inventory.min_unit or amount > inventory.max_unit:
        return f"{amount} {resource_class} are outside {inventory.min_unit} to {inventory.max_unit} at once"
    if amount % inventory.step_size:
        return f"{amount} {resource_class} are no multiple of {inventory.step_size}"
    room = usable(inventory) - used
    if amount > room:
        return f"{amount} {resource_class} are wanted and {max(room, 0)} of {usable(inventory)} are free"
    return ""


def first_objection(
    demand: Mapping[str, int], inventories: Mapping[str, Inventory], used: Mapping[str, int]
) -> str:
    """The first reason against a demand; empty if it fits."""
    for resource_class, amount in demand.items():
        why = objection(resource_class, amount, inventories.get(resource_class), used.get(resource_class, 0))
        if why:
            return why
    return ""
