"""Which combinations of the providers of one tree satisfy a question with groups."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from nacre.placement.domain.amounts import first_objection
from nacre.placement.domain.providers import Standing
from nacre.placement.domain.requests import Group, Question

MOST_COMBINATIONS = 20_000
"""How many ways to combine one tree's providers are looked at. A question that has more is answered in part."""

Part = tuple[str, Mapping[str, int]]
"""A provider, and what is taken of it."""


class Way(msgspec.Struct, frozen=True):
    """One way to satisfy a question: amounts by provider, and the providers that each group came from."""

    claims: Mapping[str, Mapping[str, int]]
    mappings: Mapping[str, tuple[str, ...]]


def ways_of(tree: Sequence[Standing], question: Question) -> Iterator[Way]:
    """Every way in which the providers of one tree satisfy a question."""
    by_id = {each.provider.provider_id: each for each in tree}
    root = next((each for each in tree if each.provider.parent_id is None), None)
    if root is None or not _has_traits(root.traits, question.root_any_traits, question.root_no_traits):
        return
    choices = [list(_choices(tree, group)) for group in question.groups]
    seen: set[str] = set()
    for combination in itertools.islice(itertools.product(*choices), MOST_COMBINATIONS):
        way = _way(question.groups, combination)
        if not _is_allowed(way, question, by_id) or not _fits(way, by_id):
            continue
        key = repr(sorted((each, sorted(amounts.items())) for each, amounts in way.claims.items()))
        key += repr(sorted(way.mappings.items()))
        if key not in seen:
            seen.add(key)
            yield way


def _choices(tree: Sequence[Standing], group: Group) -> Iterator[tuple[Part, ...]]:
    """The ways to satisfy one group alone."""
    if group.in_tree is not None and group.in_tree not in {each.provider.provider_id for each in tree}:
        return
    able = [each for each in tree if _may_take_part(each, group, tree)]
    if group.suffix:
        for each in able:
            whole = _has_traits(each.traits, group.any_traits, frozenset())
            if whole and not first_objection(group.resources, each.inventories, each.used):
                yield ((each.provider.provider_id, group.resources),)
        return
    # Each class may come from another provider, which together have the traits.
    per_class = [
        [
            (each, name, amount)
            for each in able
            if not first_objection({name: amount}, each.inventories, each.used)
        ]
        for name, amount in group.resources.items()
    ]
    for picked in itertools.islice(itertools.product(*per_class), MOST_COMBINATIONS):
        traits = frozenset[str]().union(*(each.traits for each, _, _ in picked))
        if _has_traits(traits, group.any_traits, frozenset()):
            yield tuple((each.provider.provider_id, {name: amount}) for each, name, amount in picked)


def _may_take_part(each: Standing, group: Group, tree: Sequence[Standing]) -> bool:
    """Whether what a group forbids, and where it wants to be, leaves this provider in. A tree is where its root is."""
    around = each.aggregates.union(
        *(other.aggregates for other in tree if other.provider.parent_id is None and not group.suffix)
    )
    return (
        not group.no_traits & each.traits
        and not group.no_aggregates & around
        and all(any_of & around for any_of in group.any_aggregates)
    )


def _has_traits(traits: frozenset[str], wanted: Sequence[frozenset[str]], unwanted: frozenset[str]) -> bool:
    return not unwanted & traits and all(any_of & traits for any_of in wanted)


def _way(groups: Sequence[Group], combination: Sequence[tuple[Part, ...]]) -> Way:
    claims: dict[str, dict[str, int]] = {}
    mappings: dict[str, tuple[str, ...]] = {}
    for group, parts in zip(groups, combination, strict=True):
        for provider_id, amounts in parts:
            for name, amount in amounts.items():
                taken = claims.setdefault(provider_id, {})
                taken[name] = taken.get(name, 0) + amount
        mappings[group.suffix] = tuple(dict.fromkeys(provider_id for provider_id, _ in parts))
    return Way(claims, mappings)


def _is_allowed(way: Way, question: Question, by_id: Mapping[str, Standing]) -> bool:
    if question.isolate:
        apart = [
            way.mappings[group.suffix][0] for group in question.groups if group.suffix and group.resources
        ]
        if len(set(apart)) < len(apart):
            return False
    for suffixes in question.same_subtrees:
        members = {each for suffix in suffixes for each in way.mappings[suffix]}
        if not any(all(_is_below(each, top, by_id) for each in members) for top in members):
            return False
    return True


def _is_below(provider_id: str, top: str, by_id: Mapping[str, Standing]) -> bool:
    at: str | None = provider_id
    while at is not None and at != top:
        at = by_id[at].provider.parent_id if at in by_id else None
    return at == top


def _fits(way: Way, by_id: Mapping[str, Standing]) -> bool:
    """Whether the sums still fit: two groups may have chosen the same provider."""
    return all(
        not first_objection(amounts, by_id[each].inventories, by_id[each].used)
        for each, amounts in way.claims.items()
    )
