"""Objects are shared with projects, and no longer. What an object shows of it is written in the same transaction."""

from __future__ import annotations

import msgspec

from nacre.kernel.database import Duplicate, Tx
from nacre.kernel.ids import ProjectId, new_id
from nacre.network.changes import events
from nacre.network.domain.rbac import EVERYBODY, Action, RbacPolicy
from nacre.network.errors import DuplicateRbacPolicy, InvalidInput
from nacre.network.hindrances import of_rbac_policy, of_shared_use, refuse
from nacre.network.store import address_scopes, quotas, rbac, subnets
from nacre.network.store.rbac import SharedObject


def create(tx: Tx, policy: RbacPolicy) -> None:
    """Share a locked object. Errors: OverQuota, DuplicateRbacPolicy, InvalidInput."""
    _check_scope(tx, policy)
    quotas.check_room(tx, policy.project_id, "rbac_policy")
    _insert(tx, policy)
    rbac.settle_object(tx, policy.object_type, policy.object_id)


def _check_scope(tx: Tx, policy: RbacPolicy) -> None:
    """Who may cut from a pool may use the scope that the pool is in. Raises InvalidInput."""
    pool = subnets.SUBNET_POOLS.find(tx, policy.object_id) if policy.object_type == "subnetpool" else None
    if pool is None or pool.address_scope_id is None:
        return
    scope, target = address_scopes.lock(tx, pool.address_scope_id), policy.target_project
    if scope.project_id != target and not address_scopes.is_shared_with(tx, scope, target):
        raise InvalidInput(f"project {target} has no access to address scope {scope.id} of the subnet pool")


def _insert(tx: Tx, policy: RbacPolicy) -> None:
    try:
        rbac.POLICIES.insert(tx, [policy])
    except Duplicate as problem:
        raise DuplicateRbacPolicy from problem
    events.created(tx, "rbac_policy", policy)


def retarget(tx: Tx, shared: SharedObject, before: RbacPolicy, target_project: str) -> RbacPolicy:
    """Share a locked object with another project than before.

    Clients expect that networks alone may go from everybody to the one project that uses them.
    Errors: RbacPolicyInUse, DuplicateRbacPolicy, InvalidInput.
    """
    after = msgspec.structs.replace(before, target_project=target_project)
    _check_scope(tx, after)
    kept = before.object_type == "network" or target_project == EVERYBODY
    refuse(of_shared_use(tx, before, shared, besides=[target_project] if kept else ()))
    try:
        after = rbac.POLICIES.update(tx, before, after)
    except Duplicate as problem:
        raise DuplicateRbacPolicy from problem
    events.updated(tx, "rbac_policy", before, after)
    rbac.settle_object(tx, after.object_type, after.object_id)
    return after


def delete(tx: Tx, shared: SharedObject, policy: RbacPolicy) -> None:
    """Share a locked object no longer. Errors: RbacPolicyInUse."""
    refuse(of_rbac_policy(tx, policy, shared))
    _remove(tx, policy)
    rbac.settle_object(tx, policy.object_type, policy.object_id)


def _remove(tx: Tx, policy: RbacPolicy) -> None:
    rbac.POLICIES.remove(tx, policy.id)
    events.deleted(tx, "rbac_policy", policy)


# -- the flags of objects ------------------------------------------------------------------------------------


def share_new(tx: Tx, object_type: str, object_id: str, project_id: str, *actions: Action) -> None:
    """Share an object that was just made, and says so itself, with everybody."""
    for action in actions:
        _insert(tx, _for_everybody(object_type, object_id, project_id, action))


def _for_everybody(object_type: str, object_id: str, project_id: str, action: Action) -> RbacPolicy:
    return RbacPolicy(
        id=new_id(),
        project_id=ProjectId(project_id),
        object_type=object_type,
        object_id=object_id,
        action=action,
        target_project=EVERYBODY,
    )


def set_flag(
    tx: Tx, object_type: str, object_id: str, project_id: str, action: Action, *, wanted: bool
) -> None:
    """Share a locked object with everybody, or not. The caller writes its flag, and has seen that nobody is cut off.

    What is no way out any more is none for those either whom an entry named.
    """
    held = [each for each in rbac.of_object(tx, object_type, object_id) if each.action is action]
    if wanted and not any(each.target_project == EVERYBODY for each in held):
        share_new(tx, object_type, object_id, project_id, action)
    elif not wanted:
        for each in held:
            if action is Action.EXTERNAL or each.target_project == EVERYBODY:
                _remove(tx, each)


def left_without_everybody(tx: Tx, object_type: str, object_id: str, action: Action) -> list[str]:
    """Whom entries would still name if the one for everybody were gone."""
    found = rbac.of_object(tx, object_type, object_id)
    return [
        each.target_project for each in found if each.action is action and each.target_project != EVERYBODY
    ]
