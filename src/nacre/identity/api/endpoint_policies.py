"""Which policy an endpoint follows: its own, or that of its service in its region or one around it.

Source: Identity API v3, OS-ENDPOINT-POLICY.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nacre.identity import policy
from nacre.identity.api.changes import changed
from nacre.identity.api.endpoints import endpoint_view
from nacre.identity.api.guard import demand
from nacre.identity.api.lists import whole
from nacre.identity.api.parts import Parts
from nacre.identity.api.policies import policy_view
from nacre.identity.domain.catalog import PolicyAssociation, effective_association, line_of
from nacre.identity.errors import PolicyAssociationNotFound
from nacre.identity.store import endpoint_policies as store
from nacre.identity.store.endpoints import ENDPOINTS, load_endpoints
from nacre.identity.store.policies import POLICIES
from nacre.identity.store.regions import REGIONS
from nacre.identity.store.services import SERVICES
from nacre.identity.store.shelf import Shelf
from nacre.kernel.database import Tx
from nacre.kernel.http.call import Answer, Call, NoContent, Ok
from nacre.kernel.http.routes import Route

_SHELVES: Mapping[str, Shelf[Any]] = {
    "policy_id": POLICIES,
    "endpoint_id": ENDPOINTS,
    "service_id": SERVICES,
    "region_id": REGIONS,
}


def associate(call: Call[Parts], **ids: str) -> Answer:
    """Let an endpoint, a service, or a service within a region follow a policy, and no longer another one.

    Errors: ..NotFound for whatever is not there.
    """
    demand(call)
    wanted = PolicyAssociation(**ids)
    with call.database.write(call.actor) as tx:
        _hold(tx, ids)
        store.associate(tx, wanted)
        changed(tx, "associate", "policy", wanted.policy_id, after=wanted)
    return NoContent()


def check(call: Call[Parts], **ids: str) -> Answer:
    """Whether it follows this policy. Errors: ..NotFound for whatever is not there, PolicyAssociationNotFound."""
    demand(call)
    wanted = PolicyAssociation(**ids)
    with call.database.read() as db:
        for name, value in ids.items():
            _SHELVES[name].load(db, value)
        if store.find_association(db, wanted) != wanted:
            raise PolicyAssociationNotFound(wanted.target)
    return NoContent()


def dissociate(call: Call[Parts], **ids: str) -> Answer:
    """Let it not follow this policy; that it does not already is fine. Errors: ..NotFound for either end."""
    demand(call)
    wanted = PolicyAssociation(**ids)
    with call.database.write(call.actor) as tx:
        _hold(tx, ids)
        if store.remove_association(tx, wanted):
            changed(tx, "dissociate", "policy", wanted.policy_id, before=wanted)
    return NoContent()


def list_endpoints(call: Call[Parts], policy_id: str) -> Answer:
    """Every endpoint that an association of this policy covers. Errors: PolicyNotFound."""
    demand(call)
    with call.database.read() as db:
        POLICIES.load(db, policy_id)
        associations = store.load_of_policy(db, policy_id)
        parents = store.load_parents(db)
        endpoints = load_endpoints(db)
    covered = [
        endpoint
        for endpoint in endpoints
        if any(each.covers(endpoint, line_of(endpoint.region_id, parents)) for each in associations)
    ]
    return whole(call, "endpoints", [endpoint_view(call, each) for each in covered])


def show_effective(call: Call[Parts], endpoint_id: str) -> Answer:
    """The policy an endpoint follows. Errors: EndpointNotFound, PolicyAssociationNotFound."""
    demand(call)
    with call.database.read() as db:
        endpoint = ENDPOINTS.load(db, endpoint_id)
        line = line_of(endpoint.region_id, store.load_parents(db))
        found = effective_association(store.load_around(db, endpoint), endpoint, line)
        if found is None:
            raise PolicyAssociationNotFound(endpoint_id)
        return Ok({"policy": policy_view(call, POLICIES.load(db, found.policy_id))})


def _hold(tx: Tx, ids: dict[str, str]) -> None:
    """Let nothing that an association names go away before this transaction ends. Raises ..NotFound."""
    for name, value in ids.items():
        _SHELVES[name].hold(tx, value)


def _routes(path: str, target: str) -> tuple[Route, ...]:
    return (
        Route("PUT", path, associate, policy.policy_association("create", target)),
        Route("GET", path, check, policy.policy_association("check", target)),
        Route("DELETE", path, dissociate, policy.policy_association("delete", target)),
    )


_POLICY = "/v3/policies/{policy_id}/OS-ENDPOINT-POLICY"
_SERVICE = f"{_POLICY}/services/{{service_id}}"
_EFFECTIVE = "/v3/endpoints/{endpoint_id}/OS-ENDPOINT-POLICY/policy"
ROUTES = (
    *_routes(f"{_POLICY}/endpoints/{{endpoint_id}}", "endpoint"),
    *_routes(_SERVICE, "service"),
    *_routes(f"{_SERVICE}/regions/{{region_id}}", "region_and_service"),
    Route("GET", f"{_POLICY}/endpoints", list_endpoints, policy.LIST_POLICY_ENDPOINTS),
    Route("GET", _EFFECTIVE, show_effective, policy.GET_ENDPOINT_POLICY),
)
