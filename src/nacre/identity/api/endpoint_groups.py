"""Endpoint groups: endpoints told apart by what they are, and the projects that see them.

Source: Identity API v3, OS-EP-FILTER.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.identity import policy
from nacre.identity.api.changes import catalog_changed, name_free, updated
from nacre.identity.api.endpoints import endpoint_view
from nacre.identity.api.fields import UNSET, Description, LongName, Unset
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import listed, page_from, self_link, text_filters, whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import list_views
from nacre.identity.domain.catalog import EndpointFilters, EndpointGroup
from nacre.identity.errors import EndpointAssociationNotFound
from nacre.identity.store.endpoint_filters import ENDPOINT_GROUPS, PROJECT_GROUPS
from nacre.identity.store.endpoints import load_endpoints
from nacre.identity.store.projects import PROJECTS
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Created, NoContent, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import new_hex_id


class CreateEndpointGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName
    description: Description | None = None
    filters: EndpointFilters


class UpdateEndpointGroup(msgspec.Struct, frozen=True, kw_only=True):
    name: LongName | Unset = UNSET
    description: Description | Unset | None = UNSET
    filters: EndpointFilters | Unset = UNSET


CREATE = Body(CreateEndpointGroup, key="endpoint_group")
UPDATE = Body(UpdateEndpointGroup, key="endpoint_group")


def create(call: Call[Parts], ask: CreateEndpointGroup) -> Answer:
    """A new group, which no project is associated with yet."""
    demand(call)
    group = EndpointGroup(
        endpoint_group_id=new_hex_id(),
        name=ask.name,
        description=ask.description or "",
        filters=ask.filters,
    )
    with call.database.write(call.actor) as tx:
        ENDPOINT_GROUPS.insert(tx, group)
        catalog_changed(tx, "create", "endpoint_group", group.endpoint_group_id, after=group)
    return Created({"endpoint_group": _view(call, group)})


def list_all(call: Call[Parts]) -> Answer:
    """Groups by name; filter `name`."""
    demand(call)
    with call.database.read() as db:
        page, rows = page_from(db, call, ENDPOINT_GROUPS, text_filters(call, "name"))
    return _listed(call, page, rows)


def show(call: Call[Parts], endpoint_group_id: str) -> Answer:
    """A group. Errors: EndpointGroupNotFound."""
    demand(call)
    with call.database.read() as db:
        return Ok({"endpoint_group": _view(call, ENDPOINT_GROUPS.load(db, endpoint_group_id))})


def update(call: Call[Parts], ask: UpdateEndpointGroup, endpoint_group_id: str) -> Answer:
    """Change what is given; filters as a whole. Errors: EndpointGroupNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = ENDPOINT_GROUPS.lock(tx, endpoint_group_id)
        after = updated(before, ask)
        after = msgspec.structs.replace(after, description=after.description or "")
        ENDPOINT_GROUPS.update(tx, after)
        catalog_changed(tx, "update", "endpoint_group", endpoint_group_id, before=before, after=after)
    return Ok({"endpoint_group": _view(call, after)})


