"""Hosts whose own part in networks is not well: who hears of it, and which servers stay away until it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nacre.agent.fleet import fake_report
from nacre.host import doctor
from nacre.kernel.ids import HostId
from nacre.network.contract import ChassisFacts, ChassisFault, Spoils, Unreached
from nacre.network.domain.agents import ALIVE_S
from tests.simulation.test_crashes import prepare
from tests.support.cloud import FakeCloud

SERVERS, NETWORKING = "/compute/v2.1/servers", "/networking/v2.0"
ONE, TWO, THREE = (HostId(f"fake-000{number}") for number in (1, 2, 3))
WELL = ChassisFacts(
    bridge="br-int",
    datapath_type="netdev",
    encap_type="geneve",
    encap_ip="192.0.2.1",
    tunnel_mtu=1500,
    bridge_mappings={"public": "br-ex"},
    tunnels=2,
)
NARROW = ChassisFault(spoils=Spoils.TUNNELS, what="packets may have 1400 bytes")
NO_WIRE = ChassisFault(spoils=Spoils.PHYSICAL, what="bridge br-ex is missing", physical_network="public")
SILENT = "no packet is answered"


class World:
    """A cloud of three hosts, of which each says how its part in networks stands."""

    def __init__(self, state: Path) -> None:
        self.ids = prepare(state)
        self.cloud = FakeCloud(state, hosts=3)
        self.cloud.settle()
        self.admin = self.cloud.client("admin")
        self.operator = self.cloud.stranger(local=True)
        for host_id in (ONE, TWO, THREE):
            self.say(host_id, WELL)

    def say(self, host_id: HostId, facts: ChassisFacts) -> None:
        reply = self.operator.request(
            "PUT",
            f"/agent/v1/hosts/{host_id}",
            body=msgspec.json.encode(replace(fake_report(host_id), chassis=facts)),
            headers={"X-Agent-Token": "the hosts' secret", "Content-Type": "application/json"},
        )
        assert reply.status == 204, reply

    def hosts_for(self, network: str, *, count: int = 4) -> set[str]:
        """Where so many new servers on a network come to be. They are not kept."""
        found, made = set(), []
        for _ in range(count):
            said = {
                "name": "s",
                "flavorRef": self.ids["flavor"],
                "imageRef": self.ids["image"],
                "networks": [{"uuid": self.ids[network]}],
            }
            client = self.cloud.client("demo") if network == "network" else self.admin
            reply = client.post(SERVERS, json={"server": said})
            assert reply.status == 202, reply
            self.cloud.settle()
            shown = self.admin.get(f"{SERVERS}/{reply.json['server']['id']}").json["server"]
            found.add(shown["OS-EXT-SRV-ATTR:host"])
            made.append(shown["id"])
        for server in made:
            assert self.admin.delete(f"{SERVERS}/{server}").status == 204
        self.cloud.settle()
        return found

    def ailing(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.operator.get("/admin/v1/status").json["ailing_hosts"]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("state"))
    yield world
    world.cloud.close()


@pytest.fixture(autouse=True)
def _well_again(world: World) -> Iterator[None]:
    yield
    for host_id in (ONE, TWO, THREE):
        world.say(host_id, WELL)
    assert world.ailing() == {}


def test_a_host_with_a_fault_gets_no_servers_that_need_what_is_broken_until_it_is_mended(world):
    world.say(ONE, replace(WELL, faults=(NARROW,)))
    world.say(TWO, replace(WELL, unreached=(Unreached(ONE, SILENT),)))

    assert world.ailing() == {ONE: [NARROW.what]}
    assert world.hosts_for("network") == {TWO, THREE}
    assert ONE in world.hosts_for("public"), "the physical network does not need tunnels"

    world.say(ONE, WELL)
    world.say(TWO, WELL)
    assert world.hosts_for("network") >= {ONE}


def test_a_host_without_a_physical_network_still_gets_servers_of_others(world):
    world.say(ONE, replace(WELL, faults=(NO_WIRE,)))

    assert world.hosts_for("public") == {TWO, THREE}
    assert ONE in world.hosts_for("network")


def test_a_host_that_nobody_reaches_is_named_and_gets_nothing_that_needs_tunnels(world):
    world.say(TWO, replace(WELL, unreached=(Unreached(ONE, SILENT),)))
    world.say(THREE, replace(WELL, unreached=(Unreached(ONE, SILENT),)))

    assert list(world.ailing()) == [ONE]
    assert world.hosts_for("network") == {TWO, THREE}


def test_why_a_host_was_not_taken_is_kept_with_the_server(world):
    for host_id in (ONE, TWO, THREE):
        world.say(host_id, replace(WELL, faults=(NARROW,)))
    said = {"name": "s", "flavorRef": world.ids["flavor"], "imageRef": world.ids["image"]}
    said["networks"] = [{"uuid": world.ids["network"]}]
    server = world.cloud.client("demo").post(SERVERS, json={"server": said}).json["server"]["id"]

    world.cloud.settle(within_s=400)

    assert NARROW.what in str(world.operator.get(f"/admin/v1/explain/{server}").json["placement"]["not_on"])


def test_nobody_is_to_blame_for_missing_a_dead_host(world):
    world.cloud.clock.advance(ALIVE_S + 1)
    for host_id in (ONE, TWO):
        world.operator.get(
            f"/agent/v1/hosts/{host_id}/wishes?since=0", headers={"X-Agent-Token": "the hosts' secret"}
        )
        world.say(host_id, replace(WELL, unreached=(Unreached(THREE, SILENT),)))

    assert world.ailing() == {}


def test_agents_show_what_their_host_reports(world):
    world.say(ONE, replace(WELL, faults=(NARROW,), unreached=(Unreached(TWO, SILENT),)))
    world.cloud.settle()

    found = world.admin.get(f"{NETWORKING}/agents?host={ONE}").json["agents"]
    shown = {each["binary"]: each["configurations"] for each in found}

    assert shown["ovn-controller"]["bridge-mappings"] == "public:br-ex"
    assert shown["ovn-controller"]["faults"] == [NARROW.what]
    assert shown["ovn-controller"]["unreached"] == {TWO: SILENT}
    assert shown["neutron-ovn-metadata-agent"] == {}


def test_the_doctor_names_the_host_and_the_cure(world, monkeypatch):
    world.say(ONE, replace(WELL, faults=(NO_WIRE,)))
    told = world.operator.get("/admin/v1/status").json
    monkeypatch.setattr(doctor, "ask_control_plane", lambda *_args, **_more: told)

    (finding,) = doctor._hosts(world.cloud.settings)

    assert finding.verdict is doctor.Verdict.BAD
    assert (finding.subject, NO_WIRE.what in finding.what) == (f"host {ONE}", True)
    assert finding.cure
