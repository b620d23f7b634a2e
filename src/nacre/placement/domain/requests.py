"""What somebody asks of providers: amounts, traits, aggregates, trees."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked together. A group with a suffix comes from one provider; the one without may be spread.

    `any_traits` and `any_aggregates`: of each set at least one is needed.
    """

    suffix: str = ""
    resources: Mapping[str, int] = {}
    any_traits: tuple[frozenset[str], ...] = ()
    no_traits: frozenset[str] = frozenset()
    any_aggregates: tuple[frozenset[str], ...] = ()
    no_aggregates: frozenset[str] = frozenset()
    in_tree: str | None = None

    @property
    def traits(self) -> frozenset[str]:
        """Every trait that is named."""
        return self.no_traits.union(*self.any_traits)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is asked at once."""

    groups: tuple[Group, ...]
    isolate: bool = False
    root_any_traits: tuple[frozenset[str], ...] = ()
    root_no_traits: frozenset[str] = frozenset()
    same_subtrees: tuple[frozenset[str], ...] = ()
    limit: int | None = None

    @property
    def resource_classes(self) -> set[str]:
        """Every class that is asked for."""
        return {name for group in self.groups for name in group.resources}

    @property
    def traits(self) -> set[str]:
        """Every trait that is named."""
        named = self.root_no_traits.union(*self.root_any_traits)
        return set(named.union(*(group.traits for group in self.groups)))
