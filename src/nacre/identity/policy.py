"""Who may do what in identity, by the names operators know.

The admin of the cloud may do everything. Readers of the whole system see everything; readers of a domain see what is
in it. Where a thing is not the caller's, the answer is a refusal whether the thing exists or not.
"""

from __future__ import annotations

from nacre.kernel.policy import ADMIN, ANYBODY, PUBLIC, Policy

_READER = "role:admin or (role:reader and system_scope:all)"
_DOMAIN_READER = f"{_READER} or (role:reader and domain_id:%(domain_id)s)"
_SELF = "user_id:%(user_id)s"
_OWN_PROJECT = "project_id:%(project_id)s"


def _changes(noun: str) -> tuple[Policy, Policy, Policy]:
    """To create, to update and to delete."""
    create, update, delete = (
        Policy(f"identity:{verb}_{noun}", ADMIN) for verb in ("create", "update", "delete")
    )
    return create, update, delete


VALIDATE_TOKEN = Policy("identity:validate_token", f"{_READER} or role:service or {_SELF}")
REVOKE_TOKEN = Policy("identity:revoke_token", f"{ADMIN} or {_SELF}")
OWN_SCOPES = Policy("identity:get_auth_projects", ANYBODY)
OWN_CATALOG = Policy("identity:get_auth_catalog", ANYBODY)

LIST_DOMAINS = Policy("identity:list_domains", _DOMAIN_READER)
GET_DOMAIN = Policy("identity:get_domain", f"{_DOMAIN_READER} or project_domain_id:%(domain_id)s")
CREATE_DOMAIN, UPDATE_DOMAIN, DELETE_DOMAIN = _changes("domain")

LIST_PROJECTS = Policy("identity:list_projects", _DOMAIN_READER)
GET_PROJECT = Policy("identity:get_project", f"{_DOMAIN_READER} or {_OWN_PROJECT}")
CREATE_PROJECT, UPDATE_PROJECT, DELETE_PROJECT = _changes("project")
LIST_TAGS = Policy("identity:list_project_tags", f"{_DOMAIN_READER} or {_OWN_PROJECT}")
UPDATE_TAGS = Policy("identity:update_project_tags", ADMIN)

LIST_USERS = Policy("identity:list_users", _DOMAIN_READER)
GET_USER = Policy("identity:get_user", f"{_DOMAIN_READER} or {_SELF}")
CREATE_USER, UPDATE_USER, DELETE_USER = _changes("user")
CHANGE_OWN_PASSWORD = PUBLIC
LIST_USER_PROJECTS = Policy("identity:list_user_projects", f"{_DOMAIN_READER} or {_SELF}")
LIST_USER_GROUPS = Policy("identity:list_groups_for_user", f"{_DOMAIN_READER} or {_SELF}")

LIST_GROUPS = Policy("identity:list_groups", _DOMAIN_READER)
GET_GROUP = Policy("identity:get_group", _DOMAIN_READER)
CREATE_GROUP, UPDATE_GROUP, DELETE_GROUP = _changes("group")
GET_MEMBERS = Policy("identity:list_users_in_group", _DOMAIN_READER)
CHANGE_MEMBERS = Policy("identity:add_user_to_group", ADMIN)

LIST_ROLES = Policy("identity:list_roles", f"{_READER} or role:manager")
GET_ROLE = Policy("identity:get_role", f"{_READER} or role:manager")
CREATE_ROLE, UPDATE_ROLE, DELETE_ROLE = _changes("role")
GET_IMPLICATION = Policy("identity:get_implied_role", _READER)
CREATE_IMPLICATION, _, DELETE_IMPLICATION = _changes("implied_role")

LIST_ASSIGNMENTS = Policy("identity:list_role_assignments", _DOMAIN_READER)
GET_GRANT = Policy("identity:check_grant", _READER)
CREATE_GRANT, _, DELETE_GRANT = _changes("grant")

