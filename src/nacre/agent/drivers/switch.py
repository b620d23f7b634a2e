"""The host's Open vSwitch, watched through one long connection to its database.

ovn-controller marks an interface with `ovn-installed-ts` when the flows of its port are in the switch; that is when a
guest may use it. Of its other mark, `ovn-installed`, nothing is made: it takes that away as well when a subport leaves
the port's trunk, although the flows stay, and never gives it back (OVN 23.03). Reconnecting, and taking in what was
missed, is the IDL's own work.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
import ovs.db.idl
import ovs.poller

from nacre.agent.domain.chassis import BridgeSeen, ChassisSeen, Tunnel
from nacre.agent.domain.frames import gratuitous_arp
from nacre.agent.drivers.base import EngineAway
from nacre.agent.drivers.files import run_command
from nacre.agent.drivers.packets import OWN_PORT, PacketLimits
from nacre.compute.domain.guests import GuestNic, OutsideAddress
from nacre.kernel.errors import Problem
from nacre.kernel.ids import PortId, ServerId

log = logging.getLogger("nacre.agent")

VSCTL_LIMIT_S = 10
OFCTL_LIMIT_S = 2
WAKE_S = 60.0
RECONNECT_MS = (100, 1000)
RETRY_S = 1.0

TUNNEL_TYPES = frozenset({"geneve", "vxlan"})
INSTALLED = "ovn-installed-ts"
"""The key under which ovn-controller notes at an interface when the flows of its port were installed."""
LOCALNET_PORT = "ovn-localnet-port"
"""The key under which ovn-controller notes at a patch between two bridges which port of a network it is."""

CHASSIS_ID = "ovn-chassis-id"
"""The key under which ovn-controller notes at a tunnel's port to whom it leads: `CHASSIS@ADDRESS`."""

_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": {"key": "string", "min": 0, "max": 1}}
_TEXT_MAP = {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}
_PORTS = {"type": {"key": {"type": "uuid", "refTable": "Port"}, "min": 0, "max": "unlimited"}}

# The part of the switch's schema that is looked at: the rest, such as counters, is never sent to us.
# Source: ovs-vswitchd.conf.db(5)
_SCHEMA = {
    "name": "Open_vSwitch",
    "version": "8.0.0",
    "tables": {
        "Open_vSwitch": {"columns": {"external_ids": _TEXT_MAP}},
        "Bridge": {
            "columns": {
                "name": _TEXT,
                "datapath_type": _TEXT,
                "fail_mode": _MAYBE_TEXT,
                "external_ids": _TEXT_MAP,
                "ports": _PORTS,
            },
        },
        "Port": {"columns": {"name": _TEXT, "external_ids": _TEXT_MAP}},
        "Interface": {
            "columns": {
                "name": _TEXT,
                "external_ids": _TEXT_MAP,
                "type": _TEXT,
                "options": _TEXT_MAP,
                "error": _MAYBE_TEXT,
                "ofport": {"type": {"key": "integer", "min": 0, "max": 1}},
                "mac_in_use": _MAYBE_TEXT,
            }
        },
    },
}


class _Interface(msgspec.Struct, frozen=True):
    """What is seen of one interface of the switch."""

    name: str
    port_id: PortId | None
    guest_id: ServerId | None
    ready: bool
    tunnel_to: str
    error: str


class _Watched(ovs.db.idl.Idl):  # type: ignore[misc]
    """The switch's database as it is, and which of its rows have changed since somebody looked."""

    def __init__(self, remote: str, helper: ovs.db.idl.SchemaHelper) -> None:
        self.moved: dict[str, set[uuid.UUID]] = defaultdict(set)
        super().__init__(remote, helper)

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        self.moved[row._table.name].add(row.uuid)


