"""Puts placement together."""

from __future__ import annotations

from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.http.app import Service
from nacre.placement.api.access import Parts
from nacre.placement.api.envelope import envelope
from nacre.placement.api.routes import ROUTES
from nacre.placement.api.summaries import written_summary_of
from nacre.placement.api.versions import VERSIONS
from nacre.placement.claims import Claims
from nacre.placement.contract import Placement
from nacre.placement.kept import Kept
from nacre.placement.watch import Watch


def assemble(kernel: Kernel) -> Assembled[Placement]:
    """Placement over the store, with everybody's amounts in memory."""
    watch = Watch(kernel.clock, kernel.wakes)
    door = Service(
        name="placement",
        prefix="/placement",
        routes=ROUTES,
        parts=Parts(watch, Kept(written_summary_of)),
        envelope=envelope,
        versions=VERSIONS,
    )
    return Assembled(contract=Claims(watch), services=(door,))
