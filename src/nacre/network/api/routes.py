"""Every operation of the Networking API."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC
from nacre.network.api import versions
from nacre.network.api.attributes import ANY_BODY
from nacre.network.api.networks import NETWORKS
from nacre.network.api.noun import Noun
from nacre.network.api.ports import PORTS
from nacre.network.api.subnets import SUBNETS


def _usual(path: str, noun: Noun[Any]) -> tuple[Route, ...]:
    """List, create, show, update and delete."""
    may = noun.policies
    return (
        Route("GET", path, noun.index, may.show),
        Route("POST", path, noun.create, may.create, ANY_BODY),
        Route("GET", path + "/{object_id}", noun.show, may.show),
        Route("PUT", path + "/{object_id}", noun.update, may.update, ANY_BODY),
        Route("DELETE", path + "/{object_id}", noun.delete, may.delete),
    )


ROUTES = (
    Route("GET", "/", versions.index, PUBLIC),
    Route("GET", "/v2.0", versions.show, PUBLIC),
    *_usual("/v2.0/networks", NETWORKS),
    *_usual("/v2.0/subnets", SUBNETS),
    *_usual("/v2.0/ports", PORTS),
)
