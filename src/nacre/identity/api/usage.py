"""Usage: what a project and everything below it use of what is limited."""

from __future__ import annotations

from nacre.identity import limits, policy
from nacre.identity.api.guard import known
from nacre.identity.api.lists import self_link
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import load_placed
from nacre.identity.store.projects import projects_above
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route


def show(call: Call[Parts], project_id: str) -> Answer:
    """For each resource of each service the limit, what the project or domain uses itself, and what its subtree does.

    A stranger is refused whether the project exists or not. Errors: ProjectNotFound.
    """
    with call.database.read() as db:
        found = projects_above(db, project_id)
        known(call, lambda: load_placed(found, project_id), lambda placed: placed.target)
        uses = limits.uses_of(db, call.parts.accounts, project_id)
    view = {
        "project_id": project_id,
        "resources": [
            {
                "service_type": use.service,
                "resource_name": use.resource,
                "limit": use.limit,
                "own": use.own,
                "subtree": use.subtree,
            }
            for use in uses
        ],
        "links": self_link(call, f"/v3/nacre/projects/{project_id}/usage"),
    }
    return Ok({"usage": view})


ROUTES = (Route("GET", "/v3/nacre/projects/{project_id}/usage", show, policy.GET_PROJECT_USAGE),)
