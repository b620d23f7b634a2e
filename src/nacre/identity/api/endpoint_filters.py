"""Which endpoints a project sees: those it is associated with, or all of them if with none.

Source: Identity API v3, OS-EP-FILTER.
"""

from __future__ import annotations

from nacre.identity import policy
from nacre.identity.api.changes import catalog_changed, name_free
from nacre.identity.api.endpoints import endpoint_view
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import list_views
from nacre.identity.errors import EndpointAssociationNotFound
from nacre.identity.store.endpoint_filters import PROJECT_ENDPOINTS, find_selection
from nacre.identity.store.endpoints import ENDPOINTS, load_endpoints
from nacre.identity.store.projects import PROJECTS
from nacre.kernel.http.call import Answer, Call, NoContent
from nacre.kernel.http.routes import Route


def list_endpoints(call: Call[Parts], project_id: str) -> Answer:
    """The endpoints that a project is associated with, also by their groups. Errors: ProjectNotFound."""
    demand(call)
    with call.database.read() as db:
        PROJECTS.load(db, project_id)
        selection = find_selection(db, project_id)
        endpoints = [each for each in load_endpoints(db) if selection.holds(each)] if selection else []
    return whole(call, "endpoints", [endpoint_view(call, each) for each in endpoints])


def list_projects(call: Call[Parts], endpoint_id: str) -> Answer:
    """The projects associated with an endpoint itself. Errors: EndpointNotFound."""
    demand(call)
    with call.database.read() as db:
        ENDPOINTS.load(db, endpoint_id)
        page, rows = page_from(db, call, PROJECTS, {}, PROJECT_ENDPOINTS.projects(endpoint_id))
        view = list_views(db, call, rows)
    return listed(call, "projects", rows, page, view, id_of=lambda row: row.project_id)


def add(call: Call[Parts], project_id: str, endpoint_id: str) -> Answer:
    """Associate a project with an endpoint. Errors: ProjectNotFound, EndpointNotFound, Taken where it is so."""
    demand(call)
    with name_free("project_endpoint", project_id), call.database.write(call.actor) as tx:
        PROJECTS.hold(tx, project_id)
        ENDPOINTS.hold(tx, endpoint_id)
        PROJECT_ENDPOINTS.add(tx, project_id, endpoint_id)
        catalog_changed(tx, "associate", "endpoint", endpoint_id, after={"project_id": project_id})
    return NoContent()


def check(call: Call[Parts], project_id: str, endpoint_id: str) -> Answer:
    """Whether they are associated. Errors: ..NotFound for either, EndpointAssociationNotFound."""
    demand(call)
    with call.database.read() as db:
        PROJECTS.load(db, project_id)
        ENDPOINTS.load(db, endpoint_id)
        if not PROJECT_ENDPOINTS.has(db, project_id, endpoint_id):
            raise EndpointAssociationNotFound(f"{endpoint_id} {project_id}")
    return NoContent()


def remove(call: Call[Parts], project_id: str, endpoint_id: str) -> Answer:
    """Take the association away. Errors: ..NotFound for either, EndpointAssociationNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        PROJECTS.hold(tx, project_id)
        ENDPOINTS.hold(tx, endpoint_id)
        if not PROJECT_ENDPOINTS.remove(tx, project_id, endpoint_id):
            raise EndpointAssociationNotFound(f"{endpoint_id} {project_id}")
        catalog_changed(tx, "dissociate", "endpoint", endpoint_id, before={"project_id": project_id})
    return NoContent()


_FILTERS = "/v3/OS-EP-FILTER"
_OF_PROJECT = f"{_FILTERS}/projects/{{project_id}}/endpoints"
_PAIR = f"{_OF_PROJECT}/{{endpoint_id}}"
ROUTES = (
    Route("GET", _OF_PROJECT, list_endpoints, policy.LIST_PROJECT_ENDPOINTS),
    Route(
        "GET", f"{_FILTERS}/endpoints/{{endpoint_id}}/projects", list_projects, policy.LIST_ENDPOINT_PROJECTS
    ),
    Route("PUT", _PAIR, add, policy.ADD_PROJECT_ENDPOINT),
    Route("GET", _PAIR, check, policy.CHECK_PROJECT_ENDPOINT),
    Route("DELETE", _PAIR, remove, policy.REMOVE_PROJECT_ENDPOINT),
)
