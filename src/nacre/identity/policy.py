"""Who may do what in identity, by the names operators know.

The admin of the cloud may do everything. Readers of the whole system see everything, readers of a domain what is in
it; managers of a domain manage what is in it. The manager of a project manages the projects below it, and who holds
which role there. Where a thing is not the caller's, the answer is a refusal whether the thing exists or not.

A target names the domain and the project of the thing itself. `project_path` and `parent_path` are a project or a
thing's parent, with all projects above it; of a grant, `actor_domain_id` is the user's or group's domain and
`domain_id` that of what the role is held on. `member_domain_id` is the domain of a user in a group.
`by_name` is set when a list is asked for by name: whoever gives roles needs the ids.
"""

from __future__ import annotations

from nacre.kernel.policy import ADMIN, ANYBODY, PUBLIC, Policy

_READER = "rule:system_reader"
_ANY_READER = f"{ADMIN} or {_READER}"
_DOMAIN_READER = f"{_ANY_READER} or rule:domain_reader"
_DOMAIN_MANAGER = f"{ADMIN} or rule:domain_manager"
_SELF = "rule:self"
_OWN_PROJECT = "project_id:%(project_id)s"
_FINDER = "rule:manager and not project_id:None and 'True':%(by_name)s"
_PROJECT_CHANGER = f"{_DOMAIN_MANAGER} or (rule:manager and within:%(parent_path)s)"


def _changes(noun: str, rule: str = "rule:cloud_admin") -> tuple[Policy, Policy, Policy]:
    """To create, to update and to delete."""
    create, update, delete = (
        Policy(f"identity:{verb}_{noun}", rule) for verb in ("create", "update", "delete")
    )
    return create, update, delete


SHOW_RULES = Policy("nacre:policies:show", _READER)
SET_RULES = Policy("nacre:policies:set", "rule:cloud_admin")
CHECK_RULES = Policy("nacre:policies:check", _READER)

VALIDATE_TOKEN = Policy("identity:validate_token", f"{_ANY_READER} or rule:service or {_SELF}")
REVOKE_TOKEN = Policy("identity:revoke_token", f"{ADMIN} or {_SELF}")
REVOKE_TOKENS_OF_USER = Policy("identity:revoke_user_tokens", f"{ADMIN} or {_SELF}")
OWN_SCOPES = Policy("identity:get_auth_projects", ANYBODY)
OWN_CATALOG = Policy("identity:get_auth_catalog", ANYBODY)

LIST_DOMAINS = Policy("identity:list_domains", _DOMAIN_READER)
GET_DOMAIN = Policy("identity:get_domain", f"{_DOMAIN_READER} or project_domain_id:%(domain_id)s")
CREATE_DOMAIN, UPDATE_DOMAIN, DELETE_DOMAIN = _changes("domain")

LIST_PROJECTS = Policy("identity:list_projects", f"{_DOMAIN_READER} or rule:subtree_manager")
GET_PROJECT = Policy("identity:get_project", f"{_DOMAIN_READER} or {_OWN_PROJECT} or rule:subtree_manager")
CREATE_PROJECT, UPDATE_PROJECT, DELETE_PROJECT = _changes("project", _PROJECT_CHANGER)
LIST_TAGS = Policy(
    "identity:list_project_tags", f"{_DOMAIN_READER} or {_OWN_PROJECT} or rule:subtree_manager"
)
UPDATE_TAGS = Policy("identity:update_project_tags", _PROJECT_CHANGER)

LIST_USERS = Policy("identity:list_users", f"{_DOMAIN_READER} or ({_FINDER})")
GET_USER = Policy("identity:get_user", f"{_DOMAIN_READER} or {_SELF}")
CREATE_USER, UPDATE_USER, DELETE_USER = _changes("user", _DOMAIN_MANAGER)
CHANGE_OWN_PASSWORD = PUBLIC
IMPORT_PASSWORD_HASH = Policy("identity:import_password_hash", ADMIN)
LIST_USER_PROJECTS = Policy("identity:list_user_projects", f"{_DOMAIN_READER} or {_SELF}")
LIST_USER_GROUPS = Policy("identity:list_groups_for_user", f"{_DOMAIN_READER} or {_SELF}")

