"""Ports that are guaranteed bandwidth and packets: what they ask for, who gets a host, and what may change of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.config import GuaranteeSettings
from nacre.kernel.ids import HostId
from nacre.placement.contract import part_id_of
from tests.services.network.conftest import problem
from tests.support.asgi import Reply
from tests.support.cloud import FakeCloud

ON_BOTH_DATABASES = True

SERVERS, NETWORKING, PLACEMENT = "/compute/v2.1/servers", "/networking/v2.0", "/placement"
OUT, IN = "NET_BW_EGR_KILOBIT_PER_SEC", "NET_BW_IGR_KILOBIT_PER_SEC"
PACKETS, PACKETS_OUT = "NET_PACKET_RATE_KILOPACKET_PER_SEC", "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC"
BANDWIDTH, RATE = "minimum_bandwidth", "minimum_packet_rate"
HOST = HostId("fake-0001")
TUNNELS = part_id_of(HOST, "wire:tunnels")


class World:
    """Hosts with 1,000 kbit/s in tunnels, 500 on the wire `public`, and 100,000 packets a second."""

    def __init__(self, state: Path, database_url: str, *, hosts: int = 1) -> None:
        limits = GuaranteeSettings(bandwidths="tunnels:1000:1000, public:500:500", packet_rate_kpps=100)
        self.cloud = FakeCloud(state, hosts=hosts, database_url=database_url, guarantees=limits)
        self.cloud.settle()
        self.admin, self.user = self.cloud.client("admin"), self.cloud.client("demo")
        flavor = {"name": "small", "ram": 64, "vcpus": 1, "disk": 1}
        self.flavor = self.admin.post("/compute/v2.1/flavors", json={"flavor": flavor}).json["flavor"]["id"]
        image = {"name": "raw", "disk_format": "raw", "container_format": "bare"}
        self.image = self.user.post("/image/v2/images", json=image).json["id"]
        octets = {"Content-Type": "application/octet-stream"}
        self.user.put(f"/image/v2/images/{self.image}/file", body=b"\0" * 4096, headers=octets)
        self.network = self.network_of()

    def make(self, noun: str, **said: Any) -> dict[str, Any]:
        path = "qos/policies" if noun == "policy" else f"{noun}s"
        reply = self.admin.post(f"{NETWORKING}/{path}", json={noun: said})
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.json[noun]
        return made

    def network_of(self, **said: Any) -> str:
        network: str = self.make("network", name="net", shared=True, **said)["id"]
        self.make("subnet", network_id=network, ip_version=4, cidr="10.1.0.0/24", enable_dhcp=False)
        return network

    def policy(self, **kbps: int) -> str:
        """A policy that guarantees this in these directions."""
        policy: str = self.make("policy", name="calm", shared=True)["id"]
        for direction, amount in kbps.items():
            assert self.add(policy, min_kbps=amount, direction=direction).status == 201
        return policy

    def add(self, policy: str, kind: str = BANDWIDTH, **said: Any) -> Reply:
        path = f"{NETWORKING}/qos/policies/{policy}/{kind}_rules"
        return self.admin.post(path, json={f"{kind}_rule": said})

    def change(self, noun: str, object_id: str, **said: Any) -> Reply:
        return self.admin.put(f"{NETWORKING}/{noun}s/{object_id}", json={noun: said})

    def port(self, policy: str | None, network: str = "") -> str:
        port: str = self.make("port", network_id=network or self.network, qos_policy_id=policy)["id"]
        return port

    def shown(self, port: str) -> dict[str, Any]:
        port_shown: dict[str, Any] = self.admin.get(f"{NETWORKING}/ports/{port}").json["port"]
        return port_shown

    def ask(self, *ports: str, network: str = "") -> str:
        """Ask for a server; its id."""
        nics = [{"port": port} for port in ports] or [{"uuid": network or self.network}]
        said = {"name": "s", "flavorRef": self.flavor, "imageRef": self.image, "networks": nics}
        reply = self.admin.post(SERVERS, json={"server": said})
        assert reply.status == 202, reply
        server_id: str = reply.json["server"]["id"]
        return server_id

    def server(self, *ports: str, network: str = "") -> dict[str, Any]:
        """A server once it has come to rest."""
        server_id = self.ask(*ports, network=network)
        self.cloud.settle()
        shown: dict[str, Any] = self.admin.get(f"{SERVERS}/{server_id}").json["server"]
        return shown

    def differences(self) -> list[str]:
        """What the operator's audit finds wrong with servers."""
        found: list[str] = self.cloud.stranger(local=True).get("/admin/v1/audit").json["compute"]
        return found

    def used(self, part: str = TUNNELS) -> dict[str, int]:
        usages = self.admin.get(f"{PLACEMENT}/resource_providers/{part}/usages").json["usages"]
        return {name: amount for name, amount in usages.items() if amount}


