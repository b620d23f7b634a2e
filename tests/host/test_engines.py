"""The real engines, in a network namespace of their own, under the real supervisor."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.host import choices, doctor, down, guests, ledger, namespaces, paths, processes
from nacre.host.engines import datapath
from nacre.host.ledger import Phase, Record
from nacre.kernel.config import Settings

from .conftest import eventually

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(os.geteuid() != 0, reason="engines need root"),
]

GUEST = """\
<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
<devices><interface type='bridge'><source bridge='br-int'/><virtualport type='openvswitch'>
<parameters interfaceid='{uuid}'/></virtualport><target dev='tap{uuid:.11}'/><model type='virtio'/></interface>
<memballoon model='none'/></devices></domain>
"""


class Engines:
    """The engines of one cloud, and who watches them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.state = settings.state_dir
        self.supervisor: subprocess.Popen | None = None

    def start(self) -> None:
        script = Path(__file__).with_name("supervise_engines.py")
        environment = {**os.environ, "NACRE_STATE": str(self.state)}
        self.supervisor = subprocess.Popen([sys.executable, str(script)], env=environment)

    def wait_until_ready(self) -> dict[str, Record]:
        def all_ready() -> dict[str, Record] | None:
            known = ledger.read(paths.ledger(self.state))
            if known is None or self.supervisor is None or known.supervisor.pid != self.supervisor.pid:
                return None
            well = all(
                record.phase is Phase.READY and (record.runs or not record.lasts)
                for record in known.parts.values()
            )
            return dict(known.parts) if well else None

        return eventually(all_ready, timeout_s=30.0)

    def kill_supervisor(self) -> None:
        self.supervisor.kill()
        self.supervisor.wait()
        self.supervisor = None

    def down(self) -> None:
        down.down(self.settings, lambda _line: None)
        if self.supervisor is not None:
            self.supervisor.wait(timeout=5)
            self.supervisor = None

    def run(self, *command: str) -> str:
        """The output of a command where the engines live."""
        words = [sys.executable, "-m", "nacre.cli.main", "exec", *command]
        environment = {**os.environ, "NACRE_STATE": str(self.state)}
        done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout

    def links(self) -> set[str]:
        return set(self.run("ls", "/sys/class/net").split())

    def holders(self) -> list[processes.Identity]:
        """Every daemon that lives, by the pid files they hold."""
        found = map(processes.lock_holder, (self.state / "run").glob("*/*.pid"))
        return [holder for holder in found if holder]

    def start_guest(self, name: str) -> processes.Identity:
        uuid = f"{abs(hash(name)) % 16**8:08x}-0000-4000-8000-000000000001"
        definition = self.state / f"{name}.xml"
        definition.write_text(GUEST.format(name=name, uuid=uuid))
        self.run("virsh", "--quiet", "define", str(definition))
        self.run("virsh", "--quiet", "start", "--paused", name)
        pid_file = paths.libvirt_run_dir(self.state) / "qemu" / f"{name}.pid"
        return processes.identity_of(int(pid_file.read_text()))


