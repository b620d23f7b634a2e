"""Hosts hear of what has changed of their guests' ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nacre.compute.store import hosts, servers
from nacre.kernel.database import Database
from nacre.kernel.errors import Problem
from nacre.kernel.loops import SETTLED, Outcome, current_actor
from nacre.network.contract import NICS


@dataclass
class NicLoop:
    """Lets the host of a server hear what the network service says now of the server's ports.

    The wish for the server itself is as it was, and with it the server's generation: nobody waits for an answer.
    """

    database: Database
    name: str = NICS
    at_once: int = 8

    def reconcile(self, key: str) -> Outcome:
        with self.database.write(current_actor(NICS)) as tx:
            server = servers.lock(tx, key)
            if server is not None and server.host_id is not None:
                hosts.publish(tx, server.host_id, [server.server_id])
        return SETTLED

    def all_keys(self) -> Iterable[str]:
        """None: what is due is durable, and an agent that has missed anything asks for everything."""
        return ()

    def record_fault(self, key: str, problem: Problem) -> None:
        raise AssertionError(f"nothing is refused here: {key}: {problem}")