GET_REGION = Policy("identity:get_region", ANYBODY)
CREATE_REGION, UPDATE_REGION, DELETE_REGION = _changes("region")
GET_SERVICE = Policy("identity:get_service", _READER)
CREATE_SERVICE, UPDATE_SERVICE, DELETE_SERVICE = _changes("service")
GET_ENDPOINT = Policy("identity:get_endpoint", _READER)
CREATE_ENDPOINT, UPDATE_ENDPOINT, DELETE_ENDPOINT = _changes("endpoint")

_OWN_OR_ADMIN = f"{ADMIN} or {_SELF}"
GET_STORED_CREDENTIAL = Policy("identity:get_credential", f"{_READER} or {_SELF}")
CREATE_STORED_CREDENTIAL = Policy("identity:create_credential", _OWN_OR_ADMIN)
UPDATE_STORED_CREDENTIAL = Policy("identity:update_credential", _OWN_OR_ADMIN)
DELETE_STORED_CREDENTIAL = Policy("identity:delete_credential", _OWN_OR_ADMIN)

GET_POLICY = Policy("identity:get_policy", _READER)
CREATE_POLICY, UPDATE_POLICY, DELETE_POLICY = _changes("policy")

GET_CREDENTIAL = Policy("identity:get_application_credential", f"{_READER} or {_SELF}")
CREATE_CREDENTIAL = Policy("identity:create_application_credential", _SELF)
DELETE_CREDENTIAL = Policy("identity:delete_application_credential", f"{ADMIN} or {_SELF}")

# -- configuration of domains --
GET_DOMAIN_CONFIG = Policy("identity:get_domain_config", _READER)
GET_DEFAULT_CONFIG = Policy("identity:get_domain_config_default", _READER)
GET_COMPLIANCE_CONFIG = Policy("identity:get_security_compliance_domain_config", ANYBODY)
CREATE_DOMAIN_CONFIG, UPDATE_DOMAIN_CONFIG, DELETE_DOMAIN_CONFIG = _changes("domain_config")

# -- which projects see which endpoints, and which policy an endpoint follows --
LIST_ENDPOINT_GROUPS = Policy("identity:list_endpoint_groups", _READER)
GET_ENDPOINT_GROUP = Policy("identity:get_endpoint_group", _READER)
CREATE_ENDPOINT_GROUP, UPDATE_ENDPOINT_GROUP, DELETE_ENDPOINT_GROUP = _changes("endpoint_group")
LIST_ENDPOINT_GROUP_PROJECTS = Policy("identity:list_projects_associated_with_endpoint_group", _READER)
LIST_ENDPOINT_GROUP_ENDPOINTS = Policy("identity:list_endpoints_associated_with_endpoint_group", _READER)
GET_PROJECT_ENDPOINT_GROUP = Policy("identity:get_endpoint_group_in_project", _READER)
LIST_PROJECT_ENDPOINT_GROUPS = Policy("identity:list_endpoint_groups_for_project", _READER)
ADD_PROJECT_ENDPOINT_GROUP = Policy("identity:add_endpoint_group_to_project", ADMIN)
REMOVE_PROJECT_ENDPOINT_GROUP = Policy("identity:remove_endpoint_group_from_project", ADMIN)
LIST_ENDPOINT_PROJECTS = Policy("identity:list_projects_for_endpoint", _READER)
CHECK_PROJECT_ENDPOINT = Policy("identity:check_endpoint_in_project", _READER)
LIST_PROJECT_ENDPOINTS = Policy("identity:list_endpoints_for_project", _READER)
ADD_PROJECT_ENDPOINT = Policy("identity:add_endpoint_to_project", ADMIN)
REMOVE_PROJECT_ENDPOINT = Policy("identity:remove_endpoint_from_project", ADMIN)
GET_ENDPOINT_POLICY = Policy("identity:get_policy_for_endpoint", _READER)
LIST_POLICY_ENDPOINTS = Policy("identity:list_endpoints_for_policy", _READER)


def policy_association(verb: str, target: str) -> Policy:
    """To create, check or delete the association of a policy with an endpoint, a service, or a part of one."""
    return Policy(f"identity:{verb}_policy_association_for_{target}", _READER if verb == "check" else ADMIN)
