"""The host's Open vSwitch, watched through one long connection to its database.

ovn-controller marks an interface `ovn-installed` when the flows of its port are in the switch; that is when a
guest may use it. Reconnecting, and taking in what was missed, is the IDL's own work.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec
import ovs.db.idl
import ovs.poller

from nacre.agent.drivers.base import EngineAway
from nacre.agent.drivers.files import run_command
from nacre.kernel.ids import PortId, ServerId

log = logging.getLogger("nacre.agent")

VSCTL_LIMIT_S = 10
WAKE_S = 60.0
RECONNECT_MS = (100, 1000)
RETRY_S = 1.0

_TEXT = {"type": "string"}
_TEXT_MAP = {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}

# The part of the switch's schema that is looked at: the rest, such as counters, is never sent to us.
# Source: ovs-vswitchd.conf.db(5)
_SCHEMA = {
    "name": "Open_vSwitch",
    "version": "8.0.0",
    "tables": {
        "Bridge": {"columns": {"name": _TEXT, "datapath_type": _TEXT}},
        "Interface": {"columns": {"name": _TEXT, "external_ids": _TEXT_MAP}},
    },
}


class _Interface(msgspec.Struct, frozen=True):
    """What is seen of one interface of the switch."""

    name: str
    port_id: PortId | None
    guest_id: ServerId | None
    ready: bool


class OvsSwitch:
    """A SwitchDriver on the local switch. `start` it before use."""

    def __init__(self, remote: str, *, bridge: str) -> None:
        """`remote` is an OVSDB connection method, such as `unix:/path/db.sock`."""
        self._remote = remote
        self._bridge = bridge
        self._changed: list[Callable[[Collection[PortId]], None]] = []
        self._interfaces: tuple[_Interface, ...] = ()
        self._ready: frozenset[PortId] = frozenset()
        self._datapath_type: str | None = None
        self._connected = threading.Event()
        self._suspects: set[str] = set()
        self._stopping = False
        self._wake_out, self._wake_in = os.pipe()
        self._thread = threading.Thread(target=self._run, name="switch", daemon=True)

    # -- SwitchDriver ----------------------------------------------------------------------------------

    def ready_among(self, ports: Collection[PortId]) -> frozenset[PortId]:
        return self._ready.intersection(ports)

    def remove_strays(self, alive: Collection[ServerId]) -> None:
        """A stray is an interface that libvirt plugged for a guest not `alive`, whose device is gone.

        The device of a running guest is there, whoever made the guest, so that a foreign guest keeps its
        interface; and it must have been a stray the last time, so that one just being plugged is left alone.
        Only the kernel is asked for the device: a userspace switch that has once opened it never misses it.
        """
        strays = {
            each.name
            for each in self._interfaces
            if each.guest_id is not None and each.guest_id not in alive and not _has_device(each.name)
        }
        for name in sorted(strays & self._suspects):
            log.warning("interface %s of a guest that is gone is taken from the switch", name)
            self.vsctl("--if-exists", "del-port", self._bridge, name)
        self._suspects = strays

    def watch(self, changed: Callable[[Collection[PortId]], None]) -> None:
        self._changed.append(changed)

    def complaint(self) -> str:
        return "" if self._connected.is_set() else "the switch's database does not answer"

    # -- for the other drivers -------------------------------------------------------------------------

    def is_userspace(self) -> bool:
        """Whether packets are switched by a process and not by the kernel. Raises EngineAway while unknown."""
        if self._datapath_type is None:
            raise EngineAway("Open vSwitch", f"bridge {self._bridge} has not been seen")
        return self._datapath_type == "netdev"

    def vsctl(self, *arguments: str) -> str:
        """Change the switch's configuration, and wait until it is so."""
        limit = f"--timeout={VSCTL_LIMIT_S}"
        return run_command(
            "ovs-vsctl", f"--db={self._remote}", limit, *arguments, limit_s=2.0 * VSCTL_LIMIT_S
        )

    def wait_connected(self, limit_s: float) -> bool:
        """Wait until the switch has been seen; whether it has."""
        return self._connected.wait(limit_s)

    # -- its thread ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to watch, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopping = True
        os.write(self._wake_in, b"x")
        self._thread.join(5.0)
        os.close(self._wake_in)
        os.close(self._wake_out)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._look_on()
            except Exception:
                log.exception("the switch could not be watched; its database is read anew")
                self._connected.clear()
                time.sleep(RETRY_S)

    def _look_on(self) -> None:
        helper = ovs.db.idl.SchemaHelper(schema_json=_SCHEMA)
        for table, shape in _SCHEMA["tables"].items():  # type: ignore[attr-defined]
            helper.register_columns(table, list(shape["columns"]))
        idl = ovs.db.idl.Idl(self._remote, helper)
        # A database server that was killed is back at once; by default the IDL would ask up to 8 s later.
        idl._session.reconnect.set_backoff(*RECONNECT_MS)
        seen = idl.change_seqno
        while not self._stopping:
            idl.run()
            if idl.change_seqno != seen:
                seen = idl.change_seqno
                self._take_in(idl)
            self._note_connection(idl)
            poller = ovs.poller.Poller()
            idl.wait(poller)
            poller.fd_wait(self._wake_out, ovs.poller.POLLIN)
            poller.timer_wait(WAKE_S * 1000)
            poller.block()
        idl.close()

    def _note_connection(self, idl: Any) -> None:
        if idl._session.is_connected() and idl.has_ever_connected():
            self._connected.set()
        else:
            self._connected.clear()

    def _take_in(self, idl: Any) -> None:
        self._interfaces = tuple(_interface_of(row) for row in idl.tables["Interface"].rows.values())
        for row in idl.tables["Bridge"].rows.values():
            if row.name == self._bridge:
                self._datapath_type = row.datapath_type
        before = self._ready
        self._ready = frozenset(each.port_id for each in self._interfaces if each.port_id and each.ready)
        if moved := before ^ self._ready:
            for changed in self._changed:
                changed(moved)


def _interface_of(row: Any) -> _Interface:
    ids = row.external_ids
    return _Interface(
        name=row.name,
        port_id=ids.get("iface-id"),
        guest_id=ids.get("vm-id"),
        ready=ids.get("ovn-installed") == "true",
    )


def _has_device(name: str) -> bool:
    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False
