"""The composition root: the only module that knows everybody. It builds a cloud and serves it."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from nacre import admin, migrations
from nacre.agent.drivers.fake import FakeWorld
from nacre.agent.fleet import FakeFleet
from nacre.compute import policy as compute_policy
from nacre.compute.assemble import assemble as assemble_compute
from nacre.compute.store.quotas import ACCOUNT as COMPUTE_ACCOUNT
from nacre.host import paths
from nacre.identity.assemble import assemble as assemble_identity
from nacre.identity.bootstrap import CatalogEntry, ensure_bootstrap_passwords
from nacre.image import policy as image_policy
from nacre.image.assemble import assemble as assemble_image
from nacre.image.store.quotas import ACCOUNT as IMAGE_ACCOUNT
from nacre.kernel.assembly import Assembled, Kernel
from nacre.kernel.clock import Clock, SystemClock
from nacre.kernel.config import Settings
from nacre.kernel.database import Database
from nacre.kernel.events import Actor
from nacre.kernel.http.app import HttpApp
from nacre.kernel.http.server import serve_until_stopped
from nacre.kernel.ids import HostId
from nacre.kernel.log import set_up_logging
from nacre.kernel.loops import LoopEngine
from nacre.kernel.policy import policies_in
from nacre.kernel.wakes import Wakes
from nacre.network import policy as network_policy
from nacre.network.assemble import assemble as assemble_network
from nacre.network.drivers.base import NetworkDriver
from nacre.network.store.quotas import ACCOUNT as NETWORK_ACCOUNT
from nacre.placement import policy as placement_policy
from nacre.placement.assemble import assemble as assemble_placement

log = logging.getLogger("nacre")

CATALOG = (
    CatalogEntry("identity", "nacre-identity", "/identity"),
    CatalogEntry("image", "nacre-image", "/image"),
    CatalogEntry("network", "nacre-network", "/networking"),
    CatalogEntry("placement", "nacre-placement", "/placement"),
    CatalogEntry("compute", "nacre-compute", "/compute/v2.1"),
)

ACCOUNTS = (IMAGE_ACCOUNT, NETWORK_ACCOUNT, COMPUTE_ACCOUNT)
"""What each service counts and lets be limited."""

POLICIES = [
    named
    for module in (image_policy, placement_policy, network_policy, compute_policy)
    for named in policies_in(module)
]


@dataclass(frozen=True)
class Cloud:
    """A whole control plane: its doors, its loops, and the fake hosts if it has any."""

    kernel: Kernel
    http: HttpApp
    engine: LoopEngine
    fleet: FakeFleet | None
    network_driver: NetworkDriver

    def close(self) -> None:
        """Let go of threads and connections; what is durable stays."""
        self.http.close()
        self.network_driver.close()
        self.kernel.database.close()


def assemble(
    settings: Settings,
    *,
    clock: Clock,
    network_driver: NetworkDriver,
    agent_token: str,
    bootstrap: Mapping[str, str],
    node: str,
    worlds: Mapping[HostId, FakeWorld] | None = None,
    hasher: PasswordHasher | None = None,
) -> Cloud:
    """Put the services together over one store, and seed what they cannot be without.

    `worlds` are fake hosts that have been there before, and `hasher` one that does not take its time:
    only tests have either.
    """
    wakes = Wakes()
    database = Database(
        settings.database_url,
        clock=clock,
        wakes=wakes,
        pool_size=settings.database.pool_size,
        durable=settings.database.durable,
    )
    kernel = Kernel(settings, database, clock, wakes)

    the_identity = assemble_identity(
        kernel, catalog=CATALOG, bootstrap=bootstrap, policies=POLICIES, accounts=ACCOUNTS, hasher=hasher
    )
    the_images = assemble_image(kernel)
    the_placement = assemble_placement(kernel)
    the_network = assemble_network(
        kernel,
        identity=the_identity.contract,
        placement=the_placement.contract,
        driver=network_driver,
    )
    the_compute = assemble_compute(
        kernel,
        identity=the_identity.contract,
        images=the_images.contract,
        networks=the_network.contract,
        placement=the_placement.contract,
        agent_token=agent_token,
    )
    services: list[Assembled[Any]] = [the_identity, the_images, the_placement, the_network, the_compute]

    migrations.upgrade(database)
    with database.write(Actor("start")) as tx:
        for service in services:
            service.seed(tx)
    loops = [loop for service in services for loop in service.loops]
    engine = LoopEngine(database, loops, settings.loops, node=node)
    doors = [door for service in services for door in service.services]
    doors += admin.doors(
        kernel,
        engine,
        explain=the_compute.contract.explain,
        explain_delete=the_network.contract.explain_delete,
        ailing=lambda db: {
            host_id: standing.sentences
            for host_id, standing in the_network.contract.ailing_hosts(db, now=clock.now()).items()
        },
        audits={"compute": the_compute.contract.audit, "network": the_network.contract.audit},
        repairs={"network": the_network.contract.ask_repair},
    )
    http = HttpApp(doors, database=database, authenticator=the_identity.contract, settings=settings.http)
    fleet = None
    if settings.fake_host_count:
        fleet = FakeFleet(the_compute.contract.fleet, settings.fake_host_count, clock, worlds=worlds)
    return Cloud(kernel, http, engine, fleet, network_driver)


def serve(settings: Settings) -> None:
    """Run the control plane in the foreground until SIGTERM; guests and networks run on without it."""
    set_up_logging(settings.log)
    state = settings.state_dir
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    cloud = assemble(
        settings,
        clock=SystemClock(),
        network_driver=network_driver_of(settings),
        agent_token=ensure_secret(paths.agent_token(state)),
        bootstrap=ensure_bootstrap_passwords(state),
        node=f"{socket.gethostname()}:{state}",
    )
    _tune_interpreter()
    with running(cloud):
        serve_until_stopped(
            cloud.http,
            host=settings.listen_host,
            port=settings.listen_port,
            unix_path=paths.api_socket(state),
            grace_s=settings.http.stop_grace_s,
            ready=lambda: log.info("ready on %s with hosts %s", settings.base_url, settings.hosts),
            stopping=cloud.kernel.wakes.wake_everybody,
        )


def _tune_interpreter() -> None:
    """Suit the interpreter to many short requests and steps in one process; docs/performance.md has the figures.

    What is there after the start (modules, routes, statements) stays for good, and work makes thousands of objects
    but hardly a cycle: with Python's own thresholds a quarter of a busy second went into looking for cycles.
    Each statement lets go of the interpreter, and would wait for it for up to 5 ms whenever another thread computes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    sys.setswitchinterval(0.0005)


