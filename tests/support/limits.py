"""The part of identity that limits need, for services that are tested alone."""

from __future__ import annotations

from nacre.identity.contract import Account
from nacre.identity.domain.catalog import CloudService
from nacre.identity.limits import ensure_registered
from nacre.identity.store.projects import PROJECTS, Project
from nacre.identity.store.services import SERVICES
from nacre.kernel.database import Database
from nacre.kernel.events import Actor


def register_limits(database: Database, account: Account) -> None:
    """A catalogue that has the service, with everything registered that it counts."""
    with database.write(Actor("test")) as tx:
        if SERVICES.find(tx, account.service) is None:
            SERVICES.insert(tx, CloudService(service_id=account.service, type=account.service, name="tested"))
            ensure_registered(tx, account, account.service, list(account.measures))


def plant_tree(database: Database, *lines: str) -> None:
    """Projects in the domain `default`, each line from the top downwards: `lab/group/ada`."""
    with database.write(Actor("test")) as tx:
        for line in lines:
            parent_id = "default"
            for project_id in line.split("/"):
                if PROJECTS.find(tx, project_id) is None:
                    project = Project(
                        project_id=project_id, name=project_id, domain_id="default", parent_id=parent_id
                    )
                    PROJECTS.insert(tx, project)
                parent_id = project_id
