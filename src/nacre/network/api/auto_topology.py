"""A network for those who ask for any: made when it is asked for, told again, and deleted."""

from __future__ import annotations

from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import NotAllowed
from nacre.network import policy
from nacre.network.api.noun import View
from nacre.network.api.parts import Parts
from nacre.network.changes import auto_topology as changes
from nacre.network.errors import AutoAllocatedTopologyNotFound

OWN = ("None", "null", "")
"""What clients put for the project when nobody names one: the caller's own is meant."""
CHECK = "dry-run"


def show(call: Call[Parts], project_id: str) -> Answer:
    """The project's network, made now if there is none; with `fields=dry-run`, whether it could be.

    Errors: NotAllowed, AutoAllocationFailure, and those of making networks, subnets and routers.
    """
    project_id = _project(call, project_id)
    checking = CHECK in call.all("fields")
    with call.database.write(call.actor) as tx:
        if checking:
            changes.check(tx, project_id)
            return Ok({"auto_allocated_topology": _view(f"{CHECK}=pass", project_id)})
        network_id = changes.ensure(tx, ProjectId(project_id), call.parts.self_service_types)
    return Ok({"auto_allocated_topology": _view(network_id, project_id)})


def _view(shown_id: str, project_id: str) -> View:
    return {"id": shown_id, "project_id": project_id, "tenant_id": project_id}


def delete(call: Call[Parts], project_id: str) -> Answer:
    """Delete the network with its subnets and its router. Errors: NotAllowed, AutoAllocatedTopologyNotFound."""
    project_id = _project(call, project_id)
    with call.database.write(call.actor) as tx:
        if not changes.remove(tx, project_id):
            raise AutoAllocatedTopologyNotFound(project_id)
    return NoContent()


def _project(call: Call[Parts], project_id: str) -> str:
    wanted = call.project_id if project_id in OWN else project_id
    if not call.sees(wanted):
        raise NotAllowed(call.route.policy.name)
    return wanted


_PATH = "/v2.0/auto-allocated-topology/{project_id}"
ROUTES = (
    Route("GET", _PATH, show, policy.TOPOLOGY_ENSURE),
    Route("DELETE", _PATH, delete, policy.TOPOLOGY_DELETE),
)
