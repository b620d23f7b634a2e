"""Servers go where the wires of their networks are and, on a routed network, where a segment has an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from nacre.agent.fleet import fake_report
from nacre.kernel.ids import HostId
from tests.simulation.test_crashes import prepare
from tests.support.cloud import FakeCloud

SERVERS, NETWORKING = "/compute/v2.1/servers", "/networking/v2.0"
RACK_ONE, RACK_TWO, ELSEWHERE = (HostId(f"fake-000{number}") for number in (1, 2, 3))
WIRES = {RACK_ONE: ("rack1",), RACK_TWO: ("rack2",), ELSEWHERE: ("public",)}


class World:
    """Three hosts, two of them in racks of their own; and a network with a subnet of two addresses in each rack."""

    def __init__(self, state: Path) -> None:
        self.ids = prepare(state)
        self.cloud = FakeCloud(state, hosts=3)
        self.cloud.settle()
        self.admin, self.user = self.cloud.client("admin"), self.cloud.client("demo")
        for host_id, wires in WIRES.items():
            self.say(host_id, wires)
        wires = [{"provider:network_type": "flat", "provider:physical_network": f"rack{n}"} for n in (1, 2)]
        self.network = self.make("network", name="multi", shared=True, segments=wires)["id"]
        found = self.admin.get(f"{NETWORKING}/segments?network_id={self.network}").json["segments"]
        for number, segment in enumerate(sorted(found, key=lambda each: each["physical_network"]), start=1):
            pool = {"start": f"10.{number}.0.10", "end": f"10.{number}.0.11"}
            self.make(
                "subnet",
                network_id=self.network,
                segment_id=segment["id"],
                ip_version=4,
                cidr=f"10.{number}.0.0/24",
                allocation_pools=[pool],
                enable_dhcp=False,
            )

    def say(self, host_id: HostId, wires: tuple[str, ...]) -> None:
        reply = self.cloud.stranger(local=True).request(
            "PUT",
            f"/agent/v1/hosts/{host_id}",
            body=msgspec.json.encode(replace(fake_report(host_id), physical_networks=wires)),
            headers={"X-Agent-Token": "the hosts' secret", "Content-Type": "application/json"},
        )
        assert reply.status == 204, reply

    def make(self, noun: str, **said: object) -> dict[str, str]:
        reply = self.admin.post(f"{NETWORKING}/{noun}s", json={noun: said})
        assert reply.status == 201, reply
        made: dict[str, str] = reply.json[noun]
        return made

    def server(self, **nic: str) -> dict[str, object]:
        """A server once it has come to rest, as the operator sees it."""
        said = {"name": "s", "flavorRef": self.ids["flavor"], "imageRef": self.ids["image"]}
        reply = self.user.post(SERVERS, json={"server": said | {"networks": [nic or {"uuid": self.network}]}})
        assert reply.status == 202, reply
        self.cloud.settle(within_s=400)
        shown: dict[str, object] = self.admin.get(f"{SERVERS}/{reply.json['server']['id']}").json["server"]
        return shown


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.cloud.close()


def address_of(server):
    return [each["addr"] for each in server["addresses"]["multi"]]


def test_servers_fill_the_segments_and_nothing_goes_where_there_is_none(world):
    made = [world.server() for _ in range(4)]

    assert {server["status"] for server in made} == {"ACTIVE"}
    found = {(server["OS-EXT-SRV-ATTR:host"], *address_of(server)) for server in made}
    assert found == {
        *((RACK_ONE, f"10.1.0.{last}") for last in (10, 11)),
        *((RACK_TWO, f"10.2.0.{last}") for last in (10, 11)),
    }

    too_many = world.server()

    assert too_many["status"] == "ERROR"
    assert too_many["OS-EXT-SRV-ATTR:host"] is None
    assert world.cloud.network.observe_owners()

    assert world.admin.delete(f"{SERVERS}/{made[0]['id']}").status == 204
    world.cloud.settle()
    again = world.server()
    assert (again["OS-EXT-SRV-ATTR:host"], address_of(again)) == (
        made[0]["OS-EXT-SRV-ATTR:host"],
        address_of(made[0]),
    )


def test_a_server_goes_to_the_rack_of_the_address_it_asks_for(world):
    server = world.server(uuid=world.network, fixed_ip="10.2.0.77")

    assert (server["OS-EXT-SRV-ATTR:host"], address_of(server)) == (RACK_TWO, ["10.2.0.77"])

    world.say(RACK_TWO, ("public",))
    assert world.server(uuid=world.network, fixed_ip="10.2.0.78")["status"] == "ERROR"


def test_servers_go_only_to_hosts_that_are_on_the_wire_of_a_plain_network(world):
    flat = {"provider:network_type": "flat", "provider:physical_network": "beamline"}
    plain = world.make("network", name="multi", shared=True, **flat)["id"]
    world.make("subnet", network_id=plain, ip_version=4, cidr="10.9.0.0/24", enable_dhcp=False)

    assert world.server(uuid=plain)["status"] == "ERROR"

    world.say(RACK_TWO, ("rack2", "beamline"))
    made = [world.server(uuid=plain) for _ in range(2)]
    assert [server["OS-EXT-SRV-ATTR:host"] for server in made] == [RACK_TWO, RACK_TWO]


def test_what_a_trunk_carries_counts_as_well(world):
    world.say(ELSEWHERE, ("beamline",))
    flat = {"provider:network_type": "flat", "provider:physical_network": "beamline"}
    carried = world.make("network", name="multi", mtu=1400, **flat)["id"]
    network = world.user.get(f"{NETWORKING}/networks/{world.ids['network']}").json["network"]
    owner, both = network["project_id"], (network["id"], carried)
    parent, child = (world.make("port", network_id=each, project_id=owner) for each in both)
    below = [{"port_id": child["id"], "segmentation_type": "vlan", "segmentation_id": 7}]
    world.make("trunk", port_id=parent["id"], sub_ports=below, project_id=owner)

    assert world.server(port=parent["id"])["OS-EXT-SRV-ATTR:host"] == ELSEWHERE
