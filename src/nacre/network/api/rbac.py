"""Entries that share objects with projects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import ProjectId, new_id
from nacre.kernel.policy import NotAllowed
from nacre.network import policy
from nacre.network.api.attributes import OWNED, Given, fixed, free, project_of
from nacre.network.api.kinds import one_of, text, uuid
from nacre.network.api.noun import Noun, Policies, View
from nacre.network.api.parts import Parts
from nacre.network.changes import rbac as changes
from nacre.network.domain.rbac import ACTIONS, EVERYBODY, Action, RbacPolicy
from nacre.network.errors import HTTPBadRequest, InvalidInput, RbacObjectNotFound, RbacPolicyNotFound
from nacre.network.store import rbac
from nacre.network.store.rbac import SharedObject

ATTRIBUTES = (
    fixed("object_type", text(255), needed=True),
    fixed("object_id", uuid, needed=True),
    fixed("action", one_of(*Action), needed=True),
    free("target_tenant", text(255, least=1), field="target_project"),
    free("target_project", text(255, least=1)),
)


def _views(_db: Reader, items: Sequence[RbacPolicy]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: RbacPolicy) -> View:
    return {
        "id": item.id,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
        "object_type": item.object_type,
        "object_id": item.object_id,
        "action": str(item.action),
        "target_tenant": item.target_project,
    }


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[RbacPolicy]:
    """Errors: HTTPBadRequest, NotAllowed, RbacObjectNotFound, InvalidInput, OverQuota, DuplicateRbacPolicy."""
    return [_create_one(call, tx, each) for each in given]


def _create_one(call: Call[Parts], tx: Tx, given: Given) -> RbacPolicy:
    made = _new(call, given)
    _check_target(call, made.target_project)
    shared = rbac.lock_object(tx, made.object_type, made.object_id)
    if shared is None or not _sees(call, tx, shared, made.object_type):
        raise RbacObjectNotFound(made.object_type, made.object_id)
    if not call.sees(shared.project_id):
        raise InvalidInput(f"Only admins can manipulate policies on {made.object_type}s they do not own")
    changes.create(tx, made)
    return made


def _new(call: Call[Parts], given: Given) -> RbacPolicy:
    said: dict[str, Any] = given.without("project_id")
    if "target_project" not in said:
        raise HTTPBadRequest("Failed to parse request. Required attribute 'target_tenant' not specified")
    object_type, action = said["object_type"], Action(said.pop("action"))
    if object_type not in ACTIONS:
        raise HTTPBadRequest(f"'{object_type[:60]}' is not in {sorted(ACTIONS)}")
    if action not in ACTIONS[object_type]:
        raise InvalidInput(f"Invalid action '{action}' for object type '{object_type}'")
    return RbacPolicy(id=new_id(), project_id=ProjectId(project_of(call, given)), action=action, **said)


def _check_target(call: Call[Parts], target_project: str) -> None:
    """To share with everybody is the operator's to do. Raises NotAllowed."""
    if target_project == EVERYBODY and not policy.ADMINISTER.allows(call.caller, {}):
        raise NotAllowed(f"{call.route.policy.name}:target_tenant")


def _sees(call: Call[Parts], db: Reader, shared: SharedObject, object_type: str) -> bool:
    return call.sees(shared.project_id) or rbac.grants(
        db, call.project_id, object_type, shared.id, *ACTIONS[object_type]
    )


def _change(call: Call[Parts], tx: Tx, item: RbacPolicy, given: Given) -> RbacPolicy:
    """Errors: NotAllowed, RbacPolicyInUse, DuplicateRbacPolicy."""
    target = given.get("target_project", item.target_project)
    if target == item.target_project:
        return item
    _check_target(call, target)
    return changes.retarget(tx, _lock_shared(tx, item), item, target)


def _remove(_call: Call[Parts], tx: Tx, item: RbacPolicy) -> None:
    """Errors: RbacPolicyInUse."""
    changes.delete(tx, _lock_shared(tx, item), item)


def _lock_shared(tx: Tx, item: RbacPolicy) -> SharedObject:
    shared = rbac.lock_object(tx, item.object_type, item.object_id)
    if shared is None:
        raise RbacObjectNotFound(item.object_type, item.object_id)
    return shared


RBAC_POLICIES = Noun(
    name="rbac_policy",
    plural="rbac_policies",
    attributes=ATTRIBUTES,
    standard=OWNED,
    policies=Policies(policy.RBAC_SHOW, policy.RBAC_CREATE, policy.RBAC_UPDATE, policy.RBAC_DELETE),
    shelf=rbac.POLICIES,
    absent=RbacPolicyNotFound,
    seen_by=rbac.policies_seen_by,
    views=_views,
    lock=rbac.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
