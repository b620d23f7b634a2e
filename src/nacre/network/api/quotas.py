"""Quotas: the limits that identity keeps, by the names of the Networking API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nacre.identity.contract import limits
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.policy import NotAllowed
from nacre.network.api.attributes import Whole, unwrap
from nacre.network.api.kinds import boolean, number
from nacre.network.api.parts import Parts
from nacre.network.errors import HTTPBadRequest, InvalidQuotaValue
from nacre.network.store.quotas import ACCOUNT

_MOST = number(-1, (1 << 31) - 1)
_BESIDE = ("project_id", "tenant_id", "check_limit", "force")

T = TypeVar("T")


def index(call: Call[Parts]) -> Answer:
    """The quotas of all projects that have their own."""
    with call.database.read() as db:
        found = limits.limits_of_projects(db, ACCOUNT)
    return Ok({"quotas": [_view(project_id, own) for project_id, own in found.items()]})


def _view(project_id: str, own: Mapping[str, int]) -> dict[str, Any]:
    return {"project_id": project_id, "tenant_id": project_id, **own}


def show(call: Call[Parts], project_id: str) -> Answer:
    """What a project may have."""
    _check_sees(call, project_id)
    with call.database.read() as db:
        return Ok({"quota": limits.limits_of(db, ACCOUNT, project_id)})


def default(call: Call[Parts], project_id: str) -> Answer:
    """What a project may have that has no quotas of its own."""
    _check_sees(call, project_id)
    with call.database.read() as db:
        return Ok({"quota": limits.defaults_of(db, ACCOUNT)})


def details(call: Call[Parts], project_id: str) -> Answer:
    """What a project may have, and what it has."""
    _check_sees(call, project_id)
    with call.database.read() as db:
        most, used = limits.limits_of(db, ACCOUNT, project_id), limits.usage_of(db, ACCOUNT, project_id)
    return Ok({"quota": {n: {"limit": most[n], "used": used[n], "reserved": 0} for n in used}})


def _check_sees(call: Call[Parts], project_id: str) -> None:
    if not call.sees(project_id):
        raise NotAllowed(call.route.policy.name)


def update(call: Call[Parts], ask: Whole, project_id: str) -> Answer:
    """Give a project quotas of its own; what is not said stays. With `check_limit`, none below what is in use.

    Errors: HTTPBadRequest, Bad, InvalidQuotaValue.
    """
    said = unwrap(ask, "quota")
    raw = {name: value for name, value in said.items() if name not in _BESIDE}
    unknown = sorted(name[:60] for name in raw.keys() - ACCOUNT.measures.keys())
    if unknown:
        raise HTTPBadRequest(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    wanted = {name: _read(_MOST, value, name) for name, value in raw.items()}
    checked = _read(boolean, said.get("check_limit", False), "check_limit") or not _read(
        boolean, said.get("force", True), "force"
    )
    with call.database.write(call.actor) as tx:
        if checked:
            _check_not_below(wanted, limits.usage_of(tx, ACCOUNT, project_id, whole=True))
        limits.set_limits(tx, ACCOUNT, project_id, wanted)
        return Ok({"quota": limits.limits_of(tx, ACCOUNT, project_id)})


def _read(kind: Callable[[Any], T], value: Any, name: str) -> T:
    try:
        return kind(value)
    except ValueError as error:
        raise Bad(str(error), where=name) from error


def _check_not_below(wanted: Mapping[str, int], used: Mapping[str, int]) -> None:
    below = sorted(noun for noun, most in wanted.items() if 0 <= most < used[noun])
    if below:
        raise InvalidQuotaValue(tuple(below))


def delete(call: Call[Parts], project_id: str) -> Answer:
    """Back to the defaults."""
    with call.database.write(call.actor) as tx:
        limits.remove_limits(tx, ACCOUNT, project_id)
    return NoContent()
