"""Where the caller may work: the projects, the domains and the system a token can be had for."""

from __future__ import annotations

from nacre.identity.api.domains import domain_view
from nacre.identity.api.lists import listed, page_from, whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.projects import list_views
from nacre.identity.store.assignments import domain_ids_of, holds_system_role, project_ids_of
from nacre.identity.store.projects import DOMAINS, PROJECTS
from nacre.kernel.http.call import Answer, Call


def list_projects(call: Call[Parts]) -> Answer:
    """The enabled projects on which the caller holds a role."""
    mine = project_ids_of(call.caller.user_id, now=call.now)
    with call.database.read() as db:
        page, rows = page_from(db, call, PROJECTS, {"is_domain": False, "enabled": True}, mine)
        view = list_views(db, call, rows)
    return listed(call, "projects", rows, page, view, id_of=lambda project: project.project_id)


def list_domains(call: Call[Parts]) -> Answer:
    """The enabled domains on which the caller holds a role."""
    mine = domain_ids_of(call.caller.user_id, now=call.now)
    with call.database.read() as db:
        page, rows = page_from(db, call, DOMAINS, {"enabled": True}, mine)
    return listed(
        call, "domains", rows, page, lambda row: domain_view(call, row), id_of=lambda row: row.project_id
    )


def show_system(call: Call[Parts]) -> Answer:
    """Whether the caller holds a role on the system."""
    with call.database.read() as db:
        held = holds_system_role(db, call.caller.user_id, now=call.now)
    return whole(call, "system", [{"all": True}] if held else [])
