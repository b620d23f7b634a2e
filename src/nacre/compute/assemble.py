"""How compute is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nacre.compute.api import agents
from nacre.compute.api.common import VERSIONS, Parts
from nacre.compute.api.envelope import envelope
from nacre.compute.api.routes import ROUTES
from nacre.compute.audit import audit_compute
from nacre.compute.contract import Compute
from nacre.compute.explain import explain_server
from nacre.compute.fleet import Fleet
from nacre.compute.guarantees import Guarantees
from nacre.compute.loops.nics import NicLoop
from nacre.compute.loops.servers import ServerLoop
from nacre.compute.questions import Questions
from nacre.compute.removal import Removal
from nacre.compute.store.flavors import KnownFlavors
from nacre.identity.contract import Identity
from nacre.image.contract import Images
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.database import Reader
from nacre.kernel.http.app import Service
from nacre.network.contract import Networks
from nacre.placement.contract import Placement


@dataclass(frozen=True)
class ComputeService:
    """What compute answers to the composition root and to neighbours."""

    fleet: Fleet
    networks: Networks
    placement: Placement

    def explain(self, db: Reader, name_or_id: str) -> Mapping[str, Any]:
        """Why a server is where it is, or nowhere. Raises ServerNotFound."""
        return explain_server(db, name_or_id)

    def audit(self, db: Reader) -> Sequence[str]:
        """Every difference between what is wanted, claimed and reported."""
        return audit_compute(db, placement=self.placement, networks=self.networks)


def assemble(
    kernel: Kernel,
    *,
    identity: Identity,
    images: Images,
    networks: Networks,
    placement: Placement,
    agent_token: str,
) -> Assembled[Compute]:
    """Compute over its neighbours. `agent_token` is what hosts must know to use their door."""
    questions = Questions(kernel.clock, kernel.wakes)
    fleet = Fleet(
        database=kernel.database, networks=networks, placement=placement, questions=questions,
        local=kernel.settings.local, guarantees=Guarantees(kernel.settings.guarantees),
    )  # fmt: skip
    removal = Removal(networks, placement)
    parts = Parts(
        identity=identity, images=images, networks=networks, placement=placement, questions=questions,
        removal=removal, flavors=KnownFlavors(kernel),
    )  # fmt: skip
    agent_parts = agents.AgentParts(fleet, images, kernel.wakes, agent_token)
    return Assembled(
        contract=ComputeService(fleet, networks, placement),
        services=(
            Service(
                "compute", "/compute", ROUTES, parts, envelope, VERSIONS, id_headers=("X-Compute-Request-Id",)
            ),
            Service("agent", "/agent", agents.ROUTES, agent_parts, envelope, local_only=True),
        ),
        loops=(ServerLoop(kernel.database, networks, placement, removal), NicLoop(kernel.database)),
    )
