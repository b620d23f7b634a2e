from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nacre.cli.main import main, parser
from nacre.host import choices, clouds_yaml, paths
from nacre.kernel.config import Settings


@pytest.fixture
def cloud(state: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A cloud that was started once and is down."""
    monkeypatch.setenv("NACRE_STATE", str(state))
    settings = choices.choose({"NACRE_STATE": str(state)}, hosts="fake:1", database="")
    choices.keep(settings)
    return settings


def nacre(state: Path, *words: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "nacre.cli.main", *words],
        env={**os.environ, "NACRE_STATE": str(state), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_commands_without_a_cloud_say_so_in_one_line(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("NACRE_STATE", str(state))
    for words in (
        ["status"],
        ["down"],
        ["env"],
        ["exec", "true"],
        ["audit"],
        ["explain", "x"],
        ["keys", "status"],
        ["keys", "rotate"],
        ["keys", "announce"],
        ["keys", "drop"],
        ["policy"],
        ["policy", "set", "admin", "@"],
        ["supervise"],
    ):
        assert main(words) == 1
        said = capsys.readouterr().err
        assert said.startswith("nacre: There is no cloud in")
        assert said.count("\n") == 1


def test_purging_what_never_was_succeeds(state: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NACRE_STATE", str(state))
    assert main(["purge"]) == 0


def test_down_of_what_is_down_succeeds(cloud: Settings):
    assert main(["down"]) == 0
    assert main(["down"]) == 0


def test_status_of_a_cloud_that_is_down_says_how_to_start_it(cloud: Settings, capsys: pytest.CaptureFixture):
    assert main(["status"]) == 1
    assert "`nacre up` starts it" in capsys.readouterr().out
    assert main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["well"] is False


def test_what_needs_the_control_plane_says_that_it_is_away(cloud: Settings, capsys: pytest.CaptureFixture):
    assert main(["audit"]) == 1
    assert "does not answer" in capsys.readouterr().err


def test_env_prints_what_a_shell_reads_back(state: Path, cloud: Settings):
    password = 'it\'s "odd" $HOME `x`'
    clouds = clouds_yaml.clouds_of(cloud, admin_password=password, demo_password="p")
    clouds_yaml.write(paths.clouds_file(state), clouds)
    exports = nacre(state, "env").stdout
    shell = subprocess.run(
        ["sh", "-c", f'{exports}\nprintf %s "$OS_PASSWORD"'], capture_output=True, text=True, check=True
    )
    assert shell.stdout == password
    assert "OS_USERNAME=demo" in nacre(state, "env", "nacre-demo").stdout
    unknown = nacre(state, "env", "other")
    assert unknown.returncode == 1
    assert "nacre-demo" in unknown.stderr


def test_exec_runs_a_command_with_the_engines_in_reach(state: Path, cloud: Settings):
    done = nacre(state, "exec", "sh", "-c", "echo $OVN_NB_DB; exit 7")
    assert done.returncode == 7
    assert done.stdout.strip() == f"unix:{paths.northbound_socket(state)}"
    assert nacre(state, "exec", "--", "sh", "-c", "echo $1", "x", "--help").stdout == "--help\n"
    assert nacre(state, "exec").returncode == 2
    assert nacre(state, "exec", "no-such-program").returncode == 127


def test_up_without_the_means_says_what_is_missing_and_keeps_no_choice(state: Path):
    deep = state / ("x" * 100)
    done = nacre(deep, "up", "--hosts", "fake:1")
    assert done.returncode == 1
    assert "NACRE_STATE" in done.stderr
    assert not paths.settings_file(deep).exists()


def test_up_refuses_hosts_that_cannot_be_meant(state: Path):
    done = nacre(state, "up", "--hosts", "fake:many")
    assert done.returncode == 1
    assert "fake:N" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_heard_enough_is_no_fault(state: Path, cloud: Settings, unbuffered: str):
    read_end, write_end = os.pipe()
    os.close(read_end)

    done = subprocess.run(
        [sys.executable, "-m", "nacre.cli.main", "doctor"],
        env={**os.environ, "NACRE_STATE": str(state), "PYTHONUNBUFFERED": unbuffered},
        stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(write_end)

    assert (done.returncode, done.stderr) == (1, "")


def test_every_command_tells_what_it_is_for():
    waiting = [parser()]
    while waiting:
        known = waiting.pop()
        beneath = known._subparsers._group_actions[0].choices if known._subparsers else {}
        assert known.description or beneath, known.prog
        assert beneath or callable(known.get_default("command")), known.prog
        waiting += beneath.values()


@pytest.mark.slow
def test_status_costs_next_to_nothing(state: Path, cloud: Settings):
    """Measured in seconds of CPU, as the wall clock would measure whatever else the machine does."""
    costs = []
    for _ in range(5):
        before = os.times()
        nacre(state, "status")
        after = os.times()
        costs.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert min(costs) < 0.15
