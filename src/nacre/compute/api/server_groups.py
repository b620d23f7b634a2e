"""Server groups: servers that want to be together, or apart."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
import sqlalchemy as sa

from nacre.compute.api.common import Count, Name, Parts, count
from nacre.compute.domain.quotas import check_amounts
from nacre.compute.errors import ServerGroupNotFound
from nacre.compute.policy import SERVER_OF_ALL
from nacre.compute.store import groups, quotas
from nacre.compute.store.groups import ServerGroup
from nacre.compute.store.tables import SERVER_GROUP
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.http.versions import Windows, between, since, until
from nacre.kernel.ids import new_id

GroupPolicy = Literal["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]

_OLD: Final = until("2.63")
_SOFT: Final = since("2.15")
_WINDOWS = Windows(
    {
        "project_id": since("2.13"),
        "user_id": since("2.13"),
        "policies": _OLD,
        "metadata": _OLD,
        "policy": since("2.64"),
        "rules": since("2.64"),
    }
)


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many members one host may have under anti-affinity."""

    max_server_per_host: Count | None = None


class CreateGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A new group."""

    name: Name
    policy: GroupPolicy | None = None
    rules: Rules = Rules()
    policies: Annotated[list[GroupPolicy], msgspec.Meta(min_length=1, max_length=1)] = []


CREATE = Body(
    CreateGroup,
    key="server_group",
    windows={"policy": since("2.64"), "rules": since("2.64"), "policies": _OLD},
    required={"policy": since("2.64"), "policies": between("2.1", "2.63")},
)


def create(call: Call[Parts], ask: CreateGroup) -> Answer:
    """A group without members. Errors: QuotaReached, Bad."""
    policy = ask.policy or ask.policies[0]
    if policy.startswith("soft-") and call.version not in _SOFT:
        raise Bad(f"'{policy}' is not one of ['anti-affinity', 'affinity']", where="server_group.policies")
    most = ask.rules.max_server_per_host
    if most is not None and policy != "anti-affinity":
        raise Bad("Only anti-affinity policy supports rules.", where="server_group.rules")
    group = ServerGroup(
        group_id=new_id(), project_id=call.project_id, user_id=call.caller.user_id, name=ask.name,
        policy=policy, created_at=call.now,
        most_per_host=None if most is None else count(most, where="server_group.rules", least=1),
    )  # fmt: skip
    with call.database.write(call.actor) as tx:
        check_amounts(quotas.rooms(tx, call.project_id, ["server_groups"]), {"server_groups": 1})
        groups.insert(tx, group)
        tx.record(
            Event(action="create", kind="server-group", subject=group.group_id, after={"policy": policy})
        )
    return Ok({"server_group": _view(call, group, [])})


def listed(call: Call[Parts]) -> Answer:
    """The project's groups; administrators may ask for everybody's with `all_projects`."""
    statement: sa.Select[Any] = groups.SELECT.order_by(SERVER_GROUP.c.created_at, SERVER_GROUP.c.group_id)
    if not (call.one("all_projects") is not None and SERVER_OF_ALL.allows(call.caller, {})):
        statement = statement.where(SERVER_GROUP.c.project_id == call.project_id)
    with call.database.read() as db:
        found = groups.listed(
            db, statement.offset(_number(call, "offset", 0)).limit(_number(call, "limit", 1000))
        )
        members = groups.members(db, [group.group_id for group in found])
    return Ok({"server_groups": [_view(call, group, members[group.group_id]) for group in found]})


def _number(call: Call[Parts], name: str, default: int) -> int:
    text = call.one(name)
    return default if text is None else min(count(text, where=name), 10**9 if name == "offset" else 1000)


def show(call: Call[Parts], group_id: str) -> Answer:
    """One group. Raises ServerGroupNotFound."""
    with call.database.read() as db:
        group = _load(call, db, group_id)
        return Ok({"server_group": _view(call, group, groups.members(db, [group_id])[group_id])})


def delete(call: Call[Parts], group_id: str) -> Answer:
    """Delete a group; its servers stay. Raises ServerGroupNotFound."""
    with call.database.write(call.actor) as tx:
        group = _load(call, tx, group_id)
        groups.delete(tx, group_id)
        tx.record(Event(action="delete", kind="server-group", subject=group_id, before={"name": group.name}))
    return NoContent()


def _load(call: Call[Parts], db: Reader, group_id: str) -> ServerGroup:
    group = groups.find(db, group_id)
    if group is None or not call.sees(group.project_id):
        raise ServerGroupNotFound(group_id)
    return group


def _view(call: Call[Parts], group: ServerGroup, members: list[str]) -> dict[str, Any]:
    rules = {} if group.most_per_host is None else {"max_server_per_host": group.most_per_host}
    view = {
        "id": group.group_id,
        "name": group.name,
        "members": members,
        "project_id": group.project_id,
        "user_id": group.user_id,
        "policies": [group.policy],
        "metadata": {},
        "policy": group.policy,
        "rules": rules,
    }
    return _WINDOWS.project(view, call.version)
