"""Allocation candidates: who could give what is asked, and what they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.versions import Version, Windows, since
from nacre.placement.api.access import Parts, check_classes, check_traits, dated
from nacre.placement.api.questions import question_of
from nacre.placement.api.summaries import summary_of
from nacre.placement.domain.search import Found, search

BY_PROVIDER = Version(1, 12)
ALL_CLASSES = Version(1, 27)
NEWEST_SUMMARY = Version(1, 29)
"""From here on, a summary depends on nothing but the provider, and is written once for each generation."""
_REQUEST = Windows({"mappings": since("1.34")})
_SUMMARY = Windows(
    {"traits": since("1.17"), "parent_provider_uuid": since("1.29"), "root_provider_uuid": since("1.29")}
)
_SOMEBODY = "00000000-0000-0000-0000-000000000000"
_encode = msgspec.json.Encoder().encode


def index(call: Call[Parts]) -> Answer:
    """Everybody, or every combination of providers of one tree, that could give what is asked.

    Errors: Bad, BadName.
    """
    question = question_of(call.query, call.version)
    with call.database.read() as db:
        check_classes(db, question.resource_classes)
        check_traits(db, question.traits)
        found = call.parts.watch.ask(db, lambda capacity: search(capacity, question))
    suffixes = [group.suffix for group in question.groups]
    resources: dict[str, int] = {}
    for group in question.groups:
        for name, amount in group.resources.items():
            resources[name] = resources.get(name, 0) + amount
    return dated(
        call,
        {
            "allocation_requests": _requests(call.version, found, resources, suffixes),
            "provider_summaries": _summaries(call, found, question.resource_classes),
        },
    )


def _requests(
    version: Version, found: Found, resources: Mapping[str, int], suffixes: list[str]
) -> msgspec.Raw:
    """The allocation requests as JSON.

    Those of lone providers differ in the provider alone: one is written, and the others are made of it.
    """
    sample = _encode(_request(version, {_SOMEBODY: resources}, dict.fromkeys(suffixes, (_SOMEBODY,))))
    somebody = _SOMEBODY.encode()
    written = [sample.replace(somebody, each.provider.provider_id.encode()) for each in found.alone]
    written += [_encode(_request(version, way.claims, way.mappings)) for way in found.ways]
    return msgspec.Raw(b"[" + b",".join(written) + b"]")


def _request(
    version: Version, claims: Mapping[str, Mapping[str, int]], mappings: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    if version < BY_PROVIDER:
        parts = [{"resource_provider": {"uuid": each}, "resources": held} for each, held in claims.items()]
        return {"allocations": parts}
    allocations = {each: {"resources": held} for each, held in claims.items()}
    return _REQUEST.project({"allocations": allocations, "mappings": mappings}, version)


def _summaries(call: Call[Parts], found: Found, resource_classes: Iterable[str]) -> dict[str, Any]:
    everybody = [*found.alone, *found.tree_members]
    if call.version >= NEWEST_SUMMARY:
        of = call.parts.summaries.of
        return {each.provider.provider_id: of(each) for each in everybody}
    asked = None if call.version >= ALL_CLASSES else frozenset(resource_classes)
    return {
        each.provider.provider_id: _SUMMARY.project(summary_of(each, only=asked), call.version)
        for each in everybody
    }
