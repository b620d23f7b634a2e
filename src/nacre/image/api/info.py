"""What this image service has: stores and ways to import."""

from __future__ import annotations

from nacre.identity.contract import limits
from nacre.image.api.access import Parts
from nacre.image.store.quotas import ACCOUNT
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, Ok


def import_methods(_call: Call[Parts]) -> Answer:
    """The import methods that are switched on: none."""
    return Ok({"import-methods": {"description": "Import methods available.", "type": "array", "value": []}})


def stores(_call: Call[Parts]) -> Answer:
    """Where contents are kept."""
    return Ok({"stores": [{"id": "file", "description": "Files of this cloud", "default": "true"}]})


def usage(call: Call[Parts]) -> Answer:
    """What the caller's project has of what is limited, and its limits; sizes in MiB. Errors: NotAllowed."""
    call.route.policy.enforce(call.caller, {"project_id": call.project_id})
    with call.database.read() as db:
        most = limits.limits_of(db, ACCOUNT, call.project_id)
        used = limits.usage_of(db, ACCOUNT, call.project_id)
    return Ok({"usage": {name: {"usage": used.get(name, 0), "limit": limit} for name, limit in most.items()}})


def refuse_import(_call: Call[Parts], image_id: str) -> Answer:
    """Every import method is unknown here, as the Image API answers for those that are switched off."""
    raise Bad(f"No import method is enabled; upload the content of image {image_id[:100]} instead.")
