"""The documents that say which versions of the API are spoken here."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.call import Answer, Call, Ok


def list_versions(call: Call[Any]) -> Answer:
    """300: there is a choice, of one."""
    return Answer({"versions": {"values": [_v3(call)]}}, 300)


def show_v3(call: Call[Any]) -> Answer:
    """The only version."""
    return Ok({"version": _v3(call)})


def _v3(call: Call[Any]) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": call.url("/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }
