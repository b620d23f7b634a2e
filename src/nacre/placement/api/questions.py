"""What somebody asks of providers, read from a query string."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nacre.kernel.errors import Bad
from nacre.kernel.http.versions import Version
from nacre.placement.domain.names import MOST_NAME_LENGTH, dashed
from nacre.placement.domain.requests import Group, Question

_NUMBERED = re.compile(r"(resources|required|member_of|in_tree)([1-9][0-9]*)?\Z")
_NAMED = re.compile(r"(resources|required|member_of|in_tree)([a-zA-Z0-9_-]{1,64})?\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")
_NAME = re.compile(r"[A-Z0-9_]+\Z")
_MOST_AMOUNT = 2147483647
NAMED_GROUPS = Version(1, 33)
REPEATED_MEMBER_OF = Version(1, 24)
FORBIDDEN_TRAITS = Version(1, 22)
FORBIDDEN_AGGREGATES = Version(1, 32)
ANY_TRAITS = Version(1, 39)


def question_of(query: Sequence[tuple[str, str]], version: Version) -> Question:
    """The question in the query of allocation candidates. Raises Bad."""
    pattern = _NAMED if version >= NAMED_GROUPS else _NUMBERED
    grouped: dict[str, list[tuple[str, str]]] = {}
    rest: dict[str, list[str]] = {}
    for name, value in query:
        match = pattern.match(name)
        if match and name not in ("resources", "required", "member_of", "in_tree"):
            grouped.setdefault(match[2], []).append((match[1], value))
        elif match:
            grouped.setdefault("", []).append((name, value))
        else:
            rest.setdefault(name, []).append(value)
    groups = tuple(group_of(pairs, version, suffix=suffix) for suffix, pairs in sorted(grouped.items()))
    root_any, root_no = _traits_of(rest.pop("root_required", []), version, where="root_required")
    question = Question(
        groups=groups,
        isolate=_policy(rest.pop("group_policy", []), groups),
        root_any_traits=root_any,
        root_no_traits=root_no,
        same_subtrees=tuple(frozenset(text.split(",")) for text in rest.pop("same_subtree", [])),
        limit=_limit(rest.pop("limit", [])),
    )
    if rest:
        raise Bad(f"Invalid query string parameters: {', '.join(sorted(rest))[:200]} unexpected.")
    _check(question)
    return question


def group_of(pairs: Sequence[tuple[str, str]], version: Version, *, suffix: str = "") -> Group:
    """One group of its parameters, their names without the suffix. Raises Bad."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    any_traits, no_traits = _traits_of(given.get("required", []), version, where="required" + suffix)
    any_aggregates, no_aggregates = _aggregates_of(given.get("member_of", []), version)
    trees = given.get("in_tree", [])
    return Group(
        suffix=suffix,
        resources=_resources_of(given.get("resources", [])),
        any_traits=any_traits,
        no_traits=no_traits,
        any_aggregates=any_aggregates,
        no_aggregates=no_aggregates,
        in_tree=_uuid(trees[-1], "in_tree") if trees else None,
    )


def _resources_of(texts: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts[-1:]:
        for part in text.split(","):
            name, colon, amount = part.partition(":")
            if not colon or not _NAME.match(name) or len(name) > MOST_NAME_LENGTH:
                raise Bad(f"Badly formed resources parameter '{text[:200]}': CLASS:AMOUNT is expected.")
            if not (amount.isascii() and amount.isdigit()) or not 0 < int(amount[:12]) <= _MOST_AMOUNT:
                raise Bad(f"Requested resource {name} must have a positive amount, not '{amount[:40]}'.")
            found[name] = int(amount)
    return found


def _traits_of(
    texts: Sequence[str], version: Version, *, where: str
) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    for text in texts if version >= ANY_TRAITS else texts[-1:]:
        if text.startswith("in:") and version >= ANY_TRAITS:
            wanted.append(frozenset(_trait(each, where) for each in text[3:].split(",")))
            continue
        for part in text.split(","):
            if part.startswith("!") and version >= FORBIDDEN_TRAITS:
                unwanted.add(_trait(part[1:], where))
            else:
                wanted.append(frozenset({_trait(part, where)}))
    contradiction = unwanted & {next(iter(each)) for each in wanted if len(each) == 1}
    if contradiction:
        raise Bad(f"Traits {', '.join(sorted(contradiction))} are both required and forbidden.", where=where)
    return tuple(wanted), frozenset(unwanted)


def _trait(text: str, where: str) -> str:
    if not _NAME.match(text) or len(text) > MOST_NAME_LENGTH:
        raise Bad(f"'{text[:200]}' is not the name of a trait.", where=where)
    return text


def _aggregates_of(
    texts: Sequence[str], version: Version
) -> tuple[tuple[frozenset[str], ...], frozenset[str]]:
    wanted: list[frozenset[str]] = []
    unwanted: set[str] = set()
    if len(texts) > 1 and version < REPEATED_MEMBER_OF:
        raise Bad("Multiple member_of parameters are not supported in this version.", where="member_of")
    for text in texts:
        forbidden = text.startswith("!") and version >= FORBIDDEN_AGGREGATES
        listed = text.removeprefix("!") if forbidden else text
        several = listed.startswith("in:")
        ids = frozenset(_uuid(each, "member_of") for each in (listed[3:].split(",") if several else [listed]))
        if forbidden:
            unwanted |= ids
        else:
            wanted.append(ids)
    return tuple(wanted), frozenset(unwanted)


def _uuid(text: str, where: str) -> str:
    if not _UUID.match(text):
        raise Bad(f"Expected a UUID, got '{text[:80]}'.", where=where)
    return dashed(text)


def _policy(texts: Sequence[str], groups: Sequence[Group]) -> bool:
    if texts and texts[-1] not in ("none", "isolate"):
        raise Bad("The group_policy must be 'none' or 'isolate'.", where="group_policy")
    with_resources = [group for group in groups if group.suffix and group.resources]
    if not texts and len(with_resources) > 1:
        raise Bad("The group_policy parameter is required when specifying more than one numbered group.")
    return bool(texts) and texts[-1] == "isolate"


def _limit(texts: Sequence[str]) -> int | None:
    if not texts:
        return None
    text = texts[-1]
    if not (text.isascii() and text.isdigit()) or not int(text[:12]) > 0:
        raise Bad(f"Invalid limit '{text[:40]}': a positive number is expected.", where="limit")
    return int(text[:12])


def _check(question: Question) -> None:
    if not any(group.resources for group in question.groups):
        raise Bad("At least one group with resources is required.", where="resources")
    joined = frozenset[str]().union(*question.same_subtrees)
    for group in question.groups:
        if not group.resources and group.suffix not in joined:
            raise Bad(f"All request groups must specify resources, and group '{group.suffix}' does not.")
    strangers = joined - {group.suffix for group in question.groups if group.suffix}
    if strangers:
        raise Bad(f"Real suffixes should be specified in same_subtree: {sorted(strangers)} are none.")
