"""`nacre down` and `nacre purge`: end what was started here, and nothing else, in whatever state it is."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from nacre.host import (
    clouds_yaml,
    engines,
    guests,
    ledger,
    locks,
    namespaces,
    paths,
    processes,
    systemd,
    tools,
)
from nacre.host.clouds_yaml import CannotMerge
from nacre.host.processes import Identity
from nacre.kernel.config import Settings

_OTHER_COMMAND_S = 600.0
_SUPERVISOR_S = 10.0
_CONTROL_PLANE_S = 15.0
_ENGINE_S = 5.0

Say = Callable[[str], None]


def down(settings: Settings, say: Say, *, by_unit: bool = False) -> None:
    """Stop everything and keep all data. Nothing is left running, and no interface of ours is left.

    `by_unit` says that systemd asks, which must not be asked to ask again.
    """
    if not by_unit:
        systemd.stop(settings)
    with locks.locked(paths.front_door_lock(settings.state_dir), timeout_s=_OTHER_COMMAND_S):
        _stop(settings, say)


def purge(settings: Settings, say: Say) -> None:
    """Stop everything, and remove the state directory and our entries in the user's clouds.yaml."""
    state = settings.state_dir
    systemd.stop(settings)
    with locks.locked(paths.front_door_lock(state), timeout_s=_OTHER_COMMAND_S):
        _stop(settings, say)
        try:
            clouds_yaml.withdraw(clouds_yaml.user_file(), clouds_yaml.load(paths.clouds_file(state)))
        except (CannotMerge, OSError) as problem:
            say(str(problem))
        systemd.remove(settings)
        shutil.rmtree(state)
    say(f"removed {state}")
    if settings.database.url:
        say("the database is left as it is: it was not made here")


def _stop(settings: Settings, say: Say) -> None:
    """The control plane first, so that it takes nothing for a failure; then guests; what carries them last."""
    state = settings.state_dir
    supervisor_lock = _stop_supervisor(settings)
    running = _running_parts(state)
    _end_parts(running, ("agent",), grace_s=_CONTROL_PLANE_S)
    # The control plane may finish what its clients wait for while the guests power off.
    for identity in running.get("serve", ()):
        processes.ask_to_end(identity)
    if settings.hosts == "local":
        guests.power_off_all(state)
        say("guests are off")
    _end_parts(running, ("serve",), grace_s=_CONTROL_PLANE_S)
    say("the control plane is stopped")
    if settings.hosts == "local":
        _end_parts(running, ("libvirtd", "virtlogd"), grace_s=_ENGINE_S)
        guests.end_all(state)
        _take_down_networks(settings, running)
        say("engines are stopped")
    _end_parts(running, tuple(running), grace_s=_ENGINE_S)
    if paths.made_namespace(state).exists():
        namespaces.remove(settings.netns)
        paths.made_namespace(state).unlink()
    paths.ledger(state).unlink(missing_ok=True)
    os.close(supervisor_lock)


def _stop_supervisor(settings: Settings) -> int:
    """The supervisor's lock, once no supervisor holds it any more."""
    state = settings.state_dir
    lock = locks.try_lock(paths.supervisor_lock(state))
    while lock is None:
        known = ledger.read(paths.ledger(state))
        if known:
            processes.end(known.supervisor, grace_s=_SUPERVISOR_S)
        time.sleep(0.02)
        lock = locks.try_lock(paths.supervisor_lock(state))
    return lock


def _running_parts(state: Path) -> dict[str, list[Identity]]:
    """The processes of each part: the one recorded, and the one that holds the part's pid file.

    They differ for vswitchd, whose monitor is recorded and whose worker holds the file.
    """
    known = ledger.read(paths.ledger(state))
    found = (
        {name: [record.identity] for name, record in known.parts.items() if record.identity} if known else {}
    )
    for directory in (paths.ovs_run_dir(state), paths.ovn_run_dir(state), paths.libvirt_run_dir(state)):
        for pid_file in sorted(directory.glob("*.pid")):
            holder = processes.lock_holder(pid_file)
            if holder and holder not in found.setdefault(pid_file.stem, []):
                found[pid_file.stem].append(holder)
    return found


def _end_parts(running: Mapping[str, list[Identity]], names: Iterable[str], *, grace_s: float) -> None:
    for name in names:
        for identity in running.get(name, ()):
            processes.end(identity, grace_s=grace_s)


def _take_down_networks(settings: Settings, running: Mapping[str, list[Identity]]) -> None:
    """Remove every interface while the switch still lives to do it, and by hand what it has left."""
    state = settings.state_dir
    ports = _ports(settings) if _answers(running, "ovsdb") else []
    for identity in running.get("ovn-controller", ()):
        # `exit` takes this host out of the southbound database; a signal would leave it there.
        _appctl(state, paths.ovn_run_dir(state) / f"ovn-controller.{identity.pid}.ctl", "exit")
        processes.wait_for_end(identity, timeout_s=_ENGINE_S)
    _end_parts(running, ("ovn-controller", "northd", "sb", "nb"), grace_s=_ENGINE_S)
    bridges = (engines.INTEGRATION_BRIDGE, settings.local.external_bridge)
    if _answers(running, "ovsdb"):
        wait = () if _answers(running, "vswitchd") else ("--no-wait",)
        words = [word for bridge in bridges for word in ("--", "--if-exists", "del-br", bridge)]
        _tool(state, "ovs-vsctl", "--timeout=10", *wait, *words)
    for identity in running.get("vswitchd", ()):
        if _appctl(state, paths.ovs_run_dir(state) / "vswitchd.ctl", "exit", "--cleanup"):
            processes.wait_for_end(identity, timeout_s=_ENGINE_S)
    _end_parts(running, ("vswitchd", "ovsdb"), grace_s=_ENGINE_S)
    for name in namespaces.named(paths.namespace_prefix(state)):
        namespaces.end_processes(name)
        namespaces.remove(name)
    if ports or paths.ovs_dir(state).exists():
        _remove_links(settings.netns, [*ports, *bridges, "ovs-netdev"])
    (paths.ovs_dir(state) / "conf.db").unlink(missing_ok=True)


def _answers(running: Mapping[str, list[Identity]], name: str) -> bool:
    return any(processes.is_running(identity) for identity in running.get(name, ()))


def _ports(settings: Settings) -> list[str]:
    listed = _tool(
        settings.state_dir, "ovs-vsctl", "--timeout=10", "--bare", "--columns=name", "list", "port"
    )
    return (listed or "").split()


def _remove_links(netns: str, names: Iterable[str]) -> None:
    known = tools.try_to_run(*namespaces.inside(netns, ["ls", "/sys/class/net"])) or ""
    for name in names:
        if name in known.split():
            tools.try_to_run(*namespaces.inside(netns, ["ip", "link", "delete", name]))


def _appctl(state: Path, control: Path, *words: str) -> bool:
    """Whether a daemon took the command; False when it is gone."""
    return control.exists() and _tool(state, "ovs-appctl", "-t", str(control), *words) is not None


def _tool(state: Path, *command: str) -> str | None:
    """What a tool prints; None when it fails, as what it speaks to may be gone."""
    return tools.try_to_run(*command, environment={**os.environ, **engines.environment(state)})
