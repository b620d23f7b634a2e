"""Imports every module that declares tables, so that METADATA is complete."""

from __future__ import annotations

from nacre.compute.store import tables as compute
from nacre.identity.store import tables as identity
from nacre.image.store import tables as image
from nacre.kernel import due, events
from nacre.network.store import tables as network
from nacre.placement.store import tables as placement

__all__ = ["compute", "due", "events", "identity", "image", "network", "placement"]
