"""`nacre audit`, against the doors that the unix socket opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.cli import operate
from nacre.cli.main import main
from nacre.network.domain.rows import owner_of
from tests.support.asgi import AsgiClient
from tests.support.cloud import FakeCloud


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCloud]:
    cloud = FakeCloud(tmp_path)
    operator = AsgiClient(cloud.cloud.http, local=True)

    def demand(path: str, *, method: str = "GET") -> Any:
        reply = operator.request(method, path)
        assert reply.status == 200, reply
        return reply.json

    monkeypatch.setattr(operate, "_demand", demand)
    monkeypatch.setattr(operate.time, "sleep", lambda _: cloud.settle())
    yield cloud
    cloud.close()


def test_what_was_lost_in_the_engine_is_named_and_mended(cloud: FakeCloud, capsys: pytest.CaptureFixture):
    network = cloud.client("demo").post("/networking/v2.0/networks", json={"network": {"name": "n"}})
    lost = owner_of("network", network.json["network"]["id"])
    cloud.settle()
    assert main(["audit"]) == 0
    assert capsys.readouterr().out == "Intent and reality agree: compute, network.\n"
    cloud.cloud.network_driver.forget(lost)

    assert main(["audit", "network"]) == 1
    named = capsys.readouterr().out
    assert lost in named
    assert "compute" not in named
    assert main(["audit", "compute"]) == 0
    capsys.readouterr()

    assert main(["audit", "network", "--repair"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith(" left")
    assert told[-1] == "Intent and reality agree: network."


def test_what_nobody_compares_is_refused(cloud: FakeCloud, capsys: pytest.CaptureFixture):
    assert main(["audit", "weather"]) == 1
    assert "there are compute, network" in capsys.readouterr().err
