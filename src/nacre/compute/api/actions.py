"""What is asked of servers that exist: `POST /servers/{id}/action` with one key, which names the action."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from nacre.compute.api import servers as servers_api
from nacre.compute.api.common import Count, Parts, count, load_server, lock_server
from nacre.compute.api.links import reference
from nacre.compute.domain.actions import Action, check_allowed
from nacre.compute.domain.guests import Power, Reboot
from nacre.compute.domain.servers import Server, changes
from nacre.compute.errors import FlavorNotFound, HostSilent, LeftOut, NotYetPlaced, ServerLocked
from nacre.compute.policy import SERVER_IGNORE_LOCK
from nacre.compute.store import flavors, servers
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body, convert
from nacre.kernel.http.call import Accepted, Answer, Call, Ok
from nacre.kernel.http.versions import since

ANSWER_WITHIN_S = 10.0

Shape = TypeVar("Shape", bound=msgspec.Struct)


class RebootAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reboot."""

    type: Literal["SOFT", "HARD", "soft", "hard", "Soft", "Hard"]


class ConsoleAsk(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the console's end is wanted; all that is kept without a length, or with a negative one."""

    length: Count | None = None


class LockAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a server is locked."""

    locked_reason: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None


class ActionAsk(msgspec.Struct, frozen=True, kw_only=True):
    """One action: its name as the only key."""

    action: dict[str, Any]

    @property
    def name(self) -> str:
        return next(iter(self.action))

    @property
    def argument(self) -> Any:
        return self.action[self.name]


BODY = Body(ActionAsk, rest="action")

_LEFT_OUT = frozenset(
    {
        "addFixedIp", "addFloatingIp", "addSecurityGroup", "changePassword", "confirmResize", "createBackup",
        "createImage", "evacuate", "injectNetworkInfo", "migrate", "os-getRDPConsole",
        "os-getSerialConsole", "os-getSPICEConsole", "os-getVNCConsole", "os-migrateLive", "os-resetState",
        "os-resetNetwork", "rebuild", "removeFixedIp", "removeFloatingIp", "removeSecurityGroup",
        "rescue", "resetNetwork", "resize", "restore", "revertResize", "shelve", "shelveOffload",
        "trigger_crash_dump", "unrescue", "unshelve",
    }
)  # fmt: skip
"""Actions of the API that this cloud answers with 501."""


async def act(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    """Perform one action. Errors: ServerNotFound, ServerLocked, NotInThisState, LeftOut, Bad."""
    if len(ask.action) != 1:
        raise Bad("There must be exactly one action in the request body.")
    if ask.name == "os-getConsoleOutput":
        return await console_output(call, _argument(ask, ConsoleAsk), server_id)
    handler = _HANDLERS.get(ask.name)
    if handler is not None:
        return await call.in_thread(handler, call, ask, server_id)
    if ask.name in _LEFT_OUT:
        return await call.in_thread(_left_out, call, ask, server_id)
    raise Bad(f"There is no such action: {ask.name[:80]}")


def _argument(ask: ActionAsk, shape: type[Shape]) -> Shape:
    return convert({} if ask.argument is None else ask.argument, shape, where=ask.name)


def _left_out(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    """Say so by name; but first what would be wrong with the request anywhere."""
    with call.database.read() as db:
        load_server(call, db, server_id)
        if ask.name == "resize":
            _check_resize(call, db, ask)
    raise LeftOut(ask.name)


def _check_resize(call: Call[Parts], db: Reader, ask: ActionAsk) -> None:
    wanted = ask.argument.get("flavorRef") if isinstance(ask.argument, dict) else None
    if not isinstance(wanted, str | int) or not str(wanted):
        raise Bad("a flavor is needed.", where="resize.flavorRef")
    try:
        flavors.load(db, reference(wanted), project_id=call.project_id)
    except FlavorNotFound as problem:
        raise Bad(str(problem)) from problem


# -- power ---------------------------------------------------------------------------------------------------


_POWERS = {
    "os-start": (Action.START, Power.ON),
    "os-stop": (Action.STOP, Power.OFF),
    "pause": (Action.PAUSE, Power.PAUSED),
    "unpause": (Action.UNPAUSE, Power.ON),
    "suspend": (Action.SUSPEND, Power.SUSPENDED),
    "resume": (Action.RESUME, Power.ON),
}


def _set_power(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    action, power = _POWERS[ask.name]
    return _wish(call, server_id, action, lambda _server: {"power": str(power)})


def _reboot(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    how = _argument(ask, RebootAsk)
    hard = how.type.upper() == "HARD"

    def wish(server: Server) -> dict[str, Any]:
        reboot = Reboot.HARD if hard else Reboot.SOFT
        return {"power": str(Power.ON), "boots": server.boots + 1, "reboot": str(reboot)}

    return _wish(call, server_id, Action.REBOOT_HARD if hard else Action.REBOOT_SOFT, wish)


def _wish(
    call: Call[Parts], server_id: str, action: Action, wish: Callable[[Server], Mapping[str, Any]]
) -> Answer:
    """Write what is wanted now; the host hears of it at once, and the status says what is under way."""
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        check_allowed(server, action)
        before, after = changes(server, wish(server))
        servers.change(tx, server, after, tell_host=True)
        _record(tx, server, action.partition("-")[0], before, after)
    return Accepted()


# -- locks ---------------------------------------------------------------------------------------------------


def _lock(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    why = _argument(ask, LockAsk) if call.version in since("2.73") else LockAsk()
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id, despite_lock=True)
        is_owner = server.project_id == call.project_id
        new = {"locked_by": "owner" if is_owner else "admin", "locked_reason": why.locked_reason}
        before, after = changes(server, new)
        if after:
            servers.change(tx, server, after, tell_host=False)
            _record(tx, server, "lock", before, after)
    return Accepted()


def _unlock(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id, despite_lock=True)
        if server.locked_by == "admin" and not SERVER_IGNORE_LOCK.allows(call.caller, {}):
            raise ServerLocked(server_id)
        before, after = changes(server, {"locked_by": None, "locked_reason": None})
        if after:
            servers.change(tx, server, after, tell_host=False)
            _record(tx, server, "unlock", before, after)
    return Accepted()


def _force_delete(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    with call.database.write(call.actor) as tx:
        servers_api.remove(call, tx, server_id)
    return Accepted()


def _record(tx: Tx, server: Server, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    tx.record(
        Event(action=action, kind="server", subject=server.server_id, before=before, after=after,
              project_id=server.project_id)
    )  # fmt: skip


_HANDLERS: Mapping[str, Callable[[Call[Parts], ActionAsk, str], Answer]] = {
    **dict.fromkeys(_POWERS, _set_power),
    "reboot": _reboot,
    "lock": _lock,
    "unlock": _unlock,
    "forceDelete": _force_delete,
}


# -- the console ---------------------------------------------------------------------------------------------


async def console_output(call: Call[Parts], ask: ConsoleAsk, server_id: str) -> Answer:
    """The end of what the guest wrote to its console, as its host reads it now.

    No thread waits for the host. Errors: ServerNotFound, NotYetPlaced, HostSilent, TooManyQuestions.
    """
    lines = 0 if ask.length is None else count(ask.length, where="os-getConsoleOutput.length", least=-1)
    server = await call.in_thread(_find_server, call, server_id)
    if server.host_id is None:
        raise NotYetPlaced(server_id)
    if lines == 0 and ask.length is not None:
        return Ok({"output": ""})
    with call.parts.questions.asking(server.host_id, server.server_id, lines=max(0, lines)) as answer:
        try:
            data = await asyncio.wait_for(answer, ANSWER_WITHIN_S)
        except TimeoutError as error:
            raise HostSilent(server.host_id) from error
    return Ok({"output": data.decode("utf-8", "replace").replace("\0", "")})


def _find_server(call: Call[Parts], server_id: str) -> Server:
    with call.database.read() as db:
        return load_server(call, db, server_id)
