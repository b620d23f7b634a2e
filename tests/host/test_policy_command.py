"""`nacre policy`, against the doors that the unix socket opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.cli import policy
from nacre.cli.main import main
from nacre.host.errors import Refused
from tests.support.asgi import AsgiClient
from tests.support.cloud import FakeCloud


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCloud]:
    cloud = FakeCloud(tmp_path)
    operator = AsgiClient(cloud.cloud.http, local=True)

    def demand(method: str, path: str, body: Any = None) -> Any:
        reply = operator.request(method, path, json=body)
        if reply.status >= 400:
            raise Refused(method, path, reply.status, reply.body.decode())
        return reply.json

    monkeypatch.setattr(policy, "_demand", demand)
    yield cloud
    cloud.close()


def said(capsys: pytest.CaptureFixture, *words: str) -> tuple[int, str]:
    status = main(["policy", *words])
    return status, capsys.readouterr().out


def test_a_rule_is_shown_set_remembered_and_given_back(cloud: FakeCloud, capsys: pytest.CaptureFixture):
    name = "compute:servers:show"
    assert said(capsys, "show", name) == (0, f"{name}: rule:own_reader\n")
    assert said(capsys, "list", "--overridden") == (0, "")

    status, told = said(capsys, "set", name, "rule:own_member")

    assert status == 0
    assert told.startswith(
        f"{name}: rule:own_member\n  default: rule:own_reader\n  edition 1, by operator at "
    )
    assert said(capsys, "list", "--overridden") == (0, f"* {name}: rule:own_member\n")
    said(capsys, "reset", name)
    _, told = said(capsys, "history", name)
    assert [line.split("operator  ")[1] for line in told.splitlines()] == [
        "(the default again)",
        "rule:own_member",
    ]
    assert "network:networks:show: rule:own_reader" in said(capsys)[1]


def test_a_rule_that_cannot_stand_is_refused_with_its_reason(cloud: FakeCloud, capsys: pytest.CaptureFixture):
    assert main(["policy", "set", "admin", "!"]) == 1
    assert "lock the administrators out" in capsys.readouterr().err
    assert main(["policy", "show", "no:such:rule"]) == 1


def test_a_dry_run_exits_with_what_it_finds(cloud: FakeCloud, capsys: pytest.CaptureFixture):
    token = cloud.client("demo").get(
        "/identity/v3/auth/tokens", headers={"X-Subject-Token": cloud.token("demo")}
    )
    user, project = token.json["token"]["user"]["id"], token.json["token"]["project"]["id"]
    who = ["check", "compute:servers:show", "--user", user, "--project", project]

    status, told = said(capsys, *who, "--target", f"project_id={project}")
    assert status == 0
    assert told.startswith(
        "allowed by compute:servers:show: rule:own_reader\ndemo has the roles member, reader\n"
    )
    status, told = said(capsys, *who, "--target", "project_id=another")
    assert status == 1
    assert "no  project_id:%(project_id)s (in own_reader)" in told
    assert said(capsys, *who, "--rule", "rule:member")[0] == 0
    assert said(capsys, *who, "--target", "project_id")[0] == 2
