"""Links, as compute writes them: `self` with the version, `bookmark` without."""

from __future__ import annotations

from typing import Any

from nacre.compute.api.common import Parts
from nacre.kernel.http.call import Call


def links(call: Call[Parts], kind: str, key: str) -> list[dict[str, str]]:
    """Both links to one thing."""
    return [
        {"rel": "self", "href": f"{call.base}/v2.1/{kind}/{key}"},
        {"rel": "bookmark", "href": f"{call.base}/{kind}/{key}"},
    ]


def bookmark(call: Call[Parts], kind: str, key: str) -> list[dict[str, str]]:
    """The link without a version."""
    return [{"rel": "bookmark", "href": f"{call.base}/{kind}/{key}"}]


def reference(text: Any) -> str:
    """The id in what clients give as a reference: the id itself, or a link that ends with it."""
    return str(text).rstrip("/").rpartition("/")[2]
