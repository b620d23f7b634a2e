"""Quotas of projects, and of the whole cloud: the limits that identity keeps, by their old names. And what
compute calls limits, which are quotas as their owner sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.compute.api.common import LARGEST, Count, Parts, Truth, count, truth
from nacre.compute.domain.quotas import UNLIMITED
from nacre.compute.errors import LeftOut, ProjectUnknown
from nacre.compute.policy import LIMITS_READ_OTHERS
from nacre.compute.store import quotas
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.versions import Windows, since, until
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import NotAllowed

_OF_NETWORKS = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")
_OF_FILES = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
_WINDOW_OF = dict.fromkeys(_OF_NETWORKS, until("2.35")) | dict.fromkeys(_OF_FILES, until("2.56"))
_WINDOWS = Windows(_WINDOW_OF)
# A class of quotas kept the network's until later, and learned of groups when it lost them.
_CLASS_WINDOWS = Windows(
    dict.fromkeys(_OF_NETWORKS, until("2.49"))
    | dict.fromkeys(_OF_FILES, until("2.56"))
    | dict.fromkeys(("server_groups", "server_group_members"), since("2.50"))
)


class UpdateQuotas(msgspec.Struct, frozen=True, kw_only=True):
    """New limits; -1 is unlimited. `force` sets one below what is in use."""

    instances: Count | None = None
    cores: Count | None = None
    ram: Count | None = None
    metadata_items: Count | None = None
    key_pairs: Count | None = None
    server_groups: Count | None = None
    server_group_members: Count | None = None
    injected_files: Count | None = None
    injected_file_content_bytes: Count | None = None
    injected_file_path_bytes: Count | None = None
    fixed_ips: Count | None = None
    floating_ips: Count | None = None
    security_groups: Count | None = None
    security_group_rules: Count | None = None
    force: Truth = False


UPDATE = Body(UpdateQuotas, key="quota_set", windows=_WINDOW_OF)
UPDATE_CLASS = Body(
    UpdateQuotas,
    key="quota_class_set",
    windows=dict.fromkeys(_OF_NETWORKS, until("2.49")) | dict.fromkeys(_OF_FILES, until("2.56")),
)


def show(call: Call[Parts], project_id: str) -> Answer:
    """The limits of a project. Raises ProjectUnknown."""
    with call.database.read() as db:
        _check_visible(call, db, project_id)
        return Ok({"quota_set": _view(call, quotas.quotas_of(db, project_id)) | {"id": project_id}})


def show_detail(call: Call[Parts], project_id: str) -> Answer:
    """The limits of a project, and how much of each it uses itself."""
    with call.database.read() as db:
        _check_visible(call, db, project_id)
        limits = quotas.quotas_of(db, project_id)
        in_use = quotas.usage(db, project_id)
    full = {
        name: {"limit": amount, "in_use": in_use.get(name, 0), "reserved": 0}
        for name, amount in _view(call, limits).items()
    }
    return Ok({"quota_set": {**full, "id": project_id}})


def show_defaults(call: Call[Parts], project_id: str) -> Answer:
    """The limits a project begins with."""
    with call.database.read() as db:
        _check_project(call, db, project_id)
        return Ok({"quota_set": _view(call, quotas.defaults(db)) | {"id": project_id}})


def update(call: Call[Parts], ask: UpdateQuotas, project_id: str) -> Answer:
    """Set limits of a project; they bound all below it as well. Errors: ProjectUnknown, Bad, LeftOut."""
    _check_whole_project(call)
    new = _amounts(ask)
    force = truth(ask.force, where="quota_set.force")
    with call.database.read() as db:
        _check_project(call, db, project_id)
        if not force:
            _check_not_below(new, quotas.usage(db, project_id, with_subtree=True))
    with call.database.write(call.actor) as tx:
        quotas.ensure(tx, project_id, new)
        limits = quotas.quotas_of(tx, project_id)
    return Ok({"quota_set": _view(call, limits)})


def delete(call: Call[Parts], project_id: str) -> Answer:
    """Go back to the cloud's limits."""
    _check_whole_project(call)
    with call.database.write(call.actor) as tx:
        quotas.delete(tx, project_id)
    return Answer(None, 202)


def show_class(call: Call[Parts], class_name: str) -> Answer:
    """The limits of the cloud, which every class has. There is one class of quotas: `default`."""
    with call.database.read() as db:
        limits = quotas.defaults(db)
    return Ok({"quota_class_set": _CLASS_WINDOWS.project(limits, call.version) | {"id": class_name}})