def delete(call: Call[Parts], endpoint_group_id: str) -> Answer:
    """Delete a group; projects are associated with it no more. Errors: EndpointGroupNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        before = ENDPOINT_GROUPS.lock(tx, endpoint_group_id)
        ENDPOINT_GROUPS.remove(tx, endpoint_group_id)
        catalog_changed(tx, "delete", "endpoint_group", endpoint_group_id, before=before)
    return NoContent()


# -- what belongs to a group, and who is associated with it ------------------------------------------------


def list_endpoints(call: Call[Parts], endpoint_group_id: str) -> Answer:
    """The endpoints that belong to a group now. Errors: EndpointGroupNotFound."""
    demand(call)
    with call.database.read() as db:
        group = ENDPOINT_GROUPS.load(db, endpoint_group_id)
        endpoints = [each for each in load_endpoints(db) if group.filters.match(each)]
    return whole(call, "endpoints", [endpoint_view(call, each) for each in endpoints])


def list_projects(call: Call[Parts], endpoint_group_id: str) -> Answer:
    """The projects associated with a group. Errors: EndpointGroupNotFound."""
    demand(call)
    with call.database.read() as db:
        ENDPOINT_GROUPS.load(db, endpoint_group_id)
        page, rows = page_from(db, call, PROJECTS, {}, PROJECT_GROUPS.projects(endpoint_group_id))
        view = list_views(db, call, rows)
    return listed(call, "projects", rows, page, view, id_of=lambda row: row.project_id)


def list_of_project(call: Call[Parts], project_id: str) -> Answer:
    """The groups that a project is associated with. Errors: ProjectNotFound."""
    demand(call)
    with call.database.read() as db:
        PROJECTS.load(db, project_id)
        page, rows = page_from(db, call, ENDPOINT_GROUPS, {}, PROJECT_GROUPS.of_project(project_id))
    return _listed(call, page, rows)


def add(call: Call[Parts], endpoint_group_id: str, project_id: str) -> Answer:
    """Associate a project with a group. Errors: EndpointGroupNotFound, ProjectNotFound, Taken where it is so."""
    demand(call)
    with name_free("project_endpoint_group", project_id), call.database.write(call.actor) as tx:
        ENDPOINT_GROUPS.hold(tx, endpoint_group_id)
        PROJECTS.hold(tx, project_id)
        PROJECT_GROUPS.add(tx, project_id, endpoint_group_id)
        catalog_changed(
            tx, "associate", "endpoint_group", endpoint_group_id, after={"project_id": project_id}
        )
    return NoContent()


def check(call: Call[Parts], endpoint_group_id: str, project_id: str) -> Answer:
    """The association of a project with a group. Errors: ..NotFound for either, EndpointAssociationNotFound."""
    demand(call)
    with call.database.read() as db:
        ENDPOINT_GROUPS.load(db, endpoint_group_id)
        PROJECTS.load(db, project_id)
        if not PROJECT_GROUPS.has(db, project_id, endpoint_group_id):
            raise EndpointAssociationNotFound(f"{endpoint_group_id} {project_id}")
    path = f"/v3/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}"
    pair = {"endpoint_group_id": endpoint_group_id, "project_id": project_id, "links": self_link(call, path)}
    return Ok({"project_endpoint_group": pair})


def remove(call: Call[Parts], endpoint_group_id: str, project_id: str) -> Answer:
    """Take the association away. Errors: ..NotFound for either, EndpointAssociationNotFound."""
    demand(call)
    with call.database.write(call.actor) as tx:
        ENDPOINT_GROUPS.hold(tx, endpoint_group_id)
        PROJECTS.hold(tx, project_id)
        if not PROJECT_GROUPS.remove(tx, project_id, endpoint_group_id):
            raise EndpointAssociationNotFound(f"{endpoint_group_id} {project_id}")
        catalog_changed(
            tx, "dissociate", "endpoint_group", endpoint_group_id, before={"project_id": project_id}
        )
    return NoContent()


def _listed(call: Call[Parts], page: Any, rows: list[EndpointGroup]) -> Answer:
    return listed(
        call,
        "endpoint_groups",
        rows,
        page,
        lambda row: _view(call, row),
        id_of=lambda row: row.endpoint_group_id,
    )


def _view(call: Call[Any], group: EndpointGroup) -> dict[str, Any]:
    return {
        "id": group.endpoint_group_id,
        "name": group.name,
        "description": group.description,
        "filters": group.filters,
        "links": self_link(call, f"/v3/OS-EP-FILTER/endpoint_groups/{group.endpoint_group_id}"),
    }


_GROUPS = "/v3/OS-EP-FILTER/endpoint_groups"
_GROUP = f"{_GROUPS}/{{endpoint_group_id}}"
_OF_PROJECT = "/v3/OS-EP-FILTER/projects/{project_id}/endpoint_groups"
_PAIR = f"{_GROUP}/projects/{{project_id}}"
ROUTES = (
    Route("GET", _GROUPS, list_all, policy.LIST_ENDPOINT_GROUPS),
    Route("POST", _GROUPS, create, policy.CREATE_ENDPOINT_GROUP, CREATE),
    Route("GET", _GROUP, show, policy.GET_ENDPOINT_GROUP),
    Route("PATCH", _GROUP, update, policy.UPDATE_ENDPOINT_GROUP, UPDATE),
    Route("DELETE", _GROUP, delete, policy.DELETE_ENDPOINT_GROUP),
    Route("GET", f"{_GROUP}/endpoints", list_endpoints, policy.LIST_ENDPOINT_GROUP_ENDPOINTS),
    Route("GET", f"{_GROUP}/projects", list_projects, policy.LIST_ENDPOINT_GROUP_PROJECTS),
    Route("GET", _OF_PROJECT, list_of_project, policy.LIST_PROJECT_ENDPOINT_GROUPS),
    Route("PUT", _PAIR, add, policy.ADD_PROJECT_ENDPOINT_GROUP),
    Route("GET", _PAIR, check, policy.GET_PROJECT_ENDPOINT_GROUP),
    Route("DELETE", _PAIR, remove, policy.REMOVE_PROJECT_ENDPOINT_GROUP),
)