@pytest.fixture
def world(tmp_path: Path, database_url: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """One host, or as many as a test asks for."""
    world = World(tmp_path, database_url, hosts=getattr(request, "param", 1))
    yield world
    assert world.differences() == []
    world.cloud.close()


def test_a_host_offers_what_the_operator_has_measured_out(world):
    found = world.admin.get(f"{PLACEMENT}/resource_providers").json["resource_providers"]

    names = {each["name"]: each["uuid"] for each in found}
    assert set(names) == {HOST, f"{HOST}:switch", f"{HOST}:wire:public", f"{HOST}:wire:tunnels"}
    traits = world.admin.get(
        f"{PLACEMENT}/resource_providers/{names[f'{HOST}:wire:public']}/traits",
        headers={"OpenStack-API-Version": "placement 1.6"},
    ).json["traits"]
    assert sorted(traits) == ["CUSTOM_PHYSNET_PUBLIC", "CUSTOM_VNIC_TYPE_NORMAL"]


def test_a_port_tells_operators_what_it_is_guaranteed(world):
    policy = world.policy(egress=400, ingress=300)
    assert world.add(policy, RATE, min_kpps=50, direction="any").status == 201
    wire = {"provider:network_type": "flat", "provider:physical_network": "public"}
    port = world.shown(world.port(policy, world.network_of(**wire)))

    bandwidth, packets = port["resource_request"]["request_groups"]
    assert bandwidth["resources"] == {OUT: 400, IN: 300}
    assert bandwidth["required"] == ["CUSTOM_PHYSNET_PUBLIC", "CUSTOM_VNIC_TYPE_NORMAL"]
    assert packets["resources"] == {PACKETS: 50}
    assert packets["required"] == ["CUSTOM_VNIC_TYPE_NORMAL"]
    assert port["resource_request"]["same_subtree"] == [bandwidth["id"], packets["id"]]
    assert port["binding:profile"] == {}
    mine = world.user.post(f"{NETWORKING}/ports", json={"port": {"network_id": world.network}}).json["port"]
    assert "resource_request" not in mine
    assert world.shown(mine["id"])["resource_request"] is None
    tunnelled = world.shown(world.port(policy))["resource_request"]["request_groups"][0]
    assert tunnelled["required"][0] == "CUSTOM_NETWORK_TUNNEL_PROVIDER"


def test_a_server_claims_what_its_ports_are_guaranteed_and_gives_it_back(world):
    policy = world.policy(egress=300, ingress=200)
    world.add(policy, RATE, min_kpps=30, direction="any")
    ports = [world.port(policy), world.port(policy)]

    server = world.server(*ports)

    assert server["status"] == "ACTIVE"
    assert world.used() == {OUT: 600, IN: 400}
    assert world.used(part_id_of(HOST, "switch")) == {PACKETS: 60}
    port = world.shown(ports[0])
    groups = [each["id"] for each in port["resource_request"]["request_groups"]]
    assert port["binding:profile"]["allocation"] == dict(
        zip(groups, (TUNNELS, part_id_of(HOST, "switch")), strict=True)
    )
    world.admin.delete(f"{SERVERS}/{server['id']}")
    world.cloud.settle()
    assert world.used() == {}
    assert world.used(part_id_of(HOST, "switch")) == {}
    assert world.shown(ports[0])["binding:profile"] == {}


def test_a_server_that_no_host_can_guarantee_enough_is_told_why(world):
    policy = world.policy(egress=600)
    first = world.server(world.port(policy))

    second = world.server(world.port(policy))

    assert (first["status"], second["status"]) == ("ACTIVE", "ERROR")
    assert f"600 {OUT} are wanted and 400 of 1000 are free" in second["fault"]["message"]
    assert world.used() == {OUT: 600}
    assert world.server()["status"] == "ACTIVE", "who is guaranteed nothing has room"
    directed = world.make("policy", name="directed")["id"]
    world.add(directed, RATE, min_kpps=1, direction="egress")
    assert f"it has no {PACKETS_OUT}" in world.server(world.port(directed))["fault"]["message"]


def test_an_audit_finds_what_is_guaranteed_and_not_claimed(world):
    port = world.port(world.policy(egress=300))
    server = world.server(port)

    assert world.admin.delete(f"{PLACEMENT}/allocations/{server['id']}").status == 204

    (claim, guarantee) = world.differences()
    assert "without a claim" in claim
    assert (
        f"server {server['id']} are guaranteed {{'{HOST}': {{'wire:tunnels': {{'{OUT}': 300}}}}}}"
        in guarantee
    )
    world.admin.delete(f"{SERVERS}/{server['id']}")
    world.cloud.settle()


def test_the_policy_of_a_network_counts_for_ports_made_with_their_server(world):
    policy = world.policy(egress=700)
    net = world.network_of(qos_policy_id=policy)

    assert world.server(network=net)["status"] == "ACTIVE"
    assert world.used() == {OUT: 700}
    assert world.server(network=net)["status"] == "ERROR"


def test_a_change_of_a_rule_is_claimed_for_ports_that_are_placed_or_refused(world):
    policy = world.policy(egress=400)
    servers = [world.server(world.port(policy)) for _ in range(2)]
    assert [each["status"] for each in servers] == ["ACTIVE", "ACTIVE"]
    (rule,) = world.admin.get(f"{NETWORKING}/qos/policies/{policy}/{BANDWIDTH}_rules").json[
        f"{BANDWIDTH}_rules"
    ]
    path = f"{NETWORKING}/qos/policies/{policy}/{BANDWIDTH}_rules/{rule['id']}"

    refused = world.admin.put(path, json={f"{BANDWIDTH}_rule": {"min_kbps": 501}})
    assert problem(refused) == (409, "QosPlacementAllocationUpdateConflict")
    assert world.admin.get(path).json[f"{BANDWIDTH}_rule"]["min_kbps"] == 400
    assert world.used() == {OUT: 800}
    assert world.admin.put(path, json={f"{BANDWIDTH}_rule": {"min_kbps": 500}}).status == 200
    assert world.used() == {OUT: 1000}
    assert problem(world.add(policy, min_kbps=501, direction="ingress"))[0] == 409
    assert world.add(policy, min_kbps=10, direction="ingress").status == 201
    assert world.used() == {OUT: 1000, IN: 20}

    assert world.admin.delete(path).status == 204
    assert world.used() == {IN: 20}


def test_what_is_claimed_is_what_is_guaranteed_whatever_changes_while_servers_are_placed(world):
    policy = world.policy(egress=10)
    other = world.policy(egress=20)
    ports = [world.port(policy) for _ in range(6)]
    (rule,) = world.admin.get(f"{NETWORKING}/qos/policies/{policy}/{BANDWIDTH}_rules").json[
        f"{BANDWIDTH}_rules"
    ]
    path = f"{NETWORKING}/qos/policies/{policy}/{BANDWIDTH}_rules/{rule['id']}"

    def change(n: int) -> int:
        if n % 2:
            return world.change("port", ports[n % 6], qos_policy_id=other).status
        return world.admin.put(path, json={f"{BANDWIDTH}_rule": {"min_kbps": 11 + n}}).status

    with ThreadPoolExecutor(2) as threads:
        changes = threads.map(change, range(16))
        for port in ports:
            world.ask(port)
            world.cloud.settle()

    assert set(changes) == {200}
    assert world.differences() == []
    last = world.admin.get(path).json[f"{BANDWIDTH}_rule"]["min_kbps"]
    assert world.used() == {OUT: 3 * 20 + 3 * last}


def test_another_policy_of_a_placed_port_or_its_network_is_claimed_or_refused(world):
    small, large, huge = (world.policy(egress=kbps) for kbps in (100, 900, 1001))
    port = world.port(small)
    world.server(port)
    net = world.network_of()
    world.server(network=net)
    assert world.used() == {OUT: 100}

    assert problem(world.change("port", port, qos_policy_id=huge))[0] == 409
    assert world.shown(port)["qos_policy_id"] == small
    assert world.change("network", net, qos_policy_id=large).status == 200
    assert world.used() == {OUT: 1000}
    assert problem(world.change("port", port, qos_policy_id=large))[0] == 409
    assert world.change("network", net, qos_policy_id=None).status == 200
    assert world.change("port", port, qos_policy_id=large).status == 200
    assert world.used() == {OUT: 900}
    assert problem(world.change("network", net, qos_policy_id=large))[0] == 409

    assert world.change("port", port, qos_policy_id=None).status == 200
    assert world.used() == {}


def test_a_port_that_leaves_its_server_takes_its_share_along(world):
    policy = world.policy(egress=300)
    ports = [world.port(policy) for _ in range(3)]
    server = world.server(*ports)
    assert world.used() == {OUT: 900}

    assert world.admin.delete(f"{NETWORKING}/ports/{ports[0]}").status == 204
    assert world.used() == {OUT: 600}
    assert (
        world.change("port", ports[1], device_id="", device_owner="", **{"binding:host_id": ""}).status == 200
    )

    assert world.used() == {OUT: 300}
    world.admin.delete(f"{SERVERS}/{server['id']}")
    world.cloud.settle()
    assert world.used() == {}


@pytest.mark.parametrize("world", [2], indirect=True)
def test_a_port_that_moves_to_another_host_is_guaranteed_there_what_it_was_here_or_stays(world):
    policy, large = world.policy(egress=600), world.policy(egress=900)
    ports = [world.port(policy), world.port(None)]
    server = world.server(*ports)
    here = server["OS-EXT-SRV-ATTR:host"]
    (there,) = {HOST, "fake-0002"} - {here}
    parts = {host: part_id_of(HostId(host), "wire:tunnels") for host in (here, there)}
    bindings = f"{NETWORKING}/ports/{ports[0]}/bindings"

    def prepare(host: str) -> None:
        assert world.admin.post(bindings, json={"binding": {"host": host}}).status == 201

    prepare(there)
    assert world.used(parts[there]) == {}, "who is prepared has claimed nothing yet"
    assert world.admin.put(f"{bindings}/{there}/activate").status == 200
    assert (world.used(parts[here]), world.used(parts[there])) == ({}, {OUT: 600})
    assert set(world.shown(ports[0])["binding:profile"]["allocation"].values()) == {parts[there]}
    assert world.differences() == []

    other = world.server(world.port(large))
    assert other["OS-EXT-SRV-ATTR:host"] == here
    refused = world.admin.put(f"{bindings}/{here}/activate")
    assert problem(refused) == (409, "QosPlacementAllocationUpdateConflict")
    assert world.shown(ports[0])["binding:host_id"] == there
    assert (world.used(parts[here]), world.used(parts[there])) == ({OUT: 900}, {OUT: 600})
    prepare("nowhere")
    assert world.admin.put(f"{bindings}/nowhere/activate").status == 409

    assert world.admin.delete(f"{bindings}/{there}").status == 204
    assert world.used(parts[there]) == {}
    world.admin.delete(f"{SERVERS}/{server['id']}")
    world.cloud.settle()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (BANDWIDTH, {}),
        (BANDWIDTH, {"min_kbps": -1}),
        (BANDWIDTH, {"min_kbps": 1, "direction": "any"}),
        (RATE, {"direction": "any"}),
        (RATE, {"min_kpps": 1, "direction": "up"}),
        (RATE, {"min_kpps": "many"}),
    ],
)
def test_a_guarantee_that_cannot_be_meant_is_refused(admin, kind, said):
    policy = admin.make("policy", name="calm")

    assert admin.post(f"/qos/policies/{policy['id']}/{kind}_rules", json={f"{kind}_rule": said}).status == 400


def test_packets_are_counted_in_each_direction_or_in_both_together(admin):
    policy = admin.make("policy", name="calm")
    rules = f"/qos/policies/{policy['id']}/{RATE}_rules"

    def add(direction):
        return admin.post(rules, json={f"{RATE}_rule": {"min_kpps": 5, "direction": direction}})

    first = add("any").json[f"{RATE}_rule"]
    assert problem(add("egress")) == problem(add("any")) == (409, "QosRulesConflict")
    turned = admin.put(f"{rules}/{first['id']}", json={f"{RATE}_rule": {"direction": "egress"}})
    assert turned.json[f"{RATE}_rule"]["direction"] == "egress"
    assert add("ingress").status == 201
    again = admin.put(f"{rules}/{first['id']}", json={f"{RATE}_rule": {"direction": "any"}})
    assert problem(again) == (409, "QosRulesConflict")
    alias = f"/qos/alias-minimum-packet-rate-rules/{first['id']}"
    assert admin.get(alias).json[f"alias_{RATE}_rule"]["min_kpps"] == 5
    assert admin.delete(alias).status == 204
