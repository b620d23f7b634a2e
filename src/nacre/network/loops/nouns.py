"""One loop for every noun: read the rows, compile them, and have the driver make it so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nacre.kernel.database import Database, Reader
from nacre.kernel.errors import Problem
from nacre.kernel.events import Event
from nacre.kernel.loops import SETTLED, Outcome, Wait, current_actor
from nacre.network.changes import loops as names
from nacre.network.domain.rows import NOTHING, Desired, owner_of
from nacre.network.domain.trunks import SUBPORT_OWNER
from nacre.network.drivers.base import DriverAway, NetworkDriver, ParentMissing
from nacre.network.loops import desired
from nacre.network.store import (
    address_groups,
    local_ips,
    ndp_proxies,
    networks,
    ports,
    routers,
    security_groups,
    subnets,
)

PARENT_S = 0.1
"""What an object waits for is usually made in the same moment."""
AWAY_S = 1.0
IN_ONE_READ = 500


@dataclass(frozen=True)
class Noun:
    """What a loop must know of the objects it brings about. `owner` is how their rows in OVN are owned."""

    loop: str
    owner: str
    desired: Callable[[Reader, Collection[str]], Mapping[str, Desired]]
    ids: Callable[[Reader], Sequence[str]]


NOUNS = (
    Noun(names.NETWORKS, "network", desired.networks, networks.NETWORKS.ids),
    Noun(names.SUBNETS, "subnet", desired.subnets, subnets.SUBNETS.ids),
    Noun(names.PORTS, "port", desired.ports, ports.PORTS.ids),
    Noun(names.ROUTERS, "router", desired.routers, routers.ROUTERS.ids),
    Noun(names.FLOATING_IPS, "floatingip", desired.floating_ips, routers.FLOATING_IPS.ids),
    Noun(names.NDP_PROXIES, "ndp_proxy", desired.ndp_proxies, ndp_proxies.PROXIES.ids),
    Noun(names.LOCAL_IPS, "local_ip", desired.local_ips, local_ips.LOCAL_IPS.ids),
    Noun(names.HOSTS, "host", desired.host_variables, local_ips.hosts),
    Noun(names.ADDRESS_GROUPS, "address_group", desired.address_groups, address_groups.GROUPS.ids),
    Noun(names.SECURITY_GROUPS, "security_group", desired.groups, security_groups.GROUPS.ids),
)


@dataclass(frozen=True)
class NounLoop:
    """Gives each object of one noun its rows; an object that is gone gets none."""

    noun: Noun
    database: Database
    driver: NetworkDriver
    at_once: int = 8

    @property
    def name(self) -> str:
        return self.noun.loop

    def reconcile(self, key: str) -> Outcome:
        with self.database.read() as db:
            wish = self.noun.desired(db, [key]).get(key, NOTHING)
        try:
            self.driver.apply(owner_of(self.noun.owner, key), wish)
        except ParentMissing as problem:
            return Wait(recheck_s=PARENT_S, because=str(problem))
        except DriverAway as problem:
            return Wait(recheck_s=AWAY_S, because=str(problem))
        return self._applied(key)

    def _applied(self, key: str) -> Outcome:
        """What is left to do once the rows are there."""
        return SETTLED

    def all_keys(self) -> Iterable[str]:
        """What there should be, and what is there although nothing calls for it any more."""
        with self.database.read() as db:
            wanted = self.noun.ids(db)
        prefix = owner_of(self.noun.owner, "")
        left = (
            owner.removeprefix(prefix) for owner in self.driver.observe_owners() if owner.startswith(prefix)
        )
        return {*wanted, *left}

    def record_fault(self, key: str, problem: Problem) -> None:
        with self.database.write(current_actor(self.name)) as tx:
            tx.record(
                Event(action="fault", kind=self.noun.owner, subject=key, after={"problem": str(problem)})
            )


@dataclass(frozen=True)
class PortLoop(NounLoop):
    """As every noun; and tells the status of ports of which no host speaks."""

    def _applied(self, key: str) -> Outcome:
        with self.database.read() as db:
            port = ports.find_bare(db, key)
        if port is None or port.device_owner.startswith(("compute:", SUBPORT_OWNER)):
            return SETTLED
        # What OVN says of a port that has just been given back may be of the time before.
        held = port.device_owner or port.binding_host_id
        up = port.is_on_router or (held and self.driver.is_up(port.id))
        status = "ACTIVE" if up and port.admin_state_up else "DOWN"
        if status != port.status:
            with self.database.write(current_actor(self.name)) as tx:
                ports.set_status(tx, port.id, status)
        return SETTLED


def all_loops(database: Database, driver: NetworkDriver) -> tuple[NounLoop, ...]:
    """The loops of every noun."""
    return tuple(
        (PortLoop if noun.loop == names.PORTS else NounLoop)(noun, database, driver) for noun in NOUNS
    )
