"""Quotas."""

from __future__ import annotations

from typing import Any

from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import NotAllowed
from nacre.network.api.attributes import Whole, unwrap
from nacre.network.api.kinds import number
from nacre.network.api.parts import Parts
from nacre.network.errors import HTTPBadRequest
from nacre.network.store import quotas

_MOST = number(-1, (1 << 31) - 1)


def index(call: Call[Parts]) -> Answer:
    """The quotas of all projects that have their own."""
    with call.database.read() as db:
        found = quotas.all_limits(db)
    return Ok({"quotas": [_view(project_id, limits) for project_id, limits in found.items()]})


def _view(project_id: str, limits: dict[str, int]) -> dict[str, Any]:
    return {"project_id": project_id, "tenant_id": project_id, **limits}


def show(call: Call[Parts], project_id: str) -> Answer:
    """What a project may have."""
    _check_sees(call, project_id)
    with call.database.read() as db:
        return Ok({"quota": quotas.limits(db, project_id)})


def default(call: Call[Parts], project_id: str) -> Answer:
    """What a project may have that has no quotas of its own."""
    _check_sees(call, project_id)
    return Ok({"quota": dict(quotas.DEFAULTS)})


def details(call: Call[Parts], project_id: str) -> Answer:
    """What a project may have, and what it has."""
    _check_sees(call, project_id)
    with call.database.read() as db:
        limits, used = quotas.limits(db, project_id), quotas.usage(db, project_id)
    return Ok({"quota": {n: {"limit": limits[n], "used": used[n], "reserved": 0} for n in limits}})


def _check_sees(call: Call[Parts], project_id: str) -> None:
    if not call.sees(project_id):
        raise NotAllowed(call.route.policy.name)


def update(call: Call[Parts], ask: Whole, project_id: str) -> Answer:
    """Give a project quotas of its own; what is not said stays."""
    raw = {n: value for n, value in unwrap(ask, "quota").items() if n not in ("project_id", "tenant_id")}
    unknown = sorted(name[:60] for name in raw.keys() - quotas.DEFAULTS.keys())
    if unknown:
        raise HTTPBadRequest(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    wanted = {}
    for name, value in raw.items():
        try:
            wanted[name] = _MOST(value)
        except ValueError as error:
            raise Bad(str(error), where=name) from error
    with call.database.write(call.actor) as tx:
        before = quotas.limits(tx, project_id)
        quotas.set_limits(tx, project_id, wanted)
        tx.record(
            Event(
                action="update",
                kind="network_quota",
                subject=project_id,
                before={name: before[name] for name in wanted},
                after=wanted,
                project_id=ProjectId(project_id),
            )
        )
        return Ok({"quota": quotas.limits(tx, project_id)})


def delete(call: Call[Parts], project_id: str) -> Answer:
    """Back to the defaults."""
    with call.database.write(call.actor) as tx:
        if quotas.forget_limits(tx, project_id):
            tx.record(
                Event(
                    action="delete",
                    kind="network_quota",
                    subject=project_id,
                    project_id=ProjectId(project_id),
                )
            )
    return NoContent()