class OvsSwitch:
    """A SwitchDriver on the local switch. `start` it before use."""

    def __init__(self, remote: str, *, bridge: str) -> None:
        """`remote` is an OVSDB connection method, such as `unix:/path/db.sock`."""
        self._remote = remote
        self._run_dir = Path(remote.removeprefix("unix:")).parent
        self._bridge = bridge
        self._changed: list[Callable[[Collection[PortId]], None]] = []
        self._interfaces: dict[uuid.UUID, _Interface] = {}
        self._tunnel_ports: dict[uuid.UUID, tuple[str, str]] = {}
        self._patches: dict[uuid.UUID, tuple[str, int]] = {}
        self._outlets: dict[uuid.UUID, tuple[str, str]] = {}
        self._own_bridges: dict[uuid.UUID, tuple[PortId, frozenset[str]]] = {}
        self._patch_macs: dict[uuid.UUID, tuple[str, str]] = {}
        self._packet_limits = PacketLimits(self.vsctl, bridge=bridge, run_dir=self._run_dir)
        self._ready: frozenset[PortId] = frozenset()
        self._chassis: ChassisSeen | None = None
        self._connected = threading.Event()
        self._suspects: set[str] = set()
        self._stopping = False
        self._wake_out, self._wake_in = os.pipe()
        self._thread = threading.Thread(target=self._run, name="switch", daemon=True)

    # -- SwitchDriver ----------------------------------------------------------------------------------

    def ready_among(self, ports: Collection[PortId]) -> frozenset[PortId]:
        return self._ready.intersection(ports)

    def remove_port(self, port_id: PortId) -> None:
        names = [
            each.name for each in list(self._interfaces.values()) if each.port_id == port_id and each.guest_id
        ]
        for name in names:
            self.vsctl("--if-exists", "del-port", name)

    def keeps_limits(self, nic: GuestNic) -> bool:
        return self._packet_limits.keeps(nic)

    def limit_packets(self, guest_id: ServerId, nic: GuestNic) -> None:
        self._packet_limits.limit(guest_id, nic, datapath_type="netdev" if self.is_userspace() else "system")

    def remove_strays(self, alive: Collection[ServerId]) -> None:
        """A stray is an interface that was plugged for a guest not `alive`, whose device is gone, or a bridge of ours
        without a guest.

        The device of a running guest is there, whoever made the guest, so that a foreign guest keeps its
        interface; and it must have been a stray the last time, so that one just being plugged is left alone.
        Only the kernel is asked for the device: a userspace switch that has once opened it never misses it.
        """
        spare = self._packet_limits.spare()
        strays = {
            each.name
            for each in list(self._interfaces.values())
            if each.guest_id is not None
            and each.guest_id not in alive
            and each.port_id not in spare  # It goes with its bridge.
            and not _has_device(each.name)
        }
        for name in sorted(strays & self._suspects):
            log.warning("interface %s of a guest that is gone is taken from the switch", name)
            self.vsctl("--if-exists", "del-port", name)
        for port_id in sorted(spare & self._suspects):
            self._packet_limits.remove(PortId(port_id))
        self._suspects = strays | spare

    def announce(self, addresses: Sequence[OutsideAddress]) -> None:
        """The frame enters the bridge to the wire where those of ovn-controller do: by the patch from the network.

        So it leaves by every other port, this machine's own among them, and the bridge learns where the MAC is.
        """
        patches, outlets = dict(self._patches.values()), list(self._outlets.values())
        bridges = self._chassis.bridges if self._chassis else {}
        for address in addresses:
            vlan_of = {outlet.port: outlet.vlan for outlet in address.outlets}
            for name, port in outlets:
                if port not in vlan_of or name not in patches:
                    continue
                frame = gratuitous_arp(address.ip, address.mac, vlan=vlan_of[port])
                for bridge in (each for each, seen in bridges.items() if name in seen.ports):
                    self._send(bridge, patches[name], frame)

    def _send(self, bridge: str, port: int, frame: bytes) -> None:
        """Let a bridge do with a frame what it does with one that comes in by a port."""
        where = f"unix:{self._run_dir}/{bridge}.mgmt"
        try:
            run_command(
                *("ovs-ofctl", f"--timeout={OFCTL_LIMIT_S}", "packet-out", where),
                f"in_port={port},packet={frame.hex()},actions=table",
            )
        except Problem as problem:
            log.warning("bridge %s was not told where an address is: %s", bridge, problem)

    def watch(self, changed: Callable[[Collection[PortId]], None]) -> None:
        self._changed.append(changed)

    def complaint(self) -> str:
        return "" if self._connected.is_set() else "the switch's database does not answer"

    # -- for the other drivers -------------------------------------------------------------------------

    def is_userspace(self) -> bool:
        """Whether packets are switched by a process and not by the kernel. Raises EngineAway while unknown."""
        bridge = self._chassis.bridges.get(self._bridge) if self._chassis else None
        if bridge is None:
            raise EngineAway("Open vSwitch", f"bridge {self._bridge} has not been seen")
        return bridge.datapath_type == "netdev"

    def chassis_seen(self) -> ChassisSeen | None:
        """The switch as a chassis; None before it has been seen, or while its database does not answer."""
        return self._chassis if self._connected.is_set() else None

    def physical_networks(self) -> tuple[str, ...]:
        """The wires outside the cloud for which OVN was told a bridge here, by name."""
        return self._chassis.physical_networks if self._chassis else ()

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
        idl = _Watched(self._remote, helper)
        # A database server that was killed is back at once; by default the IDL would ask up to 8 s later.
        idl._session.reconnect.set_backoff(*RECONNECT_MS)
        seen, rows = idl.change_seqno, None
        while not self._stopping:
            idl.run()
            if idl.change_seqno != seen:
                seen = idl.change_seqno
                # A database that is read anew has other tables, and says nothing of rows that are gone.
                self._take_in(idl, anew=rows is not idl.tables["Interface"].rows)
                rows = idl.tables["Interface"].rows
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

    def _take_in(self, idl: _Watched, *, anew: bool) -> None:
        """Look at what has changed, or at everything: a host has thousands of interfaces, and one changes at a time."""
        moved, idl.moved = idl.moved, defaultdict(set)
        if anew:
            self._interfaces, self._tunnel_ports, self._patches, self._outlets = {}, {}, {}, {}
            self._own_bridges, self._patch_macs = {}, {}
            moved = defaultdict(set, {name: set(table.rows) for name, table in idl.tables.items()})
        of_chassis = bool(anew or moved["Bridge"] or moved["Open_vSwitch"])
        of_limits = anew
        for key in moved["Bridge"]:
            of_limits |= _put(self._own_bridges, key, _own_bridge_of(idl.tables["Bridge"].rows.get(key)))
        for key in moved["Port"]:
            row = idl.tables["Port"].rows.get(key)
            of_chassis |= _put(self._tunnel_ports, key, _tunnel_port_of(row))
            _put(self._outlets, key, _outlet_of(row))
        for key in moved["Interface"]:
            _put(self._patches, key, _patch_of(idl.tables["Interface"].rows.get(key)))
            of_limits |= _put(self._patch_macs, key, _patch_mac_of(idl.tables["Interface"].rows.get(key)))
            before = self._interfaces.get(key)
            after = _interface_of(idl.tables["Interface"].rows.get(key))
            _put(self._interfaces, key, after)
            of_chassis |= any(each and (each.tunnel_to or each.error) for each in (before, after))
        if of_chassis:
            self._chassis = self._chassis_of(idl)
        self._tell(self._see_limits() if of_limits else set())

    def _see_limits(self) -> set[PortId]:
        return self._packet_limits.see(self._own_bridges.values(), dict(self._patch_macs.values()))

    def _tell(self, moved: set[PortId]) -> None:
        """Those whose flows came or went, and those that `moved` otherwise."""
        before = self._ready
        self._ready = frozenset(
            each.port_id
            for each in self._interfaces.values()
            if each.port_id and each.ready and not self._packet_limits.is_cut_off(each.port_id)
        )
        if moved := moved | (before ^ self._ready):
            for changed in self._changed:
                changed(moved)

    def _chassis_of(self, idl: _Watched) -> ChassisSeen:
        chassis_of = dict(self._tunnel_ports.values())
        interfaces = list(self._interfaces.values())
        return ChassisSeen(
            settings=next((dict(row.external_ids) for row in idl.tables["Open_vSwitch"].rows.values()), {}),
            bridges={
                row.name: BridgeSeen(
                    datapath_type=row.datapath_type,
                    fail_mode=next(iter(row.fail_mode), ""),
                    # Nobody asks for the ports of guests, which are many.
                    ports=frozenset()
                    if row.name == self._bridge
                    else frozenset(port.name for port in row.ports),
                )
                for row in idl.tables["Bridge"].rows.values()
            },
            tunnels=tuple(
                Tunnel(chassis_of[each.name], each.tunnel_to)
                for each in interfaces
                if each.tunnel_to and each.name in chassis_of
            ),
            errors={each.name: each.error for each in interfaces if each.error},
        )


