"""The end of a server: everything the control plane keeps of it goes in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from nacre.compute.domain.servers import Server
from nacre.compute.store import servers
from nacre.kernel.database import Tx
from nacre.kernel.events import Event
from nacre.network.contract import Networks
from nacre.placement.contract import Placement


@dataclass(frozen=True)
class Removal:
    """Knows who else keeps something of a server."""

    networks: Networks
    placement: Placement

    def forget(self, tx: Tx, server: Server) -> None:
        """Release ports and claim and delete the rows of a locked server that is on no host."""
        self.networks.release_nics(tx, server.server_id)
        if server.host_id:
            self.placement.release(tx, server.server_id)
        servers.forget(tx, server.server_id)
        tx.record(
            Event(
                action="forget",
                kind="server",
                subject=server.server_id,
                before={"name": server.name, "host_id": server.host_id},
                project_id=server.project_id,
            )
        )