LIST_GROUPS = Policy("identity:list_groups", f"{_DOMAIN_READER} or ({_FINDER})")
GET_GROUP = Policy("identity:get_group", _DOMAIN_READER)
CREATE_GROUP, UPDATE_GROUP, DELETE_GROUP = _changes("group", _DOMAIN_MANAGER)
GET_MEMBERS = Policy("identity:list_users_in_group", _DOMAIN_READER)
CHECK_MEMBER = Policy(
    "identity:check_user_in_group",
    f"{_ANY_READER} or (rule:domain_reader and domain_id:%(member_domain_id)s)",
)
_MEMBERS_CHANGER = f"{ADMIN} or (rule:domain_manager and domain_id:%(member_domain_id)s)"
ADD_MEMBER = Policy("identity:add_user_to_group", _MEMBERS_CHANGER)
REMOVE_MEMBER = Policy("identity:remove_user_from_group", _MEMBERS_CHANGER)

LIST_ROLES = Policy(
    "identity:list_roles", f"{_ANY_READER} or (rule:manager and not domain_id:None) or ({_FINDER})"
)
GET_ROLE = Policy(
    "identity:get_role", f"{_ANY_READER} or (rule:manager and rule:role_for_domains) or role_ids:%(role_id)s"
)
CREATE_ROLE, UPDATE_ROLE, DELETE_ROLE = _changes("role")
LIST_DOMAIN_ROLES = Policy("identity:list_domain_roles", _READER)
GET_DOMAIN_ROLE = Policy("identity:get_domain_role", _READER)
CREATE_DOMAIN_ROLE, UPDATE_DOMAIN_ROLE, DELETE_DOMAIN_ROLE = _changes("domain_role")
GET_IMPLICATION = Policy("identity:get_implied_role", _READER)
CREATE_IMPLICATION, _, DELETE_IMPLICATION = _changes("implied_role")

LIST_ASSIGNMENTS = Policy("identity:list_role_assignments", f"{_DOMAIN_READER} or rule:subtree_manager")
LIST_ASSIGNMENTS_BELOW = Policy("identity:list_role_assignments_for_tree", _DOMAIN_READER)
_GRANT_IN_DOMAIN = (
    "domain_id:%(actor_domain_id)s and (None:%(role_domain_id)s or domain_id:%(role_domain_id)s)"
)
_GRANT_READER = "rule:domain_reader and domain_id:%(actor_domain_id)s"
_GRANT_GIVER = (
    f"{ADMIN} or (rule:domain_manager and {_GRANT_IN_DOMAIN} and rule:role_for_domains)"
    " or (rule:subtree_manager and rule:role_held)"
)
LIST_GRANTS = Policy("identity:list_grants", f"{_ANY_READER} or ({_GRANT_READER}) or rule:subtree_manager")
GET_GRANT = Policy(
    "identity:check_grant",
    f"{_ANY_READER} or (rule:domain_reader and {_GRANT_IN_DOMAIN}) or rule:subtree_manager",
)
CREATE_GRANT = Policy("identity:create_grant", _GRANT_GIVER)
DELETE_GRANT = Policy("identity:delete_grant", _GRANT_GIVER)
LIST_SYSTEM_GRANTS = Policy("identity:list_system_grants", _READER)
GET_SYSTEM_GRANT = Policy("identity:check_system_grant", _READER)
CREATE_SYSTEM_GRANT, _, DELETE_SYSTEM_GRANT = _changes("system_grant")