@pytest.fixture(scope="module")
def known_capabilities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What libvirt has learnt of QEMU in an earlier test, which takes it seconds."""
    return tmp_path_factory.mktemp("capabilities")


@pytest.fixture
def engines(state: Path, known_capabilities: Path) -> Iterator[Engines]:
    netns = state.name
    cache = paths.libvirt_dir(state) / "cache"
    shutil.copytree(known_capabilities, cache)
    environment = {"NACRE_STATE": str(state), "NACRE_NETNS": netns}
    choices.keep(choices.choose(environment, hosts="local", database=""))
    engines = Engines(choices.load(environment))
    yield engines
    engines.down()
    shutil.copytree(cache, known_capabilities, dirs_exist_ok=True)
    assert engines.holders() == []
    assert guests.started_by_libvirt(state) == []
    assert not namespaces.exists(netns)


def machine_links() -> set[str]:
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def test_engines_come_up_in_their_namespace_and_go_without_a_trace(engines: Engines):
    before = machine_links()
    engines.start()
    engines.wait_until_ready()

    assert {"lo", "br-int", "br-ex"} <= engines.links()
    assert "172.24.4.1/24" in engines.run("ip", "-brief", "address", "show", "br-ex")
    assert engines.run("ovs-vsctl", "get", "bridge", "br-int", "fail_mode").strip() == "secure"
    assert engines.run("ovn-sbctl", "--bare", "--columns=name", "list", "chassis").strip()
    engines.run("ovn-nbctl", "--wait=hv", "--timeout=10", "ls-add", "net0")
    assert engines.run("virsh", "list", "--all", "--name").strip() == ""
    assert machine_links() == before
    assert [found for found in doctor.examine(engines.settings) if found.subject == "supervisor"] == []

    engines.down()

    assert engines.holders() == []
    assert not namespaces.exists(engines.settings.netns)
    assert machine_links() == before


def test_networks_outlive_down_and_the_host_leaves_ovn_meanwhile(engines: Engines):
    engines.start()
    engines.wait_until_ready()
    engines.run("ovn-nbctl", "--timeout=10", "ls-add", "kept")
    engines.down()

    engines.start()
    engines.wait_until_ready()

    assert "kept" in engines.run("ovn-nbctl", "ls-list")
    chassis = engines.run("ovn-sbctl", "--bare", "--columns=name", "list", "chassis").split()
    assert chassis == [paths.local_host_id()]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_every_engine_that_is_killed_comes_back(engines: Engines, by: signal.Signals):
    engines.start()
    before = engines.wait_until_ready()
    for name, record in before.items():
        if record.lasts:
            os.kill(record.pid, by)
            eventually(lambda name=name, old=record: changed(engines, name, old), timeout_s=5.0)
    engines.wait_until_ready()
    engines.run("ovn-nbctl", "--wait=hv", "--timeout=20", "ls-add", "after")
    assert "172.24.4.1/24" in engines.run("ip", "-brief", "address", "show", "br-ex")


def changed(engines: Engines, name: str, old: Record) -> bool:
    now = ledger.read(paths.ledger(engines.state)).parts[name]
    return now.phase is Phase.READY and now.identity != old.identity


@pytest.mark.parametrize("by", [signal.SIGABRT, signal.SIGKILL])
def test_a_new_switch_worker_runs_at_once(engines: Engines, by: signal.Signals):
    engines.start()
    engines.wait_until_ready()
    pid_file = paths.ovs_run_dir(engines.state) / "vswitchd.pid"
    worker = processes.lock_holder(pid_file)

    os.kill(worker.pid, by)

    eventually(lambda: (now := processes.lock_holder(pid_file)) and now != worker, timeout_s=3.0)
    engines.wait_until_ready()
    kind = f"datapath_type={datapath()}"
    engines.run("ovs-vsctl", "--timeout=5", "add-br", "br-new", "--", "set", "bridge", "br-new", kind)
    assert "br-new" in engines.links()


def test_a_switch_that_lost_its_monitor_runs_on_and_is_still_watched(engines: Engines):
    engines.start()
    monitor = engines.wait_until_ready()["vswitchd"]
    pid_file = paths.ovs_run_dir(engines.state) / "vswitchd.pid"
    worker = processes.lock_holder(pid_file)

    os.kill(monitor.pid, signal.SIGKILL)
    eventually(lambda: engines.wait_until_ready()["vswitchd"].identity == worker)
    os.kill(worker.pid, signal.SIGKILL)

    eventually(lambda: (now := processes.lock_holder(pid_file)) and now != worker, timeout_s=3.0)
    engines.wait_until_ready()


def test_engines_run_on_without_a_supervisor_and_the_next_takes_them_over(engines: Engines):
    engines.start()
    before = engines.wait_until_ready()
    engines.kill_supervisor()
    engines.run("ovn-nbctl", "--wait=hv", "--timeout=10", "ls-add", "meanwhile")

    engines.start()
    after = engines.wait_until_ready()

    assert {name: record.identity for name, record in after.items() if record.lasts} == {
        name: record.identity for name, record in before.items() if record.lasts
    }


def test_down_cleans_up_after_everything_was_killed(engines: Engines):
    engines.start()
    parts = engines.wait_until_ready()
    guest = engines.start_guest("left-over")
    engines.kill_supervisor()
    for holder in engines.holders():
        processes.end(holder, grace_s=0.0, by=signal.SIGKILL)
    assert not any(record.runs for record in parts.values() if record.lasts)
    assert processes.is_running(guest)

    engines.down()

    assert not processes.is_running(guest)
    assert not namespaces.exists(engines.settings.netns)


def test_down_ends_guests_and_keeps_what_they_are(engines: Engines):
    engines.start()
    engines.wait_until_ready()
    guest = engines.start_guest("kept")
    assert any(link.startswith("tap") for link in engines.links())
    in_groups = Path(f"/proc/{guest.pid}/cgroup").read_text()
    assert "qemu" in in_groups, "control groups reach guests in a namespace too"

    engines.down()
    assert not processes.is_running(guest)
    engines.start()
    engines.wait_until_ready()

    assert engines.run("virsh", "list", "--all", "--name").split() == ["kept"]
    assert engines.run("virsh", "list", "--name").split() == []


def test_a_killed_libvirtd_knows_its_guests_again(engines: Engines):
    engines.start()
    parts = engines.wait_until_ready()
    guest = engines.start_guest("alive")

    os.kill(parts["libvirtd"].pid, signal.SIGKILL)

    eventually(lambda: changed(engines, "libvirtd", parts["libvirtd"]), timeout_s=5.0)
    assert engines.run("virsh", "list", "--name").split() == ["alive"]
    assert processes.is_running(guest)


def test_a_question_to_qemu_does_not_outlive_the_libvirtd_that_asked(engines: Engines):
    shutil.rmtree(paths.libvirt_dir(engines.state) / "cache")
    engines.start()
    asking = eventually(lambda: questions(engines), timeout_s=30.0)
    libvirtd = ledger.read(paths.ledger(engines.state)).parts["libvirtd"]

    os.kill(libvirtd.pid, signal.SIGKILL)

    eventually(lambda: not set(asking) & set(questions(engines)))
    engines.wait_until_ready()
    assert questions(engines) == []


def questions(engines: Engines) -> list[processes.Identity]:
    """The QEMU processes by which libvirt learns what QEMU can do."""
    return [
        found
        for found in guests.started_by_libvirt(engines.state)
        if b"/qemu/qmp-" in Path(f"/proc/{found.pid}/cmdline").read_bytes()
    ]


def test_two_clouds_stand_side_by_side(engines: Engines):
    other_state = Path(tempfile.mkdtemp(prefix="nh-", dir="/tmp"))
    environment = {"NACRE_STATE": str(other_state), "NACRE_NETNS": other_state.name}
    choices.keep(choices.choose(environment, hosts="local", database=""))
    other = Engines(choices.load(environment))
    try:
        engines.start()
        other.start()
        engines.wait_until_ready()
        other.wait_until_ready()
        engines.run("ovn-nbctl", "--wait=hv", "--timeout=10", "ls-add", "one")
        other.run("ovn-nbctl", "--wait=hv", "--timeout=10", "ls-add", "two")
        assert "two" not in engines.run("ovn-nbctl", "ls-list")
        other.down()
        engines.run("ovn-nbctl", "--wait=hv", "--timeout=10", "ls-add", "three")
    finally:
        other.down()
        shutil.rmtree(other_state)


def test_whatever_is_killed_at_any_moment_the_engines_come_up(engines: Engines):
    moments = random.Random(11)
    for _ in range(8):
        engines.start()
        time.sleep(moments.uniform(0.05, 0.8))  # Any moment will do: none may matter.
        engines.kill_supervisor()
        for holder in engines.holders():
            if moments.random() < 0.3:
                processes.end(holder, grace_s=0.0, by=signal.SIGKILL)

    engines.start()
    engines.wait_until_ready()

    engines.run("ovn-nbctl", "--wait=hv", "--timeout=10", "ls-add", "after")
    assert engines.run("virsh", "list", "--name").strip() == ""
    assert "172.24.4.1/24" in engines.run("ip", "-brief", "address", "show", "br-ex")
    assert len(engines.holders()) == sum(record.lasts for record in engines.wait_until_ready().values())
