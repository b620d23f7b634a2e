from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from nacre.host import doctor, ledger, paths, processes
from nacre.host.doctor import Verdict
from nacre.host.ledger import Ledger, Phase, Record
from nacre.kernel.config import Settings


def settings_for(state: Path, **more: str) -> Settings:
    return Settings(state=str(state), hosts="fake:1", **{"listen": "127.0.0.1:0", **more})


def findings(settings: Settings, subject: str) -> list[doctor.Finding]:
    return [found for found in doctor.examine(settings) if found.subject == subject]


def test_a_state_directory_too_deep_for_sockets_is_refused_before_anything_starts(tmp_path: Path):
    deep = tmp_path / ("x" * 100)
    reasons = doctor.obstacles(settings_for(deep), running=False)
    assert len(reasons) == 1
    assert "NACRE_STATE" in reasons[0]


def test_the_longest_path_that_fits_is_accepted():
    room = paths.LONGEST_SOCKET_PATH - len(str(paths.longest_socket(Path("/x")))) + 1
    assert paths.fits_sockets(Path("/" + "x" * room))
    assert not paths.fits_sockets(Path("/" + "x" * (room + 1)))


def test_every_socket_is_shorter_than_the_longest(tmp_path: Path):
    every = [
        paths.api_socket(tmp_path),
        paths.ovs_socket(tmp_path),
        paths.northbound_socket(tmp_path),
        paths.southbound_socket(tmp_path),
        paths.libvirt_socket(tmp_path),
        paths.libvirt_run_dir(tmp_path) / "virtlogd-admin-sock",
        paths.ovs_run_dir(tmp_path) / "br-int.snoop",
    ]
    assert max(map(len, map(str, every))) <= len(str(paths.longest_socket(tmp_path)))


def test_a_port_in_use_is_named_with_its_cure(state: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        reasons = doctor.obstacles(settings_for(state, listen=listen), running=False)
    assert len(reasons) == 1
    assert listen in reasons[0]
    assert "NACRE_LISTEN" in reasons[0]


def test_a_port_that_the_running_cloud_itself_has_is_no_obstacle(state: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert doctor.obstacles(settings_for(state, listen=listen), running=True) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="asks what one without root is told")
def test_without_root_real_hosts_are_refused_and_fake_ones_offered(state: Path):
    reasons = doctor.obstacles(Settings(state=str(state)), running=False)
    assert any("--hosts fake:3" in reason for reason in reasons)


def test_missing_programs_are_named_with_their_packages(state: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "PROGRAMS", {"no-such-program": "some-package", "sh": "dash"})
    reasons = doctor.obstacles(Settings(state=str(state), netns="x"), running=True)
    named = [reason for reason in reasons if "no-such-program" in reason]
    assert len(named) == 1
    assert "some-package" in named[0]
    assert "dash" not in named[0]


def write_ledger(state: Path, *records: Record) -> None:
    paths.run_dir(state).mkdir()
    itself = processes.identity_of(os.getpid())
    parts = {record.name: record for record in records}
    ledger.write(paths.ledger(state), Ledger(boot_id=processes.boot_id(), supervisor=itself, parts=parts))


def test_a_part_that_keeps_ending_is_bad_and_shows_its_last_words(state: Path):
    write_ledger(
        state,
        Record(name="agent", phase=Phase.RESTING, lasts=True, restarts=3, last_end="exit status 1, 12:00"),
    )
    paths.log_dir(state).mkdir()
    (paths.log_dir(state) / "agent.log").write_text("starting\nno token\n")
    (found,) = findings(settings_for(state), "agent")
    assert found.verdict is Verdict.BAD
    assert "exit status 1" in found.what
    assert "no token" in found.what


def test_a_part_whose_process_is_gone_is_bad_whatever_the_ledger_says(state: Path):
    write_ledger(state, Record(name="agent", phase=Phase.READY, lasts=True, pid=os.getpid(), started=1))
    (found,) = findings(settings_for(state), "agent")
    assert found.verdict is Verdict.BAD


def test_a_switch_that_aborted_is_told_with_the_reason(state: Path):
    paths.log_dir(state).mkdir()
    line = "2026-01-01T00:00:00Z|00007|util(handler1)|EMER|../lib/conntrack.c:1063: assertion failed"
    (paths.log_dir(state) / "vswitchd.log").write_text(f"fine\n{line}\nfine\n")
    (found,) = findings(settings_for(state), "switch")
    assert line in found.what


def test_everything_bad_has_a_cure(tmp_path: Path):
    deep = Settings(state=str(tmp_path / ("x" * 100)), listen="203.0.113.1:1")
    bad = [found for found in doctor.examine(deep) if found.verdict is Verdict.BAD]
    assert {"sockets", "listen"} <= {found.subject for found in bad}
    assert [found for found in bad if not found.cure] == []