@contextlib.contextmanager
def running(cloud: Cloud) -> Iterator[None]:
    """Loops, fake hosts and the wake-ups of other nodes, for as long as the block lasts."""
    stop = threading.Event()
    listener = threading.Thread(target=cloud.kernel.database.listen, args=(stop,), daemon=True)
    if cloud.kernel.database.is_postgresql:
        listener.start()
    cloud.engine.start()
    if cloud.fleet:
        cloud.fleet.start()
    try:
        yield
    finally:
        stop.set()
        if cloud.fleet:
            cloud.fleet.stop()
        cloud.engine.stop(grace_s=cloud.kernel.settings.http.stop_grace_s)
        cloud.close()


def network_driver_of(settings: Settings) -> NetworkDriver:
    """OVN for hosts of this machine, the complete fake for fake ones."""
    if settings.fake_host_count:
        from nacre.network.drivers.fake import FakeNetwork

        return FakeNetwork()
    from nacre.network.drivers.ovn import OvnNetwork

    south = f"unix:{paths.southbound_socket(settings.state_dir)}"
    return OvnNetwork(f"unix:{paths.northbound_socket(settings.state_dir)}", south=south)


def ensure_secret(path: Path) -> str:
    """The secret kept in a file that only its owner may read; made on first use."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text().strip()


__all__: Sequence[str] = ("Cloud", "assemble", "running", "serve")
