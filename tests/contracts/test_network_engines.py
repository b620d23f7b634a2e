"""Each of OVN's daemons killed: guests go on talking, and when it is back nothing differs and new ports work."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from nacre.network.domain.rows import NOTHING
from nacre.network.drivers.ovn import OvnNetwork
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, Daemons, OvnLab, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

PAUSE_S = 0.05
"""Between two echo requests."""


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab


@pytest.fixture
def cloud(lab: OvnLab) -> Iterator[Cloud]:
    driver = OvnNetwork(lab.remote, south=lab.south)
    cloud = Cloud(lab, driver)
    yield cloud
    for owner in driver.observe_owners():
        driver.apply(owner, NOTHING)
    driver.close()


class Pinging:
    """A guest that asks another again and again, from `with` to its end."""

    def __init__(self, namespace: str, address: str) -> None:
        self._command = ["ip", "netns", "exec", namespace, "ping", f"-i{PAUSE_S}", address]
        self.lost = 0

    def __enter__(self) -> Pinging:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for _ in range(3):
            self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        said, _ = self._process.communicate(timeout=10)
        found = re.search(r"(\d+) packets transmitted, (\d+) received", said)
        assert found is not None, said
        self.lost = int(found[1]) - int(found[2])


def daemons_of(lab: OvnLab, daemon: str) -> Daemons:
    return lab.middle if daemon in ("nb", "sb", "northd") else lab.hosts[CHASSIS].daemons


@pytest.mark.parametrize("daemon", ["northd", "nb", "sb", "controller", "ovs", "vswitchd"])
def test_guests_outlive_a_killed_daemon_and_new_ones_come_when_it_is_back(cloud: Cloud, daemon: str) -> None:
    subnet, group = cloud.subnet(cloud.network()), cloud.group({"protocol": "icmp"})
    one, two = (cloud.port(subnet, f"10.0.0.{last}", group) for last in (11, 12))
    guest = cloud.plug(one, addresses=["10.0.0.11/24"])
    cloud.plug(two, addresses=["10.0.0.12/24"])
    cloud.lab.reaches("10.0.0.12", namespace=guest)
    daemons = daemons_of(cloud.lab, daemon)

    with Pinging(guest, "10.0.0.12") as pinging:
        daemons.kill(daemon)
        if daemon != "vswitchd":
            # What is in force needs none of the others: for a second nobody is there to put it into force again.
            time.sleep(1)
        daemons.revive(daemon)
        began = time.monotonic()
        cloud.lab.reaches("10.0.0.12", namespace=guest)
        eventually(lambda: cloud.lab.succeeds(*sync(cloud)), f"changes in force again after {daemon} is back")
        took_s = time.monotonic() - began
    print(f"{daemon}: lost {pinging.lost * PAUSE_S:.2f} s, changes in force again after {took_s:.2f} s")

    # The userspace datapath dies with its daemon; the others are not on the way of a packet.
    assert pinging.lost * PAUSE_S < (10 if daemon == "vswitchd" else 0.15)
    new = cloud.port(subnet, "10.0.0.13", group)
    cloud.plug(new, addresses=["10.0.0.13/24"])
    cloud.lab.reaches("10.0.0.13", namespace=guest)
    assert cloud.driver.audit(cloud.wishes) == ()
    realised = cloud.driver.observe_realised()
    assert realised is not None
    assert realised.chassis == {CHASSIS}
    assert {realised.chassis_of[port.id] for port in (one, two, new)} == {CHASSIS}
    eventually(lambda: is_up(cloud, {one.id, two.id, new.id}), "all ports up")


def sync(cloud: Cloud) -> tuple[str, ...]:
    return ("ovn-nbctl", f"--db={cloud.lab.remote}", "--timeout=20", "--wait=hv", "sync")


def is_up(cloud: Cloud, port_ids: set) -> bool:
    realised = cloud.driver.observe_realised()
    return realised is not None and port_ids <= realised.up
