"""Tokens as callers see them."""

from __future__ import annotations

from typing import Any

from nacre.kernel.clock import iso_micro
from nacre.kernel.policy import Caller


def is_scoped(caller: Caller) -> bool:
    return bool(caller.project_id or caller.domain_id or caller.system)


def token_view(caller: Caller) -> dict[str, Any]:
    """A token as callers see it, without the catalogue."""
    view: dict[str, Any] = {
        "methods": caller.methods,
        "user": {
            "id": caller.user_id,
            "name": caller.user_name,
            "domain": {"id": caller.user_domain_id, "name": caller.user_domain_name},
            "password_expires_at": None,
        },
        "audit_ids": caller.audit_ids,
        "expires_at": iso_micro(caller.expires_at),
        "issued_at": iso_micro(caller.issued_at),
    }
    if caller.project_id:
        view["project"] = {
            "id": caller.project_id,
            "name": caller.project_name,
            "domain": {"id": caller.project_domain_id, "name": caller.project_domain_name},
        }
        view["is_domain"] = False
    if caller.domain_id:
        view["domain"] = {"id": caller.domain_id, "name": caller.domain_name}
    if caller.system:
        view["system"] = {"all": True}
    if is_scoped(caller):
        view["roles"] = [
            {"id": role_id, "name": name} for role_id, name in zip(caller.role_ids, caller.roles, strict=True)
        ]
    return view
