"""Puts the network service together."""

from __future__ import annotations

from functools import partial

from nacre.host.paths import local_host_id
from nacre.identity.contract import Identity
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.database import Tx
from nacre.kernel.http.app import Service
from nacre.kernel.loops import Loop
from nacre.network.api.envelope import envelope
from nacre.network.api.parts import Parts
from nacre.network.api.routes import ROUTES
from nacre.network.changes import segment_ranges
from nacre.network.configured import default_ranges, self_service_types
from nacre.network.contract import Networks
from nacre.network.drivers.base import NetworkDriver
from nacre.network.loops.audit import AuditLoop, ask_repair, compare
from nacre.network.loops.nouns import all_loops
from nacre.network.nics import Nics
from nacre.placement.contract import Placement


def assemble(
    kernel: Kernel, *, identity: Identity, placement: Placement, driver: NetworkDriver
) -> Assembled[Networks]:
    """The network service over a driver. Where the hosts are real, this machine carries routers' gateways."""
    nics = Nics(compare=partial(compare, driver=driver), ask_everything=ask_repair)
    door = Service(
        name="network",
        prefix="/networking",
        routes=ROUTES,
        parts=Parts(
            identity=identity,
            region=kernel.settings.region,
            page_limit=kernel.settings.http.page_limit,
            placement=placement,
            self_service_types=self_service_types(kernel.settings.segments),
        ),
        envelope=envelope,
    )

    ranges = default_ranges(kernel.settings.segments)

    def seed(tx: Tx) -> None:
        segment_ranges.ensure_defaults(tx, ranges)
        segment_ranges.number_older(tx)
        if not kernel.settings.fake_host_count:
            nics.ensure_gateway_host(tx, local_host_id())

    loops: tuple[Loop, ...] = (*all_loops(kernel.database, driver), AuditLoop(kernel.database, driver))
    return Assembled(contract=nics, services=(door,), loops=loops, seed=seed)
