"""Flavors, and service profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Answer, Call, Created, NoContent
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import new_id
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Given, Whole, fixed, free, shown, unwrap
from nacre.network.api.kinds import boolean, many, or_empty, text, uuid
from nacre.network.api.noun import Noun, Policies, View
from nacre.network.api.parts import Parts
from nacre.network.changes import events
from nacre.network.domain.flavors import NetworkFlavor, ServiceProfile
from nacre.network.errors import (
    FlavorNotFound,
    FlavorServiceProfileBindingExists,
    FlavorServiceProfileBindingNotFound,
    HTTPBadRequest,
    InvalidServiceType,
    ServiceProfileDisabled,
    ServiceProfileEmpty,
    ServiceProfileInUse,
    ServiceProfileNotFound,
)
from nacre.network.hindrances import of_flavor, of_service_profile, refuse
from nacre.network.store import flavors

SERVICE_TYPES = ("L3_ROUTER_NAT", "FLAVORS", "QOS")
_LONG = or_empty(text(1024), "")
_ENABLED = or_empty(boolean, True)

# -- flavors -----------------------------------------------------------------------------------------------

FLAVOR_ATTRIBUTES = (
    free("name", text(255)),
    free("description", _LONG),
    free("enabled", _ENABLED),
    fixed("service_type", text(255), needed=True),
    fixed("service_profiles", many(uuid)),
)


def _flavor_views(_db: Reader, items: Sequence[NetworkFlavor]) -> list[View]:
    return [
        {
            "id": item.id,
            "name": item.name,
            "description": item.description,
            "enabled": item.enabled,
            "service_type": item.service_type,
            "service_profiles": item.service_profiles,
        }
        for item in items
    ]


def _create_flavors(_call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[NetworkFlavor]:
    """Errors: InvalidServiceType, ServiceProfileNotFound."""
    made = []
    for each in given:
        flavor = NetworkFlavor(id=new_id(), **each.said)
        if flavor.service_type not in SERVICE_TYPES:
            raise InvalidServiceType(flavor.service_type)
        flavors.FLAVORS.insert(tx, [flavor])
        for profile_id in flavor.service_profiles:
            flavors.bind(tx, flavor.id, flavors.lock_profile(tx, profile_id).id)
        events.created(tx, "network_flavor", flavor)
        made.append(flavor)
    return made


def _change_flavor(_call: Call[Parts], tx: Tx, item: NetworkFlavor, given: Given) -> NetworkFlavor:
    after = flavors.FLAVORS.update(tx, item, msgspec.structs.replace(item, **given.said))
    events.updated(tx, "network_flavor", item, after)
    return after


def _remove_flavor(_call: Call[Parts], tx: Tx, item: NetworkFlavor) -> None:
    """Errors: FlavorInUse."""
    refuse(of_flavor(tx, item.id))
    flavors.remove(tx, item.id)
    events.deleted(tx, "network_flavor", item)


FLAVORS = Noun(
    name="flavor",
    plural="flavors",
    attributes=FLAVOR_ATTRIBUTES,
    standard=(shown("id"),),
    policies=Policies(policy.FLAVOR_SHOW, policy.FLAVOR_MANAGE, policy.FLAVOR_MANAGE, policy.FLAVOR_MANAGE),
    shelf=flavors.FLAVORS,
    absent=FlavorNotFound,
    seen_by=flavors.everybody,
    whole=flavors.whole,
    views=_flavor_views,
    lock=flavors.lock,
    create_all=_create_flavors,
    change=_change_flavor,
    remove=_remove_flavor,
)


def bind(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a flavor stand for a profile too. Errors: FlavorNotFound, ServiceProfileNotFound, ..."""
    profile_id = unwrap(ask, "service_profile").get("id")
    if not isinstance(profile_id, str):
        raise HTTPBadRequest("The service profile must be named by its 'id'.")
    with call.database.write(call.actor) as tx:
        flavor = FLAVORS.lock_for(call, tx, object_id)
        profile = flavors.lock_profile(tx, profile_id)
        if not profile.enabled:
            raise ServiceProfileDisabled
        if profile.id in flavor.service_profiles:
            raise FlavorServiceProfileBindingExists(profile.id, flavor.id)
        flavors.bind(tx, flavor.id, profile.id)
        after = msgspec.structs.replace(flavor, service_profiles=(*flavor.service_profiles, profile.id))
        events.updated(tx, "network_flavor", flavor, after)
    return Created({"service_profile": {"id": profile.id}})