def _put(known: dict[uuid.UUID, Any], key: uuid.UUID, value: Any) -> bool:
    """Remember what a row says, or forget it; whether that differs from what was known."""
    before = known.get(key)
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value
    return bool(before != value)


def _interface_of(row: Any) -> _Interface | None:
    if row is None:
        return None
    ids = row.external_ids
    return _Interface(
        name=row.name,
        port_id=ids.get("iface-id"),
        guest_id=ids.get("vm-id"),
        ready=INSTALLED in ids,
        tunnel_to=row.options.get("remote_ip", "") if row.type in TUNNEL_TYPES else "",
        error=next(iter(row.error), ""),
    )


def _tunnel_port_of(row: Any) -> tuple[str, str] | None:
    """The name of a tunnel's port, and the chassis it leads to."""
    leads_to = row.external_ids.get(CHASSIS_ID) if row is not None else None
    return None if leads_to is None else (row.name, leads_to.partition("@")[0])


def _outlet_of(row: Any) -> tuple[str, str] | None:
    """The name of a patch, and the port of a network that it is."""
    port = row.external_ids.get(LOCALNET_PORT) if row is not None else None
    return None if port is None else (row.name, port)


def _patch_of(row: Any) -> tuple[str, int] | None:
    """The name of a patch, and its number on its bridge."""
    return (row.name, row.ofport[0]) if row is not None and row.type == "patch" and row.ofport else None


def _own_bridge_of(row: Any) -> tuple[PortId, frozenset[str]] | None:
    """The port that a bridge of ours is for, and the names of the ports that it has."""
    port_id = row.external_ids.get(OWN_PORT) if row is not None else None
    return None if port_id is None else (port_id, frozenset(port.name for port in row.ports))


def _patch_mac_of(row: Any) -> tuple[str, str] | None:
    """The name of a patch, and the MAC that it was given when it was made."""
    is_made = row is not None and row.type == "patch" and row.mac_in_use
    return (row.name, row.mac_in_use[0]) if is_made else None


def _has_device(name: str) -> bool:
    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False