GET_REGION = Policy("identity:get_region", ANYBODY)
CREATE_REGION, UPDATE_REGION, DELETE_REGION = _changes("region")
GET_SERVICE = Policy("identity:get_service", _READER)
CREATE_SERVICE, UPDATE_SERVICE, DELETE_SERVICE = _changes("service")
GET_ENDPOINT = Policy("identity:get_endpoint", _READER)
CREATE_ENDPOINT, UPDATE_ENDPOINT, DELETE_ENDPOINT = _changes("endpoint")

_OWN_OR_ADMIN = f"{ADMIN} or {_SELF}"
GET_STORED_CREDENTIAL = Policy("identity:get_credential", f"{_ANY_READER} or {_SELF}")
CREATE_STORED_CREDENTIAL = Policy("identity:create_credential", _OWN_OR_ADMIN)
UPDATE_STORED_CREDENTIAL = Policy("identity:update_credential", _OWN_OR_ADMIN)
DELETE_STORED_CREDENTIAL = Policy("identity:delete_credential", _OWN_OR_ADMIN)

GET_POLICY = Policy("identity:get_policy", _READER)
CREATE_POLICY, UPDATE_POLICY, DELETE_POLICY = _changes("policy")

GET_CREDENTIAL = Policy("identity:get_application_credential", f"{_READER} or {_SELF}")
CREATE_CREDENTIAL = Policy("identity:create_application_credential", _SELF)
DELETE_CREDENTIAL = Policy("identity:delete_application_credential", f"rule:cloud_admin or {_SELF}")

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
ADD_PROJECT_ENDPOINT_GROUP = Policy("identity:add_endpoint_group_to_project", "rule:cloud_admin")
REMOVE_PROJECT_ENDPOINT_GROUP = Policy("identity:remove_endpoint_group_from_project", "rule:cloud_admin")
LIST_ENDPOINT_PROJECTS = Policy("identity:list_projects_for_endpoint", _READER)
CHECK_PROJECT_ENDPOINT = Policy("identity:check_endpoint_in_project", _READER)
LIST_PROJECT_ENDPOINTS = Policy("identity:list_endpoints_for_project", _READER)
ADD_PROJECT_ENDPOINT = Policy("identity:add_endpoint_to_project", "rule:cloud_admin")
REMOVE_PROJECT_ENDPOINT = Policy("identity:remove_endpoint_from_project", "rule:cloud_admin")
GET_ENDPOINT_POLICY = Policy("identity:get_policy_for_endpoint", _READER)
LIST_POLICY_ENDPOINTS = Policy("identity:list_endpoints_for_policy", _READER)


def policy_association(verb: str, target: str) -> Policy:
    """To create, check or delete the association of a policy with an endpoint, a service, or a part of one."""
    return Policy(
        f"identity:{verb}_policy_association_for_{target}", _READER if verb == "check" else "rule:cloud_admin"
    )


# -- single sign-on --
LIST_IDENTITY_PROVIDERS = Policy("identity:list_identity_providers", _READER)
GET_IDENTITY_PROVIDER = Policy("identity:get_identity_provider", _READER)
CREATE_IDENTITY_PROVIDER, UPDATE_IDENTITY_PROVIDER, DELETE_IDENTITY_PROVIDER = _changes("identity_provider")
LIST_PROTOCOLS = Policy("identity:list_protocols", _READER)
GET_PROTOCOL = Policy("identity:get_protocol", _READER)
CREATE_PROTOCOL, UPDATE_PROTOCOL, DELETE_PROTOCOL = _changes("protocol")
GET_OIDC_CLIENT = Policy("identity:get_oidc_client", _READER)
SET_OIDC_CLIENT = Policy("identity:set_oidc_client", "rule:cloud_admin")
DELETE_OIDC_CLIENT = Policy("identity:delete_oidc_client", "rule:cloud_admin")
LIST_MAPPINGS = Policy("identity:list_mappings", _READER)
GET_MAPPING = Policy("identity:get_mapping", _READER)
CREATE_MAPPING, UPDATE_MAPPING, DELETE_MAPPING = _changes("mapping")
LIST_SERVICE_PROVIDERS = Policy("identity:list_service_providers", _READER)
GET_SERVICE_PROVIDER = Policy("identity:get_service_provider", _READER)
CREATE_SERVICE_PROVIDER, UPDATE_SERVICE_PROVIDER, DELETE_SERVICE_PROVIDER = _changes("service_provider")

