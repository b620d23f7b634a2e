"""`nacre supervise`: the one process that keeps the parts of a cloud running. Imports little, as it stays."""

from __future__ import annotations

from pathlib import Path

from nacre.host import ledger, locks, namespaces, paths, plan, processes
from nacre.host.errors import AlreadySupervised
from nacre.host.supervisor import Supervisor
from nacre.kernel.config import Settings


def supervise(settings: Settings) -> None:
    """Be the supervisor of this cloud until SIGTERM. Nothing ends with it. Raises AlreadySupervised."""
    state = settings.state_dir
    lock = locks.try_lock(paths.supervisor_lock(state))
    if lock is None:
        raise AlreadySupervised(state)
    make_directories(state)
    switch = processes.lock_holder(paths.ovs_run_dir(state) / "ovsdb.pid")
    if ledger.read(paths.ledger(state)) is None and switch is None:
        # Nothing was started since the machine was: the switch's ports of before lead nowhere.
        (paths.ovs_dir(state) / "conf.db").unlink(missing_ok=True)
    if settings.netns:
        if not namespaces.exists(settings.netns):
            paths.made_namespace(state).write_text(settings.netns)
        namespaces.ensure(settings.netns)
    watched = plan.parts_of(settings)
    Supervisor(watched, ledger_file=paths.ledger(state), log_dir=paths.log_dir(state)).run()


def make_directories(state: Path) -> None:
    """Only root, or the user whose cloud it is, may look into it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in (paths.run_dir(state), paths.log_dir(state)):
        directory.mkdir(mode=0o700, exist_ok=True)
