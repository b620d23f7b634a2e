"""`nacre explain NOUN NAME`, against the doors that the unix socket opens."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.cli import operate
from nacre.cli.main import main, parser
from tests.support.cloud import FakeCloud


@pytest.fixture(autouse=True)
def _through_the_socket(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = cloud.stranger(local=True)

    def demand(path: str, *, method: str = "GET") -> Any:
        reply = operator.request(method, path)
        assert reply.status == 200, reply
        return reply.json

    monkeypatch.setattr(operate, "_demand", demand)


def test_what_hinders_a_delete_is_told_in_order_until_nothing_does(
    cloud: FakeCloud, capsys: pytest.CaptureFixture
) -> None:
    demo = cloud.client("demo")
    network = demo.post("/networking/v2.0/networks", json={"network": {"name": "n"}}).json["network"]["id"]
    port = demo.post("/networking/v2.0/ports", json={"port": {"network_id": network}}).json["port"]["id"]

    assert main(["explain", "network", "n"]) == 1
    told = capsys.readouterr().out
    assert told.index(f"openstack port delete {port}") < told.index(f"openstack network delete {network}")

    assert demo.delete(f"/networking/v2.0/ports/{port}").status == 204
    assert main(["explain", "network", network]) == 0
    assert capsys.readouterr().out == f"Nothing hinders it: openstack network delete {network}\n"


def test_one_word_is_a_server() -> None:
    ask = parser().parse_args(["explain", "s"])

    assert (ask.noun, ask.name) == ("server", "s")
