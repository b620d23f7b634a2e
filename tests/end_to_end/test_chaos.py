"""Whatever is killed and whenever: each server ends as it was wished, nothing leaks, and guests never notice."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar

import pytest

from nacre.host import engines, first_use, namespaces, processes
from nacre.host.api_client import ApiClient
from nacre.host.errors import Refused
from nacre.host.ledger import Phase

from .conftest import EngineCloud, eventually
from .traces import leaving_no_trace, qemu_pid

pytestmark = [pytest.mark.engines, pytest.mark.skipif(os.geteuid() != 0, reason="engines need root")]

KILLS = 50
PEOPLE = 4
PARTS = ("serve", "agent", "libvirtd")
# How long a server may take to become what it was wished to be, on two cores under constant killing.
SETTLED_WITHIN_S = 150.0
# How often a part may be killed that has only begun to start.
STARTING_TOO = 0.2
# Pings go out ten times a second; more than this in a row without an answer is an outage.
LONGEST_SILENCE_S = 4.0
OUTAGE_S = 5.0

Found = TypeVar("Found")


@pytest.fixture
def cloud(engine_cloud: EngineCloud) -> Iterator[EngineCloud]:
    """The shared cloud; the test must leave nothing in it."""
    engine_cloud.wait_until_ready()
    with leaving_no_trace(engine_cloud):
        yield engine_cloud
        engine_cloud.wait_until_ready(timeout_s=60.0)


def persist(ask: Callable[[], Found]) -> Found:
    """The answer to a request that may be repeated, asked again while the control plane is away."""

    def answer() -> tuple[Found] | None:
        try:
            return (ask(),)
        except (OSError, http.client.HTTPException):
            return None
        except Refused as refusal:
            if refusal.answer_status != 503:
                raise
            return None

    return eventually(answer, timeout_s=60.0, every_s=0.2)[0]


class Person:
    """Creates and deletes servers, one after the other, and sees to it that each ends as wished."""

    def __init__(self, cloud: EngineCloud, name: str, *, seed: int) -> None:
        self._cloud, self._name = cloud, name
        self._chance = random.Random(seed)
        self._client: ApiClient = cloud.client()
        self._plan = self._server_plan()
        self.ends: Counter[str] = Counter()

    def live(self, enough: Event) -> Counter[str]:
        """Until `enough`: half of the servers are deleted when they are active, the others at any moment."""
        number = 0
        while not enough.is_set():
            number += 1
            server_id = self._ensure_server(f"{self._name}-{number}")
            if self._chance.random() < 0.5:
                self._wait(server_id, lambda status: status == "ACTIVE", "to be active")
                self.ends["deleted when active"] += 1
            else:
                enough.wait(self._chance.uniform(0.0, 3.0))
                self.ends["deleted at any moment"] += 1
            persist(lambda server_id=server_id: self._delete(server_id))
            self._wait(server_id, lambda status: status == "gone", "to be gone")
        return self.ends

    def _server_plan(self) -> dict[str, Any]:
        flavors = self._client.get("compute", "/flavors")["flavors"]
        networks = self._client.get("network", "/networks", name=first_use.DEMO_NETWORK)["networks"]
        return {
            "flavorRef": next(flavor["id"] for flavor in flavors if flavor["name"] == "m1.nano"),
            "imageRef": self._client.get("image", "/images", name=first_use.IMAGE)["images"][0]["id"],
            "networks": [{"uuid": networks[0]["id"]}],
        }

    def _ensure_server(self, name: str) -> str:
        """The id of the one server of this name. When a kill cut off the answer, look before asking again."""

        def ask() -> str:
            found = self._client.get("compute", "/servers", name=f"^{name}$")["servers"]
            if not found:
                body = {"server": {"name": name, **self._plan}}
                found = [self._client.post("compute", "/servers", body)["server"]]
            return str(found[0]["id"])

        return persist(ask)

    def _delete(self, server_id: str) -> None:
        try:
            self._client.delete("compute", f"/servers/{server_id}")
        except Refused as refusal:
            if refusal.answer_status != 404:
                raise

    def _status(self, server_id: str) -> str:
        try:
            return str(self._client.get("compute", f"/servers/{server_id}")["server"]["status"])
        except Refused as refusal:
            if refusal.answer_status != 404:
                raise
            return "gone"

    def _wait(self, server_id: str, is_it: Callable[[str], bool], what: str) -> None:
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while not is_it(status := persist(lambda: self._status(server_id))):
            late = time.monotonic() > deadline
            if late or status == "ERROR":
                explained = self._cloud.nacre("explain", server_id, check=False).stdout
                raise AssertionError(f"{server_id} was {what} and is {status}:\n{explained}")
            time.sleep(0.2)


def kill_some(cloud: EngineCloud, *, chance: random.Random, stop: Callable[[], bool]) -> Counter[str]:
    """SIGKILL a living part at a random moment, KILLS times in all, or until `stop`.

    Those that are only starting are mostly let go on: else, on a busy machine, nothing would ever be ready.
    """
    killed: Counter[str] = Counter()
    while killed.total() < KILLS and not stop():
        time.sleep(chance.uniform(0.3, 4.0))
        records = cloud.parts()
        running = [name for name in PARTS if (each := records[name].identity) and processes.is_running(each)]
        ready = [name for name in running if records[name].phase is Phase.READY]
        if among := running if chance.random() < STARTING_TOO else ready:
            part = chance.choice(among)
            cloud.kill(part)
            killed[part] += 1
    return killed


@contextmanager
def listening_to(cloud: EngineCloud, address: str) -> Iterator[None]:
    """Ping all the while; afterwards, fail if the guest was silent for long, also at the beginning or the end."""
    command = namespaces.inside(cloud.netns, ["ping", "-n", "-D", "-i", "0.1", address])
    environment = {**os.environ, **engines.environment(cloud.state)}
    # To a file: a pipe that nobody reads is full after a minute, and then ping waits and hears nothing more.
    with tempfile.TemporaryFile("w+") as heard:
        began_at = time.time()
        with subprocess.Popen(command, env=environment, stdout=heard) as ping:
            try:
                yield
            finally:
                ended_at = time.time()
                ping.send_signal(signal.SIGINT)  # Then it writes down what it has not yet.
                ping.wait(timeout=10)
        heard.seek(0)
        answers = re.findall(r"^\[([\d.]+)\] \d+ bytes", heard.read(), re.MULTILINE)
    moments = [began_at, *map(float, answers), ended_at]
    silence_s = max(after - before for before, after in itertools.pairwise(moments))
    print(f"{len(answers)} pings answered in {ended_at - began_at:.1f} s, longest silence {silence_s:.2f} s")
    assert silence_s < LONGEST_SILENCE_S


def uptime_s(cloud: EngineCloud, address: str) -> float:
    return float(cloud.ssh(address, "cat /proc/uptime").split()[0])


def test_fifty_kills_while_servers_come_and_go_leave_every_server_as_wished_and_nothing_else(
    cloud: EngineCloud,
):
    seed = int(os.environ.get("NACRE_CHAOS_SEED") or random.randrange(1 << 32))
    print(f"NACRE_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    server, address = demo(cloud)
    process, booted_at = qemu_pid(cloud, server), time.monotonic() - uptime_s(cloud, address)

    people = [Person(cloud, f"chaos-{number}", seed=chance.randrange(1 << 32)) for number in range(PEOPLE)]
    enough = Event()
    with listening_to(cloud, address), ThreadPoolExecutor(PEOPLE) as threads:
        lives = [threads.submit(person.live, enough) for person in people]
        try:
            killed = kill_some(cloud, chance=chance, stop=lambda: any(life.done() for life in lives))
        finally:
            enough.set()
        ends = sum((life.result() for life in lives), Counter())

    print(f"killed {dict(killed)}; servers {dict(ends)}")
    assert killed.total() == KILLS
    assert ends.total() >= PEOPLE, "kills among too few servers prove little"
    assert qemu_pid(cloud, server) == process
    assert abs(time.monotonic() - uptime_s(cloud, address) - booted_at) < 30.0, "it has run all the time"


def demo(cloud: EngineCloud) -> tuple[str, str]:
    """The first server and its floating IP."""
    servers = cloud.client().get("compute", "/servers/detail")["servers"]
    server = next(server for server in servers if server["name"] == first_use.DEMO_SERVER)
    addresses = server["addresses"][first_use.DEMO_NETWORK]
    return server["id"], next(item["addr"] for item in addresses if item["OS-EXT-IPS:type"] == "floating")


def test_guests_run_on_while_the_control_plane_is_down(cloud: EngineCloud):
    server, address = demo(cloud)
    process = qemu_pid(cloud, server)
    frozen = [cloud.parts()[name].pid for name in ("serve", "agent")]

    with listening_to(cloud, address):
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)  # A dead part would be back before anybody missed it.
        try:
            time.sleep(OUTAGE_S)
            assert uptime_s(cloud, address) > OUTAGE_S
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)

    assert qemu_pid(cloud, server) == process
    cloud.wait_until_ready()
