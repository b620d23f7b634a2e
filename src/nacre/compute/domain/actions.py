"""What may be asked of a server, and when."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from nacre.compute.domain.servers import Server
from nacre.compute.errors import NotInThisState


class Action(StrEnum):
    """What an owner asks of a server that exists, by the names of the event log."""

    START = "start"
    STOP = "stop"
    REBOOT_SOFT = "reboot-soft"
    REBOOT_HARD = "reboot-hard"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    SUSPEND = "suspend"
    RESUME = "resume"
    REBUILD = "rebuild"
    RESIZE = "resize"
    CONFIRM_RESIZE = "confirmResize"
    REVERT_RESIZE = "revertResize"
    ATTACH_INTERFACE = "attach_interface"
    DETACH_INTERFACE = "detach_interface"
    ADD_FIXED_IP = "add_fixed_ip"
    REMOVE_FIXED_IP = "remove_fixed_ip"


ALLOWED: Mapping[Action, frozenset[str]] = {
    Action.START: frozenset({"stopped"}),
    Action.STOP: frozenset({"active", "error"}),
    Action.REBOOT_SOFT: frozenset({"active"}),
    Action.REBOOT_HARD: frozenset({"active", "stopped", "paused", "suspended", "error"}),
    Action.PAUSE: frozenset({"active"}),
    Action.UNPAUSE: frozenset({"paused"}),
    Action.SUSPEND: frozenset({"active"}),
    Action.RESUME: frozenset({"suspended"}),
    Action.REBUILD: frozenset({"active", "stopped", "paused", "suspended", "error"}),
    Action.RESIZE: frozenset({"active", "stopped"}),
    Action.CONFIRM_RESIZE: frozenset({"resized"}),
    Action.REVERT_RESIZE: frozenset({"resized", "error"}),
    **dict.fromkeys(
        (
            Action.ATTACH_INTERFACE,
            Action.DETACH_INTERFACE,
            Action.ADD_FIXED_IP,
            Action.REMOVE_FIXED_IP,
        ),
        frozenset({"active", "paused", "stopped"}),
    ),
}
"""The vm_state in which each may be asked. While a task is under way nothing may, but for a harder reboot."""

_DURING = {
    Action.REBOOT_HARD: frozenset(
        {
            "reboot_started", "reboot_started_hard", "powering-off", "powering-on", "unpausing", "suspending",
            "resuming",
        }
    )
}  # fmt: skip


def check_allowed(server: Server, action: Action) -> None:
    """Raises NotInThisState."""
    if server.vm_state not in ALLOWED[action]:
        raise NotInThisState(server.server_id, action.partition("-")[0], "vm_state", server.vm_state)
    task = server.task_state
    if task is not None and task not in _DURING.get(action, frozenset()):
        raise NotInThisState(server.server_id, action.partition("-")[0], "task_state", task)
