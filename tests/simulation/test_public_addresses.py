"""A whole cloud in one process: guests learn their public addresses, and the wires where those are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.agent.metadata.documents import find_document
from nacre.kernel.ids import HostId, NetworkId, ServerId
from tests.simulation.test_crashes import SERVERS, prepare
from tests.support.cloud import FakeCloud

HOSTS = (HostId("fake-0001"), HostId("fake-0002"))
NETWORKING = "/networking/v2.0"


class Scene:
    """Two servers on two hosts, behind a distributed router."""

    def __init__(self, state: Path) -> None:
        self.ids = prepare(state)
        self.cloud = FakeCloud(state)
        self.cloud.settle()
        (subnet,) = self.call("get", f"subnets?network_id={self.ids['network']}")["subnets"]
        way_out = {"network_id": self.ids["public"]}
        router = self.call("post", "routers", router={"distributed": True, "external_gateway_info": way_out})
        leg = {"subnet_id": subnet["id"]}
        self.call("put", f"routers/{router['router']['id']}/add_router_interface", **leg)
        self.servers = [self.server(host_id, self.port()) for host_id in HOSTS]
        self.cloud.settle()

    def call(self, method: str, path: str, **body: Any) -> Any:
        options = {"json": body} if body else {}
        reply = getattr(self.cloud.client("admin"), method)(f"{NETWORKING}/{path}", **options)
        assert reply.status in (200, 201, 204), reply
        return reply.json if reply.body else None

    def port(self) -> str:
        return self.call("post", "ports", port={"network_id": self.ids["network"]})["port"]["id"]

    def server(self, host_id: HostId, port_id: str) -> ServerId:
        ask = {
            "name": host_id,
            "flavorRef": self.ids["flavor"],
            "imageRef": self.ids["image"],
            "availability_zone": f"nova:{host_id}",
            "networks": [{"port": port_id}],
        }
        reply = self.cloud.client("admin").post(SERVERS, json={"server": ask})
        assert reply.status == 202, reply
        return ServerId(reply.json["server"]["id"])

    def port_of(self, server_id: ServerId) -> Any:
        (port,) = self.call("get", f"ports?device_id={server_id}")["ports"]
        return port

    def lead(self, server_id: ServerId) -> Any:
        """A new floating IP that leads to a server."""
        ask = {"floating_network_id": self.ids["public"], "port_id": self.port_of(server_id)["id"]}
        return self.call("post", "floatingips", floatingip=ask)["floatingip"]

    def move(self, floating_ip: Any, server_id: ServerId) -> None:
        target = {"port_id": self.port_of(server_id)["id"]}
        self.call("put", f"floatingips/{floating_ip['id']}", floatingip=target)

    def public_addresses(self) -> list[str]:
        """What each of the guests reads of itself."""
        return [self._public_address(*each) for each in zip(HOSTS, self.servers, strict=True)]

    def _public_address(self, host_id: HostId, server_id: ServerId) -> str:
        address = self.port_of(server_id)["fixed_ips"][0]["ip_address"]
        spec = self.cloud.fleet.keepers[host_id].spec_at(NetworkId(self.ids["network"]), address)
        assert spec is not None
        document = find_document(spec, "/latest/meta-data/public-ipv4")
        assert document is not None
        return document.body.decode()

    def announced(self) -> list[set[str]]:
        """What each of the hosts has announced since this was asked before."""
        worlds = [self.cloud.fleet.worlds[host_id] for host_id in HOSTS]
        said = [{ip for _, ip in world.announced} for world in worlds]
        for world in worlds:
            world.announced.clear()
        return said

    def boots(self) -> list[int]:
        worlds = self.cloud.fleet.worlds
        return [
            worlds[host_id].guests[server].boots for host_id, server in zip(HOSTS, self.servers, strict=True)
        ]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.cloud.close()


def test_a_running_guest_reads_its_public_address_as_it_comes_moves_and_goes(scene):
    first, second = scene.servers
    assert scene.public_addresses() == ["", ""]

    floating_ip = scene.lead(first)
    scene.cloud.settle()
    address = floating_ip["floating_ip_address"]
    assert scene.public_addresses() == [address, ""]
    assert scene.announced() == [{address}, set()]

    scene.move(floating_ip, second)
    scene.cloud.settle()
    assert scene.public_addresses() == ["", address]
    assert scene.announced() == [set(), {address}]

    scene.call("delete", f"floatingips/{floating_ip['id']}")
    scene.cloud.settle()
    assert scene.public_addresses() == ["", ""]
    assert scene.announced() == [set(), set()]
    assert scene.boots() == [1, 1]


def test_one_that_is_away_and_back_before_its_host_looks_is_announced_anew(scene):
    first, second = scene.servers
    floating_ip = scene.lead(first)
    scene.cloud.settle()
    scene.announced()

    scene.move(floating_ip, second)
    scene.move(floating_ip, first)
    scene.cloud.settle()

    assert scene.announced() == [{floating_ip["floating_ip_address"]}, set()]


def test_a_process_that_dies_right_after_the_answer_has_lost_nothing(scene):
    floating_ip = scene.lead(scene.servers[0])

    scene.cloud = scene.cloud.restart()
    scene.cloud.settle()

    assert scene.public_addresses() == [floating_ip["floating_ip_address"], ""]


def test_a_server_that_comes_with_a_public_address_is_announced_when_it_is_there(scene):
    floating_ip = scene.lead(scene.servers[0])
    scene.cloud.settle()
    port = scene.port_of(scene.servers[0])
    assert scene.cloud.client("admin").delete(f"{SERVERS}/{scene.servers[0]}").status == 204
    scene.cloud.settle()
    scene.announced()

    scene.server(HOSTS[1], port["id"])
    scene.cloud.settle()

    assert scene.announced() == [set(), {floating_ip["floating_ip_address"]}]


def test_a_guest_whose_address_changes_is_known_by_the_new_one(scene):
    server = scene.servers[0]
    port = scene.port_of(server)

    scene.call("put", f"ports/{port['id']}", port={"fixed_ips": [{"ip_address": "10.1.0.77"}]})
    scene.cloud.settle()

    spec = scene.cloud.fleet.keepers[HOSTS[0]].spec_at(NetworkId(scene.ids["network"]), "10.1.0.77")
    assert spec is not None
    assert spec.guest_id == server
