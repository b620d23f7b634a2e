"""Packets of servers that run, from a rule in the Networking API to the interface on the host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.agent.drivers.base import EngineAway
from nacre.kernel.ids import ServerId
from nacre.network.contract import PacketLimit
from tests.services.compute.test_interfaces import HOST, NETWORKING, World


class LimitedWorld(World):
    """A world with a policy that is given to its network."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, "")
        policy = self.make("policy", self.admin, name="few", shared=True)["id"]
        self.rules = f"{NETWORKING}/qos/policies/{policy}/packet_rate_limit_rules"
        said = {"network": {"qos_policy_id": policy}}
        assert self.admin.put(f"{NETWORKING}/networks/{self.network}", json=said).status == 200

    def rule(self, method: str, path: str, **said: Any) -> str:
        """A rule is made or changed; its id."""
        reply = self.admin.request(method, path, json={"packet_rate_limit_rule": said})
        assert reply.status < 300, reply
        rule_id: str = reply.json["packet_rate_limit_rule"]["id"]
        return rule_id

    def limits(self) -> list[tuple[PacketLimit, ...]]:
        """What holds on the host, interface by interface."""
        return [limits for _, limits in self.cloud.fleet.worlds[HOST].limits.values()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LimitedWorld]:
    world = LimitedWorld(tmp_path)
    yield world
    world.cloud.settle()
    assert world.differences() == {"compute": [], "network": []}
    world.cloud.close()


def test_a_running_server_is_limited_as_the_rules_of_its_network_say(world):
    server = world.server()
    assert world.limits() == []

    rule = world.rule("POST", world.rules, max_kpps=2)
    world.cloud.settle()
    assert world.limits() == [(PacketLimit(is_outward=True, packets_per_s=2000, burst=200),)]

    world.rule("PUT", f"{world.rules}/{rule}", max_kpps=3, max_burst_kpps=1)
    world.cloud.settle()
    assert world.limits() == [(PacketLimit(is_outward=True, packets_per_s=3000, burst=1000),)]

    world.admin.delete(f"{world.rules}/{rule}")
    world.cloud.settle()
    assert world.limits() == []
    assert world.cloud.fleet.worlds[HOST].guests[ServerId(server)].boots == 1


def test_a_host_that_does_not_limit_as_it_should_is_named(world):
    server = world.server()
    world.cloud.fleet.worlds[HOST].fail("limit_packets", EngineAway("fake", "it restarts"))

    world.rule("POST", world.rules, max_kpps=2)
    while any((world.cloud.cloud.engine.turn(), world.cloud.fleet.turn())):
        pass

    waits = f"server {server} waits for host {HOST}: fake does not answer: it restarts"
    assert world.differences() == {"compute": [waits], "network": []}
    assert world.shown(server)["status"] == "ACTIVE"
