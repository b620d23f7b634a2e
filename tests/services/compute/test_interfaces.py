"""Interfaces of servers that exist, over the real network service: they come and go, with what they claim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.agent.domain.sight import Run
from nacre.agent.metadata.documents import find_document
from nacre.kernel.config import GuaranteeSettings
from nacre.kernel.ids import HostId, ServerId
from nacre.placement.contract import part_id_of
from tests.support.asgi import AsgiClient, Reply
from tests.support.cloud import FakeCloud, decoded

SERVERS, NETWORKING, IDENTITY = "/compute/v2.1/servers", "/networking/v2.0", "/identity/v3"
OUT = "NET_BW_EGR_KILOBIT_PER_SEC"
HOST = HostId("fake-0001")
NOBODYS = "00000000-0000-4000-8000-000000000001"


class World:
    """One host with 1,000 kbit/s in tunnels, a project with a network, and another project."""

    def __init__(self, state: Path, database_url: str) -> None:
        limits = GuaranteeSettings(bandwidths="tunnels:1000:1000")
        self.cloud = FakeCloud(state, hosts=1, database_url=database_url, guarantees=limits)
        self.cloud.settle()
        self.admin, self.user = self.cloud.client("admin"), self.cloud.client("demo")
        flavor = {"name": "small", "ram": 64, "vcpus": 1, "disk": 1}
        self.flavor = self.admin.post("/compute/v2.1/flavors", json={"flavor": flavor}).json["flavor"]["id"]
        image = {"name": "raw", "disk_format": "raw", "container_format": "bare"}
        self.image = self.user.post("/image/v2/images", json=image).json["id"]
        octets = {"Content-Type": "application/octet-stream"}
        self.user.put(f"/image/v2/images/{self.image}/file", body=b"\0" * 4096, headers=octets)
        self.network = self.network_of("10.1.0.0/24")

    def make(self, noun: str, client: AsgiClient | None = None, **said: Any) -> dict[str, Any]:
        path = "qos/policies" if noun == "policy" else f"{noun.replace('_', '-')}s"
        reply = (client or self.user).post(f"{NETWORKING}/{path}", json={noun: said})
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.json[noun]
        return made

    def network_of(self, cidr: str, client: AsgiClient | None = None, **said: Any) -> str:
        network: str = self.make("network", client, name=cidr, **said)["id"]
        self.make("subnet", client, network_id=network, ip_version=4, cidr=cidr)
        return network

    def guaranteed_port(self, kbps: int) -> str:
        policy = self.make("policy", self.admin, name="calm", shared=True)["id"]
        rule = {"minimum_bandwidth_rule": {"min_kbps": kbps, "direction": "egress"}}
        path = f"{NETWORKING}/qos/policies/{policy}/minimum_bandwidth_rules"
        assert self.admin.post(path, json=rule).status == 201
        port: str = self.make("port", network_id=self.network, qos_policy_id=policy)["id"]
        return port

    def server(self, **said: Any) -> str:
        """A server with one interface, that runs."""
        nics = [{"uuid": self.network}]
        body = {"name": "s", "flavorRef": self.flavor, "imageRef": self.image, "networks": nics, **said}
        reply = self.user.post(
            SERVERS, json={"server": body}, headers={"OpenStack-API-Version": "compute 2.96"}
        )
        assert reply.status == 202, reply
        self.cloud.settle()
        server_id: str = reply.json["server"]["id"]
        assert self.shown(server_id)["status"] == "ACTIVE"
        return server_id

    def shown(self, server_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.user.get(f"{SERVERS}/{server_id}").json["server"]
        return shown

    def ask(
        self, server_id: str, *, client: AsgiClient | None = None, at: str = "2.96", **said: Any
    ) -> Reply:
        return (client or self.user).post(
            f"{SERVERS}/{server_id}/os-interface",
            json={"interfaceAttachment": said},
            headers={"OpenStack-API-Version": f"compute {at}"},
        )

    def attached(self, server_id: str, **said: Any) -> dict[str, Any]:
        """One more interface, as it was shown at once."""
        reply = self.ask(server_id, **said)
        assert reply.status == 200, reply
        self.cloud.settle()
        interface: dict[str, Any] = reply.json["interfaceAttachment"]
        return interface

    def detach(self, server_id: str, port_id: str) -> Reply:
        return self.user.delete(f"{SERVERS}/{server_id}/os-interface/{port_id}")

    def interfaces(self, server_id: str, *, at: str = "2.96") -> list[dict[str, Any]]:
        headers = {"OpenStack-API-Version": f"compute {at}"}
        found = self.user.get(f"{SERVERS}/{server_id}/os-interface", headers=headers)
        interfaces: list[dict[str, Any]] = found.json["interfaceAttachments"]
        return interfaces

    def act(self, server_id: str, *, at: str = "2.96", **action: Any) -> Reply:
        headers = {"OpenStack-API-Version": f"compute {at}"}
        return self.user.post(f"{SERVERS}/{server_id}/action", json=action, headers=headers)

    def plugged(self, server_id: str) -> set[str]:
        """The ports that the guest has in its process."""
        guest = self.cloud.fleet.worlds[HOST].guests[ServerId(server_id)]
        return {nic.port_id for nic in guest.nics} if guest.run is not Run.OFF else set()

    def document(self, server_id: str, name: str) -> Any:
        """What the guest reads about itself."""
        spec = self.cloud.fleet.keepers[HOST]._wishes[ServerId(server_id)]
        document = find_document(spec, f"/openstack/latest/{name}")
        assert document is not None
        return decoded(document.body)

    def port(self, port_id: str) -> Reply:
        return self.admin.get(f"{NETWORKING}/ports/{port_id}")

    def used(self) -> dict[str, int]:
        path = f"/placement/resource_providers/{part_id_of(HOST, 'wire:tunnels')}/usages"
        usages = self.admin.get(path).json["usages"]
        return {name: amount for name, amount in usages.items() if amount}

    def differences(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloud.stranger(local=True).get("/admin/v1/audit").json
        return found


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    world = World(tmp_path, database_url)
    yield world
    world.cloud.settle()
    assert world.differences() == {"compute": [], "network": []}
    world.cloud.close()


def test_a_running_server_gets_an_interface_on_a_network_and_loses_it(world):
    server = world.server()
    (first,) = world.interfaces(server)
    other = world.network_of("10.2.0.0/24")

    asked = world.attached(server, net_id=other)
    port = world.port(asked["port_id"]).json["port"]

    assert set(asked) == {"port_id", "net_id", "mac_addr", "port_state", "fixed_ips", "tag"}
    assert (asked["net_id"], asked["port_state"]) == (other, "DOWN")
    assert [each["ip_address"] for each in asked["fixed_ips"]] == ["10.2.0.3"]
    assert world.plugged(server) == {first["port_id"], asked["port_id"]}
    assert (port["status"], port["binding:host_id"], port["device_owner"]) == ("ACTIVE", HOST, "compute:nova")
    assert len(port["security_groups"]) == 1
    assert [each["port_id"] for each in world.interfaces(server)] == [first["port_id"], asked["port_id"]]
    assert set(world.shown(server)["addresses"]) == {"10.1.0.0/24", "10.2.0.0/24"}
    assert len(world.document(server, "network_data.json")["links"]) == 2
    assert set(world.cloud.fleet.worlds[HOST].networks) == {world.network, other}

    assert world.detach(server, first["port_id"]).status == 202
    assert world.port(first["port_id"]).status == 404
    world.cloud.settle()

    assert world.plugged(server) == {asked["port_id"]}
    assert [each["port_id"] for each in world.interfaces(server)] == [asked["port_id"]]
    assert set(world.cloud.fleet.worlds[HOST].networks) == {other}
    assert world.detach(server, first["port_id"]).status == 404
    assert world.detach(server, asked["port_id"]).status == 202
    world.cloud.settle()
    assert (world.plugged(server), world.interfaces(server)) == (set(), [])
    assert world.cloud.fleet.worlds[HOST].guests[ServerId(server)].boots == 1


def test_a_port_that_was_given_stays_when_it_is_taken_away_and_serves_another_server(world):
    first, second = world.server(), world.server()
    port = world.make("port", network_id=world.network, name="mine")["id"]

    for server in (first, second, first):
        assert world.attached(server, port_id=port)["port_id"] == port
        assert world.ask(second, port_id=port).status == 409
        assert world.port(port).json["port"]["status"] == "ACTIVE"
        assert world.detach(server, port).status == 202
        left = world.port(port).json["port"]
        assert (left["device_id"], left["device_owner"], left["binding:host_id"]) == ("", "", "")

    world.attached(first, port_id=port)
    world.user.delete(f"{SERVERS}/{first}")
    world.cloud.settle()
    assert world.port(port).json["port"]["device_id"] == ""


def test_a_port_that_goes_and_comes_again_before_its_host_has_heard_of_it_is_up(world):
    server = world.server()
    port = world.make("port", network_id=world.network)["id"]
    world.attached(server, port_id=port)

    assert world.detach(server, port).status == 202
    assert world.ask(server, port_id=port).status == 200
    world.cloud.settle()

    assert port in world.plugged(server)
    assert world.port(port).json["port"]["status"] == "ACTIVE"


def test_an_address_can_be_chosen_and_an_interface_named(world):
    server = world.server(networks=[{"uuid": world.network, "tag": "first"}])

    asked = world.attached(server, net_id=world.network, fixed_ips=[{"ip_address": "10.1.0.77"}], tag="data")

    assert [each["ip_address"] for each in asked["fixed_ips"]] == ["10.1.0.77"]
    assert [each["tag"] for each in world.interfaces(server)] == ["first", "data"]
    assert all("tag" not in each for each in world.interfaces(server, at="2.69"))
    devices = world.document(server, "meta_data.json")["devices"]
    assert [(each["mac"], each["tags"]) for each in devices][1] == (asked["mac_addr"], ["data"])
    assert world.ask(server, net_id=world.network, tag="x", at="2.48").status == 400
    assert world.ask(server, net_id=world.network, fixed_ips=[{"ip_address": "10.1.0.77"}]).status == 409


def test_the_only_network_of_the_project_is_meant_if_none_is_named(world):
    server = world.server()

    assert world.attached(server)["net_id"] == world.network
    world.network_of("10.2.0.0/24")
    ambiguous = world.ask(server)

    assert ambiguous.status == 400
    message = "Multiple possible networks found, use a Network ID to be more specific."
    assert ambiguous.json["badRequest"]["message"] == message


def test_a_server_that_is_off_gets_its_interfaces_when_it_starts(world):
    server = world.server()
    (first,) = world.interfaces(server)
    world.act(server, **{"os-stop": None})
    world.cloud.settle()

    more = world.attached(server, net_id=world.network)
    assert world.detach(server, first["port_id"]).status == 202
    world.cloud.settle()
    off = (
        world.shown(server)["status"],
        world.plugged(server),
        world.port(more["port_id"]).json["port"]["status"],
    )
    world.act(server, **{"os-start": None})
    world.cloud.settle()

    assert off == ("SHUTOFF", set(), "DOWN")
    assert world.plugged(server) == {more["port_id"]}
    assert world.port(more["port_id"]).json["port"]["status"] == "ACTIVE"


def test_a_server_that_stands_still_gets_its_interfaces_when_it_goes_on(world):
    server = world.server()
    world.act(server, pause=None)
    world.cloud.settle()

    more = world.attached(server, net_id=world.network)
    still = world.shown(server)["status"]
    world.act(server, unpause=None)
    world.cloud.settle()

    assert still == "PAUSED"
    assert world.shown(server)["status"] == "ACTIVE"
    assert more["port_id"] in world.plugged(server)


def test_a_port_that_its_owner_deletes_is_taken_from_the_guest(world):
    server = world.server()
    port = world.make("port", network_id=world.network)["id"]
    world.attached(server, port_id=port)

    assert world.user.delete(f"{NETWORKING}/ports/{port}").status == 204
    world.cloud.settle()

    assert port not in world.plugged(server)
    assert len(world.interfaces(server)) == 1


def test_a_port_gets_its_new_mac_by_being_plugged_anew(world):
    server = world.server()
    (interface,) = world.interfaces(server)
    port = {"port": {"mac_address": "fa:16:3e:aa:bb:cc"}}

    changed = world.admin.put(f"{NETWORKING}/ports/{interface['port_id']}", json=port)
    world.cloud.settle()

    assert changed.status == 200
    guest = world.cloud.fleet.worlds[HOST].guests[ServerId(server)]
    assert [nic.mac for nic in guest.nics] == ["fa:16:3e:aa:bb:cc"]


def test_nobody_gives_the_server_of_others_an_interface_by_writing_its_id_at_a_port(world):
    server = world.server()
    foreign = world.network_of("10.9.0.0/24", world.admin)
    forged = {"device_id": server, "device_owner": "compute:nova"}

    port = world.make("port", world.admin, network_id=foreign, **forged)["id"]
    world.attached(server, net_id=world.network)

    assert port not in world.plugged(server)
    assert world.admin.delete(f"{NETWORKING}/ports/{port}").status == 204


def test_an_interface_claims_what_it_is_guaranteed_and_gives_it_back(world):
    server = world.server()
    large, too_large = world.guaranteed_port(600), world.guaranteed_port(500)

    world.attached(server, port_id=large)
    held = world.used()
    refused = world.ask(server, port_id=too_large)

    assert held == {OUT: 600}
    assert refused.status == 409
    assert f"500 {OUT} are wanted" in refused.json["conflictingRequest"]["message"] or "wanted" in str(
        refused
    )
    assert world.port(too_large).json["port"]["device_id"] == ""
    assert len(world.interfaces(server)) == 2
    assert world.detach(server, large).status == 202
    assert world.used() == {}
    world.cloud.settle()
    world.attached(server, port_id=too_large)
    assert world.used() == {OUT: 500}


def test_what_cannot_be_attached_is_refused_and_changes_nothing(world):
    server = world.server()
    stranger = world.cloud.client("admin")
    theirs = world.network_of("10.8.0.0/24", stranger)
    their_port = world.make("port", stranger, network_id=theirs)["id"]
    bare = world.make("network", name="bare")["id"]
    (own,) = world.interfaces(server)

    for said, status in (
        ({"net_id": NOBODYS}, 404),
        ({"net_id": theirs}, 404),
        ({"port_id": NOBODYS}, 404),
        ({"port_id": their_port}, 404),
        ({"port_id": own["port_id"]}, 409),
        ({"net_id": bare}, 400),
        ({"net_id": "no-uuid"}, 400),
        ({"net_id": world.network, "port_id": their_port}, 400),
        ({"fixed_ips": [{"ip_address": "10.1.0.9"}]}, 400),
        ({"net_id": world.network, "fixed_ips": []}, 400),
        ({"net_id": world.network, "fixed_ips": [{"ip_address": "10.77.0.9"}]}, 400),
        ({"net_id": world.network, "fixed_ips": [{"ip_address": "nonsense"}]}, 400),
        ({"net_id": world.network, "tag": "a,b"}, 400),
        ({"net_id": world.network, "what": "?"}, 400),
    ):
        assert world.ask(server, **said).status == status, said
    assert world.ask(NOBODYS, net_id=world.network).status == 404
    assert world.detach(server, their_port).status == 404
    assert world.detach(server, "no-uuid").status == 404
    assert [each["port_id"] for each in world.interfaces(server)] == [own["port_id"]]


def test_a_host_that_cannot_serve_a_network_refuses_it(lab, mine):
    server_id = lab.settled_server(mine)
    before = lab.guest(server_id).nics
    lab.networks.objection = "its tunnels are broken"

    reply = mine.post(f"/servers/{server_id}/os-interface", json={"interfaceAttachment": {}})
    lab.settle()

    assert reply.status == 409
    assert "its tunnels are broken" in reply.json["conflictingRequest"]["message"]
    assert lab.guest(server_id).nics == before


def test_the_quota_of_ports_holds_for_interfaces(world):
    server = world.server()
    project = world.shown(server)["tenant_id"]
    assert world.admin.put(f"{NETWORKING}/quotas/{project}", json={"quota": {"port": 1}}).status == 200

    assert world.ask(server, net_id=world.network).status == 409
    assert len(world.interfaces(server)) == 1


def test_locked_and_unfinished_servers_keep_their_interfaces(world):
    server = world.server()
    (own,) = world.interfaces(server)
    world.act(server, lock=None)
    locked = (world.ask(server, net_id=world.network).status, world.detach(server, own["port_id"]).status)
    world.act(server, unlock=None)
    world.act(server, suspend=None)
    world.cloud.settle()
    suspended = (world.ask(server, net_id=world.network).status, world.detach(server, own["port_id"]).status)

    assert locked == suspended == (409, 409)
    assert len(world.interfaces(server)) == 1


def test_what_was_done_is_told_as_actions(world):
    server = world.server()
    port = world.attached(server, net_id=world.network)["port_id"]
    reply = world.detach(server, port)
    world.cloud.settle()

    actions = world.user.get(f"{SERVERS}/{server}/os-instance-actions").json["instanceActions"]
    path = f"{SERVERS}/{server}/os-instance-actions/{reply.headers['x-openstack-request-id']}"
    detached = world.admin.get(path).json["instanceAction"]

    assert [each["action"] for each in actions] == ["detach_interface", "attach_interface", "create"]
    assert [(each["event"], each["result"]) for each in detached["events"]] == [
        ("compute_detach_interface", "Success")
    ]


def test_an_administrator_attaches_ports_of_the_servers_own_project(world):
    server = world.server()

    reply = world.ask(server, client=world.admin, net_id=world.network)

    port = world.port(reply.json["interfaceAttachment"]["port_id"]).json["port"]
    assert port["project_id"] == world.shown(server)["tenant_id"]


def test_a_port_gets_and_loses_addresses_as_old_versions_ask(world):
    server = world.server()
    (own,) = world.interfaces(server)

    added = world.act(server, addFixedIp={"networkId": world.network}, at="2.43")
    world.cloud.settle()
    both = [each["addr"] for each in world.shown(server)["addresses"]["10.1.0.0/24"]]
    links = world.document(server, "network_data.json")
    removed = world.act(server, removeFixedIp={"address": both[0]}, at="2.43")
    world.cloud.settle()

    assert (added.status, removed.status) == (202, 202)
    assert both == ["10.1.0.3", "10.1.0.4"]
    assert (len(links["links"]), len(links["networks"])) == (1, 2)
    assert [each["addr"] for each in world.shown(server)["addresses"]["10.1.0.0/24"]] == both[1:]
    assert [each["port_id"] for each in world.interfaces(server)] == [own["port_id"]]
    assert world.act(server, removeFixedIp={"address": "10.1.0.99"}, at="2.43").status == 400
    assert world.act(server, addFixedIp={"networkId": NOBODYS}, at="2.43").status == 400
    assert world.act(server, addFixedIp={"networkId": world.network}, at="2.44").status == 404
