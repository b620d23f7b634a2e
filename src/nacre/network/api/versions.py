"""Version documents."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.call import Answer, Call, Ok
from nacre.network.api.parts import Parts


def index(call: Call[Parts]) -> Answer:
    """The one version there is."""
    return Ok({"versions": [_version(call)]})


def show(call: Call[Parts]) -> Answer:
    """What version 2.0 consists of."""
    names = ("networks", "subnets", "ports", "routers", "floatingips", "security-groups")
    return Ok(
        {
            "resources": [
                {
                    "name": name.replace("-", "_").removesuffix("s"),
                    "collection": name.replace("-", "_"),
                    "links": [{"rel": "self", "href": call.url(f"/v2.0/{name}")}],
                }
                for name in names
            ]
        }
    )


def _version(call: Call[Parts]) -> dict[str, Any]:
    return {
        "id": "v2.0",
        "status": "CURRENT",
        "links": [{"rel": "self", "href": call.url("/v2.0/")}],
    }
