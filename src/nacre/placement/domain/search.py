"""Answers questions from the arrays: lone providers all at once, trees one by one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from nacre.placement.domain.capacity import SINGLE, Capacity, Mask, aggregate, trait
from nacre.placement.domain.providers import Standing
from nacre.placement.domain.requests import Group, Question
from nacre.placement.domain.trees import Way, ways_of


class Found(msgspec.Struct, frozen=True):
    """Lone providers that satisfy a question by themselves, the ways of trees, and everybody in those trees."""

    alone: Sequence[Standing]
    ways: Sequence[Way]
    tree_members: Sequence[Standing]


def search(capacity: Capacity, question: Question) -> Found:
    """Who satisfies a question, emptiest first, up to its limit."""
    limit = question.limit
    alone: Sequence[Standing] = ()
    lone_group = _for_one_provider(question)
    if lone_group is not None:
        mask = capacity.flagged(SINGLE) & matching(capacity, lone_group)
        alone = capacity.snapshot(capacity.emptiest_first(mask, lone_group.resources)[:limit])
    left = None if limit is None else limit - len(alone)
    ways: list[Way] = []
    members: list[Standing] = []
    for tree in capacity.trees():
        found = list(itertools.islice(ways_of(tree, question), None if left is None else left - len(ways)))
        if found:
            ways += found
            members += tree
    return Found(alone, ways, members)


def matching(capacity: Capacity, group: Group) -> Mask:
    """The providers that satisfy one group by themselves."""
    mask = capacity.fits(group.resources) if group.resources else capacity.everybody()
    for any_of in group.any_traits:
        mask &= _any_flag(capacity, [trait(name) for name in any_of])
    for name in group.no_traits:
        mask &= ~capacity.flagged(trait(name))
    for any_of in group.any_aggregates:
        mask &= _any_flag(capacity, [aggregate(each) for each in any_of])
    for each in group.no_aggregates:
        mask &= ~capacity.flagged(aggregate(each))
    if group.in_tree is not None:
        mask &= capacity.among(_tree_ids(capacity, group.in_tree))
    return mask


def _tree_ids(capacity: Capacity, provider_id: str) -> list[str]:
    known = capacity.find(provider_id)
    return [each.provider.provider_id for each in capacity.tree(known.provider.root_id)] if known else []


def _any_flag(capacity: Capacity, flags: Sequence[str]) -> Mask:
    mask = capacity.flagged(flags[0])
    for flag in flags[1:]:
        mask |= capacity.flagged(flag)
    return mask


def _for_one_provider(question: Question) -> Group | None:
    """All groups as one, as a provider that is a whole tree by itself must satisfy them; None if it cannot."""
    apart = [group for group in question.groups if group.suffix and group.resources]
    if question.isolate and len(apart) > 1:
        return None
    resources: dict[str, int] = {}
    for group in question.groups:
        for name, amount in group.resources.items():
            resources[name] = resources.get(name, 0) + amount
    trees = {group.in_tree for group in question.groups if group.in_tree is not None}
    if len(trees) > 1:
        return None
    return Group(
        resources=resources,
        any_traits=(
            *question.root_any_traits,
            *itertools.chain.from_iterable(group.any_traits for group in question.groups),
        ),
        no_traits=question.root_no_traits.union(*(group.no_traits for group in question.groups)),
        any_aggregates=tuple(
            itertools.chain.from_iterable(group.any_aggregates for group in question.groups)
        ),
        no_aggregates=frozenset[str]().union(*(group.no_aggregates for group in question.groups)),
        in_tree=next(iter(trees), None),
    )
