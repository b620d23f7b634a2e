"""What this image service has: stores and ways to import."""

from __future__ import annotations

from nacre.image.api.access import Parts
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, Ok


def import_methods(_call: Call[Parts]) -> Answer:
    """The import methods that are switched on: none."""
    return Ok({"import-methods": {"description": "Import methods available.", "type": "array", "value": []}})


def stores(_call: Call[Parts]) -> Answer:
    """Where contents are kept."""
    return Ok({"stores": [{"id": "file", "description": "Files of this cloud", "default": "true"}]})


def refuse_import(_call: Call[Parts], image_id: str) -> Answer:
    """Every import method is unknown here, as the Image API answers for those that are switched off."""
    raise Bad(f"No import method is enabled; upload the content of image {image_id[:100]} instead.")
