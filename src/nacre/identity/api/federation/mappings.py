"""Mappings, kept as they are given once they have been understood.

Source: Identity API v3 reference, OS-FEDERATION, "Mappings".
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import changed, name_free, updated
from nacre.identity.api.federation.fields import named
from nacre.identity.api.fields import UNSET, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link
from nacre.identity.api.parts import Parts
from nacre.identity.domain.mappings import VERSIONS, BadRule, Rule, check_rules
from nacre.identity.store.federation import MAPPINGS, StoredMapping
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body, convert
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok


class CreateMapping(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    rules: list[dict[str, Any]]
    schema_version: str | None = None


class UpdateMapping(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    rules: list[dict[str, Any]] | Unset = UNSET
    schema_version: str | Unset | None = UNSET


class _Understood(msgspec.Struct, frozen=True):
    rules: list[Rule]


CREATE = Body(CreateMapping, key="mapping")
UPDATE = Body(UpdateMapping, key="mapping")


def rules_of(mapping: StoredMapping) -> list[Rule]:
    """The rules, understood. Raises Bad, naming the place."""
    if mapping.schema_version not in VERSIONS:
        raise Bad(f"expected one of {', '.join(VERSIONS)}.", where="mapping.schema_version")
    rules = convert({"rules": mapping.rules}, _Understood, where="mapping").rules
    try:
        check_rules(rules, version=mapping.schema_version)
    except BadRule as error:
        raise Bad(str(error), where="mapping") from error
    return rules


def create(call: Call[Parts], ask: CreateMapping, mapping_id: str) -> Answer:
    """A new mapping. Errors: Bad for a rule that can never be meant, Taken."""
    demand(call)
    mapping = StoredMapping(
        mapping_id=named(mapping_id, ask.id),
        schema_version=ask.schema_version or VERSIONS[0],
        rules=ask.rules,
    )
    rules_of(mapping)
    with name_free("mapping", mapping_id), call.database.write(call.actor) as tx:
        MAPPINGS.insert(tx, mapping)
        changed(tx, "create", "mapping", mapping_id, after=mapping)
    return Created({"mapping": _view(call, mapping)})


def list_all(call: Call[Parts]) -> Answer:
    """Mappings by id."""
    demand(call)
    with call.database.read() as db:
        page, rows = page_from(db, call, MAPPINGS, {}, first="mapping_id")
    return listed(
        call, "mappings", rows, page, lambda row: _view(call, row), id_of=lambda row: row.mapping_id
    )


def show(call: Call[Parts], mapping_id: str) -> Answer:
    """A mapping. Errors: MappingNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"mapping": _view(call, MAPPINGS.load(db, mapping_id))})


def update(call: Call[Parts], ask: UpdateMapping, mapping_id: str) -> Answer:
    """Change what is given; what it gives now, users have from their next login on.

    Errors: MappingNotFound, Bad for a rule that can never be meant.
    """
    demand(call)
    named(mapping_id, ask.id)
    with call.database.write(call.actor) as tx:
        before = MAPPINGS.lock(tx, mapping_id)
        after = updated(before, ask)
        if not ask.schema_version:  # Clients that know of none send null.
            after = msgspec.structs.replace(after, schema_version=before.schema_version)
        rules_of(after)
        MAPPINGS.update(tx, after)
        changed(tx, "update", "mapping", mapping_id, before=before, after=after)
    return Ok({"mapping": _view(call, after)})


def delete(call: Call[Parts], mapping_id: str) -> Answer:
    """Forget a mapping; nobody comes in by a protocol that names it. Errors: MappingNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = MAPPINGS.lock(tx, mapping_id)
        MAPPINGS.remove(tx, mapping_id)
        changed(tx, "delete", "mapping", mapping_id, before=before)
    return NoContent()


def _view(call: Call[Any], mapping: StoredMapping) -> dict[str, Any]:
    return {
        "id": mapping.mapping_id,
        "schema_version": mapping.schema_version,
        "rules": mapping.rules,
        "links": self_link(call, f"/v3/OS-FEDERATION/mappings/{mapping.mapping_id}"),
    }