def update_class(call: Call[Parts], ask: UpdateQuotas, class_name: str) -> Answer:
    """Set limits of the cloud. Raises LeftOut for another class than `default`."""
    if class_name != "default":
        raise LeftOut("classes of quotas beside `default`")
    new = _amounts(ask)
    with call.database.write(call.actor) as tx:
        quotas.ensure_defaults(tx, new)
        limits = quotas.defaults(tx)
    return Ok({"quota_class_set": _CLASS_WINDOWS.project(limits, call.version)})


def _amounts(ask: UpdateQuotas) -> dict[str, int]:
    given = {name: getattr(ask, name) for name in ask.__struct_fields__ if name != "force"}
    return {
        name: count(value, where=f"quota_set.{name}", least=-1, most=LARGEST)
        for name, value in given.items()
        if value is not None
    }


def _check_not_below(new: Mapping[str, int], in_use: Mapping[str, int]) -> None:
    for name, amount in new.items():
        if amount != UNLIMITED and amount < in_use.get(name, 0):
            raise Bad(
                f"Quota limit {amount} for {name} must be greater than or equal to already used and reserved"
                f" {in_use[name]}."
            )


def _check_whole_project(call: Call[Parts]) -> None:
    """Limits are a project's, whoever of it asks. Raises LeftOut."""
    if call.one("user_id"):
        raise LeftOut("quotas of single users")


def _check_visible(call: Call[Parts], db: Reader, project_id: str) -> None:
    _check_may_see(call, project_id)
    _check_project(call, db, project_id)


def _check_may_see(call: Call[Parts], project_id: str) -> None:
    if not call.sees(project_id):
        raise NotAllowed(call.route.policy.name)


def _check_project(call: Call[Parts], db: Reader, project_id: str) -> None:
    if project_id != call.project_id and not call.parts.identity.projects(db, [ProjectId(project_id)]):
        raise ProjectUnknown(project_id)


def _view(call: Call[Parts], limits: Mapping[str, int]) -> dict[str, Any]:
    return _WINDOWS.project(limits, call.version)


# -- limits --------------------------------------------------------------------------------------------------

_LIMIT_NAMES = {
    "instances": "maxTotalInstances",
    "cores": "maxTotalCores",
    "ram": "maxTotalRAMSize",
    "metadata_items": "maxServerMeta",
    "key_pairs": "maxTotalKeypairs",
    "server_groups": "maxServerGroups",
    "server_group_members": "maxServerGroupMembers",
    "injected_files": "maxPersonality",
    "injected_file_content_bytes": "maxPersonalitySize",
    "floating_ips": "maxTotalFloatingIps",
    "security_groups": "maxSecurityGroups",
    "security_group_rules": "maxSecurityGroupRules",
}
_LIMIT_WINDOWS = Windows(
    dict.fromkeys(
        (
            "maxTotalFloatingIps", "maxSecurityGroups", "maxSecurityGroupRules", "totalFloatingIpsUsed",
            "totalSecurityGroupsUsed",
        ),
        until("2.35"),
    )
    | {"maxImageMeta": until("2.38"), "maxPersonality": until("2.56"), "maxPersonalitySize": until("2.56")}
)  # fmt: skip


def show_limits(call: Call[Parts]) -> Answer:
    """What the caller's project may have and has; administrators may ask for another's."""
    project_id = call.project_id
    named = call.one("tenant_id")
    if named and named != project_id:
        LIMITS_READ_OTHERS.enforce(call.caller, {"project_id": named})
        project_id = ProjectId(named)
    with call.database.read() as db:
        limits = quotas.quotas_of(db, project_id)
        used = quotas.usage(db, project_id)
    return Ok({"limits": {"rate": [], "absolute": _absolute(call, limits, used)}})


def _absolute(call: Call[Parts], limits: Mapping[str, int], used: Mapping[str, int]) -> dict[str, int]:
    view = {shown: limits[name] for name, shown in _LIMIT_NAMES.items()}
    view |= {
        "maxImageMeta": limits["metadata_items"],
        "totalInstancesUsed": used["instances"],
        "totalCoresUsed": used["cores"],
        "totalRAMUsed": used["ram"],
        "totalServerGroupsUsed": used["server_groups"],
        "totalFloatingIpsUsed": 0,
        "totalSecurityGroupsUsed": 0,
    }
    return _LIMIT_WINDOWS.project(view, call.version)
