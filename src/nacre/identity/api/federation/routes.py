"""Every operation of single sign-on."""

from __future__ import annotations

from nacre.identity import policy
from nacre.identity.api import own
from nacre.identity.api.federation import (
    arrivals,
    clients,
    mappings,
    protocols,
    providers,
    service_providers,
)
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC

_PROVIDERS = "/v3/OS-FEDERATION/identity_providers"
_PROVIDER = f"{_PROVIDERS}/{{idp_id}}"
_PROTOCOL = f"{_PROVIDER}/protocols/{{protocol_id}}"
_ARRIVALS = "/v3/auth/OS-FEDERATION"
_MAPPINGS = "/v3/OS-FEDERATION/mappings"
_CLOUDS = "/v3/OS-FEDERATION/service_providers"

ROUTES = (
    Route("GET", _PROVIDERS, providers.list_all, policy.LIST_IDENTITY_PROVIDERS),
    Route("GET", _PROVIDER, providers.show, policy.GET_IDENTITY_PROVIDER),
    Route("PUT", _PROVIDER, providers.create, policy.CREATE_IDENTITY_PROVIDER, providers.CREATE),
    Route("PATCH", _PROVIDER, providers.update, policy.UPDATE_IDENTITY_PROVIDER, providers.UPDATE),
    Route("DELETE", _PROVIDER, providers.delete, policy.DELETE_IDENTITY_PROVIDER),
    Route("GET", f"{_PROVIDER}/protocols", protocols.list_all, policy.LIST_PROTOCOLS),
    Route("GET", _PROTOCOL, protocols.show, policy.GET_PROTOCOL),
    Route("PUT", _PROTOCOL, protocols.create, policy.CREATE_PROTOCOL, protocols.CREATE),
    Route("PATCH", _PROTOCOL, protocols.update, policy.UPDATE_PROTOCOL, protocols.UPDATE),
    Route("DELETE", _PROTOCOL, protocols.delete, policy.DELETE_PROTOCOL),
    # This cloud as a client of the provider: a resource of our own.
    Route("GET", f"{_PROTOCOL}/oidc", clients.show, policy.GET_OIDC_CLIENT),
    Route("PUT", f"{_PROTOCOL}/oidc", clients.put, policy.SET_OIDC_CLIENT, clients.PUT),
    Route("DELETE", f"{_PROTOCOL}/oidc", clients.delete, policy.DELETE_OIDC_CLIENT),
    # Coming in: by a token of the provider's, and by a browser that goes there and returns.
    Route("GET", f"{_PROTOCOL}/auth", arrivals.by_bearer, PUBLIC),
    Route("POST", f"{_PROTOCOL}/auth", arrivals.by_bearer, PUBLIC),
    *(
        Route(method, path, handler, PUBLIC)
        for method in ("GET", "POST")
        for path, handler in (
            (f"{_ARRIVALS}/identity_providers/{{idp_id}}/protocols/{{protocol_id}}/websso", arrivals.begin),
            (f"{_ARRIVALS}/websso/{{protocol_id}}", arrivals.begin_anywhere),
        )
    ),
    Route("GET", arrivals.CALLBACK, arrivals.finish, PUBLIC),
    Route("GET", _MAPPINGS, mappings.list_all, policy.LIST_MAPPINGS),
    Route("GET", f"{_MAPPINGS}/{{mapping_id}}", mappings.show, policy.GET_MAPPING),
    Route("PUT", f"{_MAPPINGS}/{{mapping_id}}", mappings.create, policy.CREATE_MAPPING, mappings.CREATE),
    Route("PATCH", f"{_MAPPINGS}/{{mapping_id}}", mappings.update, policy.UPDATE_MAPPING, mappings.UPDATE),
    Route("DELETE", f"{_MAPPINGS}/{{mapping_id}}", mappings.delete, policy.DELETE_MAPPING),
    Route("GET", _CLOUDS, service_providers.list_all, policy.LIST_SERVICE_PROVIDERS),
    *(
        Route(method, f"{_CLOUDS}/{{sp_id}}", handler, rule, body)
        for method, handler, rule, body in (
            ("GET", service_providers.show, policy.GET_SERVICE_PROVIDER, None),
            ("PUT", service_providers.create, policy.CREATE_SERVICE_PROVIDER, service_providers.CREATE),
            ("PATCH", service_providers.update, policy.UPDATE_SERVICE_PROVIDER, service_providers.UPDATE),
            ("DELETE", service_providers.delete, policy.DELETE_SERVICE_PROVIDER, None),
        )
    ),
    # What a federated user may work in is what anybody may.
    Route("GET", "/v3/OS-FEDERATION/projects", own.list_projects, policy.OWN_SCOPES),
    Route("GET", "/v3/OS-FEDERATION/domains", own.list_domains, policy.OWN_SCOPES),
)
