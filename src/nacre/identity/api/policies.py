"""Policies: texts that identity keeps for other services and does not read itself."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity.api.changes import changed, updated
from nacre.identity.api.fields import UNSET, Extra, LongName, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters
from nacre.identity.api.parts import Parts
from nacre.identity.store.policies import POLICIES, StoredPolicy
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.ids import new_hex_id


class CreatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    blob: str
    type: LongName
    extra: Extra = {}


class UpdatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    blob: str | Unset = UNSET
    type: LongName | Unset = UNSET
    extra: Extra = {}


CREATE = Body(CreatePolicy, key="policy", rest="extra")
UPDATE = Body(UpdatePolicy, key="policy", rest="extra")


def create(call: Call[Parts], ask: CreatePolicy) -> Answer:
    """Keep a policy."""
    demand(call)
    policy = StoredPolicy(policy_id=new_hex_id(), type=ask.type, blob=ask.blob, extra=ask.extra)
    with call.database.write(call.actor) as tx:
        POLICIES.insert(tx, policy)
        changed(tx, "create", "policy", policy.policy_id, after=policy)
    return Created({"policy": policy_view(call, policy)})


def list_all(call: Call[Parts]) -> Answer:
    """Policies by id; filter `type`."""
    demand(call)
    with call.database.read() as db:
        page, rows = page_from(db, call, POLICIES, text_filters(call, "type"), first="policy_id")
    return listed(
        call, "policies", rows, page, lambda row: policy_view(call, row), id_of=lambda row: row.policy_id
    )


def show(call: Call[Parts], policy_id: str) -> Answer:
    """A policy. Errors: PolicyNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"policy": policy_view(call, POLICIES.load(db, policy_id))})


def update(call: Call[Parts], ask: UpdatePolicy, policy_id: str) -> Answer:
    """Change what is given. Errors: PolicyNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = POLICIES.lock(tx, policy_id)
        after = updated(before, ask)
        POLICIES.update(tx, after)
        changed(tx, "update", "policy", policy_id, before=before, after=after)
    return Ok({"policy": policy_view(call, after)})


def delete(call: Call[Parts], policy_id: str) -> Answer:
    """Forget a policy. Errors: PolicyNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = POLICIES.lock(tx, policy_id)
        POLICIES.remove(tx, policy_id)
        changed(tx, "delete", "policy", policy_id, before=before)
    return NoContent()


def policy_view(call: Call[Any], policy: StoredPolicy) -> dict[str, Any]:
    """A policy as callers see it."""
    return dict(policy.extra) | {
        "id": policy.policy_id,
        "type": policy.type,
        "blob": policy.blob,
        "links": self_link(call, f"/v3/policies/{policy.policy_id}"),
    }
