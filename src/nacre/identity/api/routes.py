"""Every operation of identity: its path, its handler, its policy."""

from __future__ import annotations

from nacre.identity import policy
from nacre.identity.api import (
    access_rules,
    application_credentials,
    assignments,
    credentials,
    domain_config,
    domains,
    ec2,
    endpoint_filters,
    endpoint_groups,
    endpoint_policies,
    endpoints,
    grants,
    groups,
    left_out,
    limits,
    oauth2,
    own,
    policies,
    projects,
    regions,
    registered_limits,
    roles,
    rules,
    services,
    tokens,
    trusts,
    usage,
    users,
    versions,
)
from nacre.identity.api.federation.routes import ROUTES as FEDERATION
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC

_DOMAIN_USER = "/v3/domains/{domain_id}/users/{user_id}/roles"
_DOMAIN_GROUP = "/v3/domains/{domain_id}/groups/{group_id}/roles"
_PROJECT_USER = "/v3/projects/{project_id}/users/{user_id}/roles"
_PROJECT_GROUP = "/v3/projects/{project_id}/groups/{group_id}/roles"
_SYSTEM_USER = "/v3/system/users/{user_id}/roles"
_SYSTEM_GROUP = "/v3/system/groups/{group_id}/roles"
_DIRECT = (_DOMAIN_USER, _DOMAIN_GROUP, _PROJECT_USER, _PROJECT_GROUP, _SYSTEM_USER, _SYSTEM_GROUP)
_INHERITED = tuple(
    path.replace("/v3/", "/v3/OS-INHERIT/")
    for path in (_DOMAIN_USER, _DOMAIN_GROUP, _PROJECT_USER, _PROJECT_GROUP)
)


def _grants(path: str) -> tuple[Route, ...]:
    """To give, check and take one role."""
    if path.startswith("/v3/system/"):
        return (
            Route("PUT", path, grants.give, policy.CREATE_SYSTEM_GRANT),
            Route("GET", path, grants.check, policy.GET_SYSTEM_GRANT),
            Route("DELETE", path, grants.take, policy.DELETE_SYSTEM_GRANT),
        )
    return (
        Route("PUT", path, grants.give, policy.CREATE_GRANT),
        Route("GET", path, grants.check, policy.GET_GRANT),
        Route("DELETE", path, grants.take, policy.DELETE_GRANT),
    )


