"""What a request costs in SQL statements, through the whole cloud with its real neighbours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.database import Reader
from tests.simulation.test_crashes import prepare
from tests.support.asgi import AsgiClient
from tests.support.cloud import FakeCloud

SERVERS = "/compute/v2.1/servers"
PORTS = "/networking/v2.0/ports"


class Costs:
    """A cloud at rest, with what a server needs, and a count of what is sent to its store."""

    def __init__(self, state: Path, patch: pytest.MonkeyPatch) -> None:
        self.ids = prepare(state)
        self.cloud = FakeCloud(state)
        self.cloud.settle()
        self.user: AsgiClient = self.cloud.client("demo")
        self._sent: list[str] = []
        run = Reader._run

        def counted(reader: Reader, statement: Any, parameters: Any) -> Any:
            self._sent.append(" ".join(str(statement).split()))
            return run(reader, statement, parameters)

        patch.setattr(Reader, "_run", counted)

    def of(self, work: Callable[[], Any]) -> list[str]:
        """The statements that `work` sends."""
        self._sent.clear()
        work()
        return list(self._sent)

    def create(self, **more: Any) -> str:
        ask = {"name": "s", "flavorRef": self.ids["flavor"], "imageRef": self.ids["image"]}
        networks = [{"uuid": self.ids["network"]}]
        reply = self.user.post(SERVERS, json={"server": {**ask, "networks": networks, **more}})
        assert reply.status == 202, reply
        server_id: str = reply.json["server"]["id"]
        return server_id


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Costs:
    return Costs(tmp_path, monkeypatch)


def test_a_server_is_accepted_with_ten_statements(costs):
    costs.create()

    sent = costs.of(costs.create)

    assert len(sent) <= 10, "\n".join(sent)


def test_servers_made_together_cost_no_more_for_what_they_share(costs):
    costs.create()
    one = costs.of(costs.create)

    five = costs.of(lambda: costs.create(min_count=5))

    per_server = (len(five) - len(one)) / 4
    assert per_server <= 5, "\n".join(five)


def test_a_server_on_a_full_subnet_costs_as_much_as_on_an_empty_one(costs):
    costs.create()
    empty = costs.of(costs.create)
    wide = {"network_id": costs.ids["network"], "ip_version": 4, "cidr": "10.2.0.0/16", "enable_dhcp": False}
    subnet = costs.user.post("/networking/v2.0/subnets", json={"subnet": wide}).json["subnet"]["id"]
    fixed_ips = [{"subnet_id": subnet}]
    port = {"network_id": costs.ids["network"], "fixed_ips": fixed_ips}
    for _ in range(7):
        assert costs.user.post(PORTS, json={"ports": [port] * 100}).status == 201

    full = costs.of(lambda: costs.user.post(PORTS, json={"port": port}))

    assert len(full) <= len(empty), "\n".join(full)


def test_a_server_is_shown_with_five_statements(costs):
    server_id = costs.create()
    costs.cloud.settle()

    sent = costs.of(lambda: costs.user.get(f"{SERVERS}/{server_id}"))

    assert len(sent) <= 5, "\n".join(sent)


def test_a_list_of_servers_costs_the_same_however_long_it_is(costs):
    for _ in range(2):
        costs.create()
    costs.cloud.settle()
    short = costs.of(lambda: costs.user.get(f"{SERVERS}/detail"))

    costs.create(min_count=5, max_count=5)
    costs.cloud.settle()
    long = costs.of(lambda: costs.user.get(f"{SERVERS}/detail"))

    assert len(costs.user.get(f"{SERVERS}/detail").json["servers"]) == 7
    assert len(long) == len(short), "\n".join(long)
