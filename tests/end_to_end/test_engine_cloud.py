"""A machine's whole cloud on the real engines: up, again, down and up, and what dies comes back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from nacre.host import clouds_yaml, first_use, ledger

from .conftest import EngineCloud, eventually

pytestmark = [pytest.mark.engines, pytest.mark.skipif(os.geteuid() != 0, reason="engines need root")]


@pytest.fixture
def cloud(engine_cloud: EngineCloud) -> Iterator[EngineCloud]:
    """The shared cloud, well before and after."""
    engine_cloud.wait_until_ready()
    yield engine_cloud
    engine_cloud.wait_until_ready()


def demo_server(cloud: EngineCloud) -> dict:
    servers = cloud.client().get("compute", "/servers/detail")["servers"]
    return next(server for server in servers if server["name"] == first_use.DEMO_SERVER)


def floating_ip(cloud: EngineCloud) -> str:
    server = demo_server(cloud)
    addresses = server["addresses"][first_use.DEMO_NETWORK]
    return next(item["addr"] for item in addresses if item["OS-EXT-IPS:type"] == "floating")


def test_the_first_server_answers_and_knows_its_name(cloud: EngineCloud):
    assert cloud.ssh(floating_ip(cloud), "hostname").strip() == "demo"


def test_a_guest_finds_the_names_of_its_network_and_does_not_wait_for_others(cloud: EngineCloud):
    known = "ping -c1 -W5 demo.novalocal >/dev/null && echo found"
    unknown = "timeout 4 wget -q -O- http://nowhere.test/ 2>&1"

    said = cloud.ssh(floating_ip(cloud), f"{known}; {unknown}; true")

    assert said.splitlines() == ["found", "wget: bad address 'nowhere.test'"]


def test_up_again_changes_nothing_and_is_quick(cloud: EngineCloud):
    before, server = cloud.parts(), demo_server(cloud)

    cloud.nacre("up", timeout_s=25)

    assert {name: part.identity for name, part in cloud.parts().items()} == {
        name: part.identity for name, part in before.items()
    }
    assert demo_server(cloud) == server


def test_what_is_wanted_and_what_is_agree(cloud: EngineCloud):
    eventually(lambda: cloud.nacre("audit", check=False).returncode == 0, timeout_s=10)


@pytest.mark.parametrize(
    "part", ["serve", "agent", "libvirtd", "ovsdb", "vswitchd", "ovn-controller", "northd", "nb", "sb"]
)
def test_the_server_answers_whichever_part_was_killed(cloud: EngineCloud, part: str):
    before = cloud.parts()[part]
    address = floating_ip(cloud)

    cloud.kill(part)

    eventually(lambda: is_new(cloud, part, before), timeout_s=2.0, every_s=0.02)
    eventually(lambda: answers(cloud, address), timeout_s=20.0)
    cloud.wait_until_ready()
    eventually(lambda: cloud.nacre("audit", check=False).returncode == 0, timeout_s=20.0)


def is_new(cloud: EngineCloud, part: str, before: ledger.Record) -> bool:
    now = cloud.parts()[part]
    return now.identity not in (None, before.identity)


def answers(cloud: EngineCloud, address: str) -> bool:
    done = cloud.nacre("exec", "--", "ping", "-c", "1", "-W", "1", address, check=False)
    return done.returncode == 0


def test_the_same_server_comes_back_after_down(cloud: EngineCloud):
    before, address = demo_server(cloud), floating_ip(cloud)
    written = cloud.ssh(address, "echo kept > /root/kept; sync; cat /root/kept")
    assert written.strip() == "kept"

    cloud.nacre("down")
    said = cloud.nacre("up").stdout

    assert address in said
    assert demo_server(cloud)["id"] == before["id"]
    assert floating_ip(cloud) == address
    assert cloud.ssh(address, "cat /root/kept").strip() == "kept"
    hosts = cloud.client(clouds_yaml.ADMIN_CLOUD).get("compute", "/os-hypervisors")["hypervisors"]
    assert len(hosts) == 1
