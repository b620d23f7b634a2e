"""Tokens as callers see them."""

from __future__ import annotations

from typing import Any

from nacre.identity.authority import Admitted
from nacre.identity.domain.access_rules import AccessRule
from nacre.identity.domain.trusts import Trust
from nacre.identity.store.application_credentials import ApplicationCredential
from nacre.kernel.clock import iso_micro
from nacre.kernel.policy import Caller


def is_scoped(caller: Caller) -> bool:
    return bool(caller.project_id or caller.domain_id or caller.system)


def token_view(admitted: Admitted) -> dict[str, Any]:
    """A token as callers see it, without the catalogue."""
    caller, standing = admitted.caller, admitted.standing
    ends_at = standing.access.user.password_expires_at
    view: dict[str, Any] = {
        "methods": caller.methods,
        "user": {
            "id": caller.user_id,
            "name": caller.user_name,
            "domain": {"id": caller.user_domain_id, "name": caller.user_domain_name},
            "password_expires_at": None if ends_at is None else iso_micro(ends_at, zulu=False),
        },
        "audit_ids": caller.audit_ids,
        "expires_at": iso_micro(caller.expires_at),
        "issued_at": iso_micro(caller.issued_at),
    }
    voucher = admitted.claims.voucher
    if voucher is not None:
        groups = [group_id for idp_id, group_id in standing.access.vouched_groups if idp_id == voucher.idp_id]
        view["user"]["OS-FEDERATION"] = {
            "identity_provider": {"id": voucher.idp_id},
            "protocol": {"id": voucher.protocol_id},
            "groups": [{"id": group_id} for group_id in groups],
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
    if standing.trust is not None:
        view["OS-TRUST:trust"] = _trust_view(standing.trust)
    if standing.credential is not None:
        view["application_credential"] = _credential_view(standing.credential)
    return view


def _trust_view(trust: Trust) -> dict[str, Any]:
    return {
        "id": trust.trust_id,
        "impersonation": trust.impersonation,
        "trustor_user": {"id": trust.trustor_user_id},
        "trustee_user": {"id": trust.trustee_user_id},
        "redelegated_trust_id": trust.redelegated_trust_id,
        "redelegation_count": trust.redelegation_count,
    }


def _credential_view(credential: ApplicationCredential) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": credential.credential_id,
        "name": credential.name,
        "restricted": not credential.unrestricted,
    }
    if credential.rules is not None:
        view["access_rules"] = [rule_view(rule) for rule in credential.rules]
    return view


def rule_view(rule: AccessRule) -> dict[str, str]:
    """An access rule as it is shown wherever one is."""
    return {"id": rule.rule_id, "service": rule.service, "method": rule.method, "path": rule.path}