# -- limits; an admin of one domain does not set what bounds it --
_SETS_LIMITS = f"{ADMIN} and not 'domain':%(scope)s"
LIST_REGISTERED_LIMITS = Policy("identity:list_registered_limits", ANYBODY)
GET_REGISTERED_LIMIT = Policy("identity:get_registered_limit", ANYBODY)
CREATE_REGISTERED_LIMITS = Policy("identity:create_registered_limits", _SETS_LIMITS)
UPDATE_REGISTERED_LIMIT = Policy("identity:update_registered_limit", _SETS_LIMITS)
DELETE_REGISTERED_LIMIT = Policy("identity:delete_registered_limit", _SETS_LIMITS)
GET_LIMIT_MODEL = Policy("identity:get_limit_model", ANYBODY)
LIST_LIMITS = Policy("identity:list_limits", f"{_DOMAIN_READER} or {_OWN_PROJECT}")
GET_LIMIT = Policy("identity:get_limit", f"{_DOMAIN_READER} or {_OWN_PROJECT}")
CREATE_LIMITS = Policy("identity:create_limits", _SETS_LIMITS)
UPDATE_LIMIT = Policy("identity:update_limit", _SETS_LIMITS)
DELETE_LIMIT = Policy("identity:delete_limit", _SETS_LIMITS)
GET_PROJECT_USAGE = Policy(
    "identity:get_project_usage", f"{_DOMAIN_READER} or {_OWN_PROJECT} or rule:subtree_manager"
)

_TRUST_MATTERS = "user_id:%(trustor_user_id)s or user_id:%(trustee_user_id)s"
LIST_TRUSTS = Policy("identity:list_trusts", f"{_READER} or {_TRUST_MATTERS}")
GET_TRUST = Policy("identity:get_trust", f"{_READER} or {_TRUST_MATTERS}")
LIST_TRUST_ROLES = Policy("identity:list_roles_for_trust", f"{_READER} or {_TRUST_MATTERS}")
GET_TRUST_ROLE = Policy("identity:get_role_for_trust", f"{_READER} or {_TRUST_MATTERS}")
CREATE_TRUST = Policy("identity:create_trust", "user_id:%(trustor_user_id)s")
DELETE_TRUST = Policy("identity:delete_trust", "rule:cloud_admin or user_id:%(trustor_user_id)s")

_RULES_READER = f"(rule:reader and system_scope:all) or {_SELF}"
LIST_ACCESS_RULES = Policy("identity:list_access_rules", _RULES_READER)
GET_ACCESS_RULE = Policy("identity:get_access_rule", _RULES_READER)
DELETE_ACCESS_RULE = Policy("identity:delete_access_rule", f"(rule:admin and system_scope:all) or {_SELF}")

EC2_LIST = Policy("identity:ec2_list_credentials", f"{_READER} or ({_SELF} and domain_id:None)")
EC2_GET = Policy("identity:ec2_get_credential", f"{_READER} or ({_SELF} and domain_id:None)")
EC2_CREATE = Policy(
    "identity:ec2_create_credential", f"rule:cloud_admin or ({_SELF} and rule:member and domain_id:None)"
)
EC2_DELETE = Policy("identity:ec2_delete_credential", f"rule:cloud_admin or ({_SELF} and domain_id:None)")
CHECK_SIGNATURE = Policy("identity:check_signature", f"{ADMIN} or rule:service")
"""Who learns that a signature is right is given a token of the signer, so it is for services alone."""

LIST_REVOCATIONS = Policy("identity:list_revoke_events", f"{_READER} or rule:service")
