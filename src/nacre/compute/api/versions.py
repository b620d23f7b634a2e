"""Version documents: what clients read before anything else."""

from __future__ import annotations

from typing import Any

from nacre.compute.api.common import VERSIONS, Parts
from nacre.kernel.http.call import Answer, Call, Ok


def _document(call: Call[Parts]) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": str(VERSIONS.maximum),
        "min_version": str(VERSIONS.minimum),
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": call.url("/v2.1/")}],
    }


def _legacy_document(call: Call[Parts]) -> dict[str, Any]:
    """The first version of the API, of which only this document is kept: old clients look for it."""
    return {
        "id": "v2.0",
        "status": "DEPRECATED",
        "version": "",
        "min_version": "",
        "updated": "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": call.url("/v2/")}],
    }


def listed(call: Call[Parts]) -> Answer:
    """Every version."""
    return Ok({"versions": [_legacy_document(call), _document(call)]})


def show(call: Call[Parts]) -> Answer:
    """The version that is spoken here."""
    return Ok({"version": _in_full(_document(call))})


def show_legacy(call: Call[Parts]) -> Answer:
    """The version that is no longer spoken."""
    return Ok({"version": _in_full(_legacy_document(call))})


def _in_full(document: dict[str, Any]) -> dict[str, Any]:
    media_type = f"application/vnd.openstack.compute+json;version={document['id'].removeprefix('v')}"
    about = {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/api-ref/compute/"}
    return document | {
        "links": [*document["links"], about],
        "media-types": [{"base": "application/json", "type": media_type}],
    }