ROUTES = (
    Route("GET", "/", versions.list_versions, PUBLIC),
    Route("GET", "/v3", versions.show_v3, PUBLIC),
    # Tokens, and what the caller's own is good for.
    Route("POST", "/v3/auth/tokens", tokens.issue, PUBLIC, tokens.AUTH),
    Route("GET", "/v3/auth/tokens", tokens.show, policy.VALIDATE_TOKEN),
    Route("DELETE", "/v3/auth/tokens", tokens.revoke, policy.REVOKE_TOKEN),
    Route("GET", "/v3/auth/tokens/OS-PKI/revoked", tokens.list_revoked, policy.LIST_REVOCATIONS),
    Route("GET", "/v3/OS-REVOKE/events", tokens.list_revocation_events, policy.LIST_REVOCATIONS),
    Route("GET", "/v3/auth/catalog", tokens.show_catalog, policy.OWN_CATALOG),
    Route("GET", "/v3/auth/projects", own.list_projects, policy.OWN_SCOPES),
    Route("GET", "/v3/auth/domains", own.list_domains, policy.OWN_SCOPES),
    Route("GET", "/v3/auth/system", own.show_system, policy.OWN_SCOPES),
    # Domains.
    Route("GET", "/v3/domains", domains.list_all, policy.LIST_DOMAINS),
    Route("POST", "/v3/domains", domains.create, policy.CREATE_DOMAIN, domains.CREATE),
    Route("GET", "/v3/domains/{domain_id}", domains.show, policy.GET_DOMAIN),
    Route(
        "PATCH",
        "/v3/domains/{domain_id}",
        domains.update,
        policy.UPDATE_DOMAIN,
        domains.UPDATE,
        asks_itself=True,
    ),
    Route("DELETE", "/v3/domains/{domain_id}", domains.delete, policy.DELETE_DOMAIN),
    *domain_config.ROUTES,
    # Projects.
    Route("GET", "/v3/projects", projects.list_all, policy.LIST_PROJECTS),
    Route("POST", "/v3/projects", projects.create, policy.CREATE_PROJECT, projects.CREATE),
    Route("GET", "/v3/projects/{project_id}", projects.show, policy.GET_PROJECT),
    Route("PATCH", "/v3/projects/{project_id}", projects.update, policy.UPDATE_PROJECT, projects.UPDATE),
    Route("DELETE", "/v3/projects/{project_id}", projects.delete, policy.DELETE_PROJECT),
    Route("GET", "/v3/projects/{project_id}/tags", projects.list_tags, policy.LIST_TAGS),
    Route("PUT", "/v3/projects/{project_id}/tags", projects.set_tags, policy.UPDATE_TAGS, projects.TAGS),
    Route("DELETE", "/v3/projects/{project_id}/tags", projects.remove_tags, policy.UPDATE_TAGS),
    Route("GET", "/v3/projects/{project_id}/tags/{tag}", projects.check_tag, policy.LIST_TAGS),
    Route("PUT", "/v3/projects/{project_id}/tags/{tag}", projects.add_tag, policy.UPDATE_TAGS),
    Route("DELETE", "/v3/projects/{project_id}/tags/{tag}", projects.remove_tag, policy.UPDATE_TAGS),
    # Users.
    Route("GET", "/v3/users", users.list_all, policy.LIST_USERS),
    Route("POST", "/v3/users", users.create, policy.CREATE_USER, users.CREATE),
    Route("GET", "/v3/users/{user_id}", users.show, policy.GET_USER),
    Route("PATCH", "/v3/users/{user_id}", users.update, policy.UPDATE_USER, users.UPDATE),
    Route("DELETE", "/v3/users/{user_id}", users.delete, policy.DELETE_USER),
    Route("POST", "/v3/users/{user_id}/password", users.change_own_password, PUBLIC, users.CHANGE_PASSWORD),
    Route("DELETE", "/v3/users/{user_id}/tokens", users.revoke_tokens, policy.REVOKE_TOKENS_OF_USER),
    Route("GET", "/v3/users/{user_id}/projects", projects.list_of_user, policy.LIST_USER_PROJECTS),
    Route("GET", "/v3/users/{user_id}/groups", groups.list_of_user, policy.LIST_USER_GROUPS),
    # Groups.
    Route("GET", "/v3/groups", groups.list_all, policy.LIST_GROUPS),
    Route("POST", "/v3/groups", groups.create, policy.CREATE_GROUP, groups.CREATE),
    Route("GET", "/v3/groups/{group_id}", groups.show, policy.GET_GROUP),
    Route("PATCH", "/v3/groups/{group_id}", groups.update, policy.UPDATE_GROUP, groups.UPDATE),
    Route("DELETE", "/v3/groups/{group_id}", groups.delete, policy.DELETE_GROUP, asks_itself=True),
    Route("GET", "/v3/groups/{group_id}/users", groups.list_members, policy.GET_MEMBERS),
    Route("GET", "/v3/groups/{group_id}/users/{user_id}", groups.check_member, policy.CHECK_MEMBER),
    Route("PUT", "/v3/groups/{group_id}/users/{user_id}", groups.add_member, policy.ADD_MEMBER),
    Route("DELETE", "/v3/groups/{group_id}/users/{user_id}", groups.remove_member, policy.REMOVE_MEMBER),
    # Roles.
    Route("GET", "/v3/roles", roles.list_all, policy.LIST_ROLES),
    Route("POST", "/v3/roles", roles.create, policy.CREATE_ROLE, roles.CREATE),
    Route("GET", "/v3/roles/{role_id}", roles.show, policy.GET_ROLE, asks_itself=True),
    Route("PATCH", "/v3/roles/{role_id}", roles.update, policy.UPDATE_ROLE, roles.UPDATE, asks_itself=True),
    Route("DELETE", "/v3/roles/{role_id}", roles.delete, policy.DELETE_ROLE, asks_itself=True),
    Route("GET", "/v3/role_inferences", roles.list_inferences, policy.GET_IMPLICATION),
    Route("GET", "/v3/roles/{prior_role_id}/implies", roles.list_implied, policy.GET_IMPLICATION),
    *(
        Route(method, "/v3/roles/{prior_role_id}/implies/{implied_role_id}", handler, rule)
        for method, handler, rule in (
            ("GET", roles.show_implication, policy.GET_IMPLICATION),
            ("HEAD", roles.check_implication, policy.GET_IMPLICATION),
            ("PUT", roles.create_implication, policy.CREATE_IMPLICATION),
            ("DELETE", roles.delete_implication, policy.DELETE_IMPLICATION),
        )
    ),
    # Who holds which role on what.
    Route("GET", "/v3/role_assignments", assignments.list_all, policy.LIST_ASSIGNMENTS),
    *(
        Route(
            "GET",
            path,
            grants.list_roles,
            policy.LIST_SYSTEM_GRANTS if "/system/" in path else policy.LIST_GRANTS,
        )
        for path in _DIRECT
    ),
    *(route for path in _DIRECT for route in _grants(f"{path}/{{role_id}}")),
    *(
        Route("GET", f"{path}/inherited_to_projects", grants.list_roles, policy.LIST_GRANTS)
        for path in _INHERITED
        if "{domain_id}" in path
    ),
    *(route for path in _INHERITED for route in _grants(f"{path}/{{role_id}}/inherited_to_projects")),
    # The catalogue.
    Route("GET", "/v3/regions", regions.list_all, policy.GET_REGION),
    Route("POST", "/v3/regions", regions.create, policy.CREATE_REGION, regions.CREATE),
    Route("GET", "/v3/regions/{region_id}", regions.show, policy.GET_REGION),
    Route("PUT", "/v3/regions/{region_id}", regions.put, policy.CREATE_REGION, regions.CREATE),
    Route("PATCH", "/v3/regions/{region_id}", regions.update, policy.UPDATE_REGION, regions.UPDATE),
    Route("DELETE", "/v3/regions/{region_id}", regions.delete, policy.DELETE_REGION),
    Route("GET", "/v3/services", services.list_all, policy.GET_SERVICE),
    Route("POST", "/v3/services", services.create, policy.CREATE_SERVICE, services.CREATE),
    Route("GET", "/v3/services/{service_id}", services.show, policy.GET_SERVICE),
    Route("PATCH", "/v3/services/{service_id}", services.update, policy.UPDATE_SERVICE, services.UPDATE),
    Route("DELETE", "/v3/services/{service_id}", services.delete, policy.DELETE_SERVICE),
    Route("GET", "/v3/endpoints", endpoints.list_all, policy.GET_ENDPOINT),
    Route("POST", "/v3/endpoints", endpoints.create, policy.CREATE_ENDPOINT, endpoints.CREATE),
    Route("GET", "/v3/endpoints/{endpoint_id}", endpoints.show, policy.GET_ENDPOINT),
    Route("PATCH", "/v3/endpoints/{endpoint_id}", endpoints.update, policy.UPDATE_ENDPOINT, endpoints.UPDATE),
    Route("DELETE", "/v3/endpoints/{endpoint_id}", endpoints.delete, policy.DELETE_ENDPOINT),
    *endpoint_groups.ROUTES,
    *endpoint_filters.ROUTES,
    *endpoint_policies.ROUTES,
    # What identity keeps for other services.
    Route("GET", "/v3/credentials", credentials.list_all, policy.GET_STORED_CREDENTIAL),
    Route("POST", "/v3/credentials", credentials.create, policy.CREATE_STORED_CREDENTIAL, credentials.CREATE),
    *(
        Route(method, "/v3/credentials/{credential_id}", handler, rule, body)
        for method, handler, rule, body in (
            ("GET", credentials.show, policy.GET_STORED_CREDENTIAL, None),
            ("PATCH", credentials.update, policy.UPDATE_STORED_CREDENTIAL, credentials.UPDATE),
            ("DELETE", credentials.delete, policy.DELETE_STORED_CREDENTIAL, None),
        )
    ),
    Route("GET", "/v3/policies", policies.list_all, policy.GET_POLICY),
    Route("POST", "/v3/policies", policies.create, policy.CREATE_POLICY, policies.CREATE),
    Route("GET", "/v3/policies/{policy_id}", policies.show, policy.GET_POLICY),
    Route("PATCH", "/v3/policies/{policy_id}", policies.update, policy.UPDATE_POLICY, policies.UPDATE),
    Route("DELETE", "/v3/policies/{policy_id}", policies.delete, policy.DELETE_POLICY),
    # The rules of policy.
    *rules.ROUTES,
    # Ways to let others act, and to prove who calls.
    *trusts.ROUTES,
    *access_rules.ROUTES,
    *ec2.ROUTES,
    *oauth2.ROUTES,
    *left_out.ROUTES,
    # Application credentials.
    *(
        Route(method, f"/v3/users/{{user_id}}/application_credentials{below}", handler, rule, body)
        for method, below, handler, rule, body in (
            ("GET", "", application_credentials.list_all, policy.GET_CREDENTIAL, None),
            (
                "POST",
                "",
                application_credentials.create,
                policy.CREATE_CREDENTIAL,
                application_credentials.CREATE,
            ),
            ("GET", "/{credential_id}", application_credentials.show, policy.GET_CREDENTIAL, None),
            ("DELETE", "/{credential_id}", application_credentials.delete, policy.DELETE_CREDENTIAL, None),
        )
    ),
    # What projects may have, and what they have.
    *registered_limits.ROUTES,
    *limits.ROUTES,
    *usage.ROUTES,
    # Single sign-on.
    *FEDERATION,
)
