"""The version document at the root."""

from __future__ import annotations

from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.versions import Version, Versions
from nacre.placement.api.access import Parts

VERSIONS = Versions(service_type="placement", minimum=Version(1, 0), maximum=Version(1, 39))


def index(_call: Call[Parts]) -> Answer:
    """The one major version, and its range of microversions."""
    return Ok(
        {
            "versions": [
                {
                    "id": "v1.0",
                    "min_version": str(VERSIONS.minimum),
                    "max_version": str(VERSIONS.maximum),
                    "status": "CURRENT",
                    "links": [{"rel": "self", "href": ""}],
                }
            ]
        }
    )