def unbind(call: Call[Parts], object_id: str, profile_id: str) -> Answer:
    """Let a flavor stand for a profile no longer. Errors: FlavorNotFound, FlavorServiceProfileBindingNotFound."""
    with call.database.write(call.actor) as tx:
        flavor = FLAVORS.lock_for(call, tx, object_id)
        if not flavors.unbind(tx, flavor.id, profile_id):
            raise FlavorServiceProfileBindingNotFound(profile_id, flavor.id)
        left = tuple(each for each in flavor.service_profiles if each != profile_id)
        events.updated(tx, "network_flavor", flavor, msgspec.structs.replace(flavor, service_profiles=left))
    return NoContent()


# -- service profiles ------------------------------------------------------------------------------------------

PROFILE_ATTRIBUTES = (
    free("description", _LONG),
    free("enabled", _ENABLED),
    free("driver", _LONG),
    free("metainfo", or_empty(text(4096), "")),
)


def _profile_views(_db: Reader, items: Sequence[ServiceProfile]) -> list[View]:
    names = ("id", "description", "enabled", "driver", "metainfo")
    return [{name: getattr(item, name) for name in names} for item in items]


def _create_profiles(_call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[ServiceProfile]:
    """Errors: ServiceProfileEmpty."""
    made = []
    for each in given:
        profile = ServiceProfile(id=new_id(), **each.said)
        if not (profile.driver or profile.metainfo):
            raise ServiceProfileEmpty
        flavors.PROFILES.insert(tx, [profile])
        events.created(tx, "service_profile", profile)
        made.append(profile)
    return made


def _change_profile(_call: Call[Parts], tx: Tx, item: ServiceProfile, given: Given) -> ServiceProfile:
    """Errors: ServiceProfileInUse, ServiceProfileEmpty. What a flavor stands for may only be described otherwise."""
    said: dict[str, Any] = dict(given.said)
    after = msgspec.structs.replace(item, **said)
    if said.keys() - {"description"} and flavors.standing_for(tx, item.id):
        raise ServiceProfileInUse(item.id)
    if not (after.driver or after.metainfo):
        raise ServiceProfileEmpty
    after = flavors.PROFILES.update(tx, item, after)
    events.updated(tx, "service_profile", item, after)
    return after


def _remove_profile(_call: Call[Parts], tx: Tx, item: ServiceProfile) -> None:
    """Errors: ServiceProfileInUse."""
    refuse(of_service_profile(tx, item.id))
    flavors.PROFILES.remove(tx, item.id)
    events.deleted(tx, "service_profile", item)


PROFILES = Noun(
    name="service_profile",
    plural="service_profiles",
    attributes=PROFILE_ATTRIBUTES,
    standard=(shown("id"),),
    policies=Policies(policy.FLAVOR_MANAGE, policy.FLAVOR_MANAGE, policy.FLAVOR_MANAGE, policy.FLAVOR_MANAGE),
    shelf=flavors.PROFILES,
    absent=ServiceProfileNotFound,
    seen_by=flavors.nobody,
    views=_profile_views,
    lock=flavors.lock_profile,
    create_all=_create_profiles,
    change=_change_profile,
    remove=_remove_profile,
)

_BINDINGS = "/v2.0/flavors/{object_id}/service_profiles"
ROUTES = (
    Route("POST", _BINDINGS, bind, policy.FLAVOR_MANAGE, ANY_BODY),
    Route("DELETE", _BINDINGS + "/{profile_id}", unbind, policy.FLAVOR_MANAGE),
)
