"""What is asked of servers that exist: `POST /servers/{id}/action` with one key, which names the action."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from nacre.compute.api import rebuilding, resizing
from nacre.compute.api import servers as servers_api
from nacre.compute.api.common import Count, Parts, count, load_server, lock_server, record
from nacre.compute.domain.actions import Action, check_allowed
from nacre.compute.domain.guests import Power, Reboot
from nacre.compute.domain.servers import Server, changes
from nacre.compute.errors import HostSilent, LeftOut, NoSuchAction, NotYetPlaced, ServerLocked
from nacre.compute.policy import SERVER_IGNORE_LOCK
from nacre.compute.store import servers
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body, convert
from nacre.kernel.http.call import Accepted, Answer, Call, Ok
from nacre.kernel.http.versions import since, until
from nacre.kernel.ids import NetworkId

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


class AddFixedIpAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On which network a server gets one more address."""

    network_id: str = msgspec.field(name="networkId")


class RemoveFixedIpAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which address a server loses."""

    address: str


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
        "addFloatingIp", "addSecurityGroup", "changePassword", "createBackup",
        "createImage", "evacuate", "injectNetworkInfo", "migrate", "os-getRDPConsole",
        "os-getSerialConsole", "os-getSPICEConsole", "os-getVNCConsole", "os-migrateLive", "os-resetState",
        "os-resetNetwork", "removeFloatingIp", "removeSecurityGroup",
        "rescue", "resetNetwork", "restore", "shelve", "shelveOffload",
        "trigger_crash_dump", "unrescue", "unshelve",
    }
)  # fmt: skip
"""Actions of the API that this cloud answers with 501."""

_UNTIL = {"addFixedIp": until("2.43"), "removeFixedIp": until("2.43")}


async def act(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    """Perform one action. Errors: ServerNotFound, ServerLocked, NotInThisState, LeftOut, NoSuchAction, Bad."""
    if len(ask.action) != 1:
        raise Bad("There must be exactly one action in the request body.")
    if ask.name in _UNTIL and call.version not in _UNTIL[ask.name]:
        raise NoSuchAction(ask.name)
    if ask.name == "os-getConsoleOutput":
        return await console_output(call, _argument(ask, ConsoleAsk), server_id)
    handler = _HANDLERS.get(ask.name)
    if handler is not None:
        return await call.in_thread(handler, call, ask, server_id)
    if (handler := _ELSEWHERE.get(ask.name)) is not None:
        return await call.in_thread(handler, call, ask.argument, server_id)
    if ask.name in _LEFT_OUT:
        return await call.in_thread(_left_out, call, ask, server_id)
    raise Bad(f"There is no such action: {ask.name[:80]}")


def _argument(ask: ActionAsk, shape: type[Shape]) -> Shape:
    return convert({} if ask.argument is None else ask.argument, shape, where=ask.name)


def _left_out(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    """Say so by name; but first what would be wrong with the request anywhere."""
    with call.database.read() as db:
        load_server(call, db, server_id)
    raise LeftOut(ask.name)


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
        record(tx, server, action.partition("-")[0], before, after)
    return Accepted()


# -- addresses -----------------------------------------------------------------------------------------------


def _add_fixed_ip(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    network_id = NetworkId(_argument(ask, AddFixedIpAsk).network_id)

    def add(tx: Tx, server: Server) -> None:
        call.parts.networks.add_address(tx, server.server_id, network_id)

    return _readdress(call, server_id, Action.ADD_FIXED_IP, add, {"network_id": network_id})


def _remove_fixed_ip(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    address = _argument(ask, RemoveFixedIpAsk).address

    def remove(tx: Tx, server: Server) -> None:
        call.parts.networks.remove_address(tx, server.server_id, address)

    return _readdress(call, server_id, Action.REMOVE_FIXED_IP, remove, {"address": address})


def _readdress(
    call: Call[Parts],
    server_id: str,
    action: Action,
    change: Callable[[Tx, Server], None],
    what: Mapping[str, str],
) -> Answer:
    """The network service tells the host of it, as of every change of a port's addresses."""
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        check_allowed(server, action)
        change(tx, server)
        record(tx, server, action, {}, what)
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
            record(tx, server, "lock", before, after)
    return Accepted()


def _unlock(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id, despite_lock=True)
        if server.locked_by == "admin" and not SERVER_IGNORE_LOCK.allows(call.caller, {}):
            raise ServerLocked(server_id)
        before, after = changes(server, {"locked_by": None, "locked_reason": None})
        if after:
            servers.change(tx, server, after, tell_host=False)
            record(tx, server, "unlock", before, after)
    return Accepted()


def _force_delete(call: Call[Parts], ask: ActionAsk, server_id: str) -> Answer:
    with call.database.write(call.actor) as tx:
        servers_api.remove(call, tx, server_id)
    return Accepted()


_HANDLERS: Mapping[str, Callable[[Call[Parts], ActionAsk, str], Answer]] = {
    **dict.fromkeys(_POWERS, _set_power),
    "reboot": _reboot,
    "addFixedIp": _add_fixed_ip,
    "removeFixedIp": _remove_fixed_ip,
    "lock": _lock,
    "unlock": _unlock,
    "forceDelete": _force_delete,
}


_ELSEWHERE: Mapping[str, Callable[[Call[Parts], Any, str], Answer]] = {
    "rebuild": rebuilding.rebuild,
    "resize": resizing.resize,
    "confirmResize": resizing.confirm,
    "revertResize": resizing.revert,
}
"""Actions with a module of their own."""


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
