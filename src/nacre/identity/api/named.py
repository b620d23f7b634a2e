"""Projects and domains that a login names by id, or by name."""

from __future__ import annotations

from nacre.identity.api.login import DomainRef, ProjectRef
from nacre.identity.standing import refused
from nacre.identity.store.projects import find_by_name, find_domain_id
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad


def project_id_of(db: Reader, ref: ProjectRef) -> str:
    if ref.id is not None:
        return ref.id
    if ref.name is None:
        raise Bad("Expecting to find id or name in project.", where="auth.scope.project")
    project = find_by_name(db, required(domain_id_of(db, ref.domain)), ref.name)
    return required(project.project_id if project else None)


def domain_id_of(db: Reader, ref: DomainRef) -> str | None:
    if ref.id:
        return ref.id
    if not ref.name:
        raise Bad("Expecting to find id or name in domain.", where="auth")
    return find_domain_id(db, ref.name)


def required(found: str | None) -> str:
    if not found:
        raise refused("there is no such project or domain")
    return found
