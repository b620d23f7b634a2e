"""The way from a network's guests to this host's metadata server: one network namespace for each network.

In it lies one end of a veth pair, with the metadata port's addresses and 169.254.169.254; the other end is
plugged into the switch as that port. A veth survives a restart of the switch, which an internal port of the
switch does not; and the namespace with the veth survives the agent, which only has to listen anew.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from nacre.agent.domain.sight import MetadataNetwork
from nacre.agent.drivers.base import EngineRefused
from nacre.agent.drivers.files import run_command
from nacre.agent.metadata.server import MetadataServer
from nacre.kernel.ids import NetworkId

log = logging.getLogger("nacre.agent")

METADATA_ADDRESS = "169.254.169.254"
METADATA_PORT = 80
NAMESPACES = Path("/run/netns")
INNER_END = "metadata"
BACKLOG = 64

CLONE_NEWNET = 0x40000000  # linux/sched.h

Vsctl = Callable[..., str]


class NamespaceMetadata:
    """A MetadataDriver by namespaces named `PREFIX` + network id, on the switch that `vsctl` changes."""

    def __init__(self, server: MetadataServer, *, name_prefix: str, bridge: str, vsctl: Vsctl) -> None:
        self._server = server
        self._prefix = name_prefix
        self._bridge = bridge
        self._vsctl = vsctl
        self._open: dict[NetworkId, MetadataNetwork] = {}
        self._one_at_a_time = threading.Lock()

    def is_open(self, network: MetadataNetwork) -> bool:
        return self._open.get(network.network_id) == network

    def observe(self) -> Collection[NetworkId]:
        try:
            names = os.listdir(NAMESPACES)
        except FileNotFoundError:
            names = []
        return {NetworkId(name.removeprefix(self._prefix)) for name in names if name.startswith(self._prefix)}

    def ensure_network(self, network: MetadataNetwork) -> None:
        with self._one_at_a_time:
            if self.is_open(network):
                return
            self._ensure_namespace(network.network_id)
            self._ensure_veth(network)
            self._ensure_addresses(network)
            outer = outer_end(network.network_id)
            self._vsctl(
                *("--may-exist", "add-port", self._bridge, outer),
                *("--", "set", "interface", outer, f"external_ids:iface-id={network.port_id}"),
            )
            if not self._server.serves(network.network_id):
                self._server.serve(network.network_id, listen_in(self._namespace(network.network_id)))
            self._open[network.network_id] = network

    def remove_network(self, network_id: NetworkId) -> None:
        with self._one_at_a_time:
            self._open.pop(network_id, None)
            self._server.hush(network_id)
            outer = outer_end(network_id)
            self._vsctl("--if-exists", "del-port", self._bridge, outer)
            _remove_link(outer)
            if self._namespace_path(network_id).exists():
                run_command("ip", "netns", "del", self._namespace(network_id))

    def close(self) -> None:
        """Listen no more; namespaces stay for the agent that comes after."""
        self._server.close()

    # -- one namespace ---------------------------------------------------------------------------------

    def _namespace(self, network_id: NetworkId) -> str:
        return self._prefix + network_id

    def _namespace_path(self, network_id: NetworkId) -> Path:
        return NAMESPACES / self._namespace(network_id)

    def _ensure_namespace(self, network_id: NetworkId) -> None:
        """The namespace can be entered. A name without a namespace behind it is left by an agent that died."""
        name, path = self._namespace(network_id), self._namespace_path(network_id)
        if path.exists() and not os.path.ismount(path):
            run_command("ip", "netns", "del", name)
        if not path.exists():
            run_command("ip", "netns", "add", name)

    def _ensure_veth(self, network: MetadataNetwork) -> None:
        name, outer = self._namespace(network.network_id), outer_end(network.network_id)
        if not (_links("-n", name, INNER_END) and _links(outer)):
            _remove_link(outer)
            run_command("ip", "link", "add", outer, "type", "veth", "peer", "name", INNER_END, "netns", name)
        # Without whole checksums, packets between the veth and a userspace switch are dropped.
        run_command("ethtool", "-K", outer, "tx", "off")
        run_command("ip", "netns", "exec", name, "ethtool", "-K", INNER_END, "tx", "off")
        run_command("ip", "link", "set", outer, "mtu", str(network.mtu), "addrgenmode", "none", "up")

    def _ensure_addresses(self, network: MetadataNetwork) -> None:
        in_namespace = ("ip", "-n", self._namespace(network.network_id))
        run_command(*in_namespace, "link", "set", "lo", "up")
        run_command(
            *(*in_namespace, "link", "set", INNER_END, "address", network.mac, "mtu", str(network.mtu), "up")
        )
        wanted = {f"{METADATA_ADDRESS}/32"}
        wanted |= {f"{address.ip}/{address.prefix_length}" for address in network.addresses}
        present = _addresses(self._namespace(network.network_id))
        for address in sorted(present - wanted):
            run_command(*in_namespace, "addr", "del", address, "dev", INNER_END)
        for address in sorted(wanted - present):
            # IPv6 addresses are unique by the network's own records: probing for others would only delay.
            nodad = ("nodad",) if ":" in address else ()
            run_command(*in_namespace, "addr", "add", address, "dev", INNER_END, *nodad)


def outer_end(network_id: NetworkId) -> str:
    """The veth's end on the switch, within the 15 characters that the kernel allows."""
    return "met" + network_id[:11]


def listen_in(namespace: str) -> socket.socket:
    """A socket listening for metadata requests within the namespace, whatever its addresses.

    A thread enters the namespace, opens the socket there, and ends; the socket stays where it was opened.
    """
    made: list[socket.socket | OSError] = []
    thread = threading.Thread(
        target=lambda: made.append(_listen_from_inside(namespace)), name="enter-namespace"
    )
    thread.start()
    thread.join()
    match made:
        case [socket.socket() as listener]:
            return listener
        case [error]:
            raise EngineRefused("metadata", f"namespace {namespace}: {error}")
        case _:
            raise EngineRefused("metadata", f"namespace {namespace} could not be entered")


def _listen_from_inside(namespace: str) -> socket.socket | OSError:
    try:
        handle = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(handle, CLONE_NEWNET):
                return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(handle)
        return socket.create_server(("", METADATA_PORT), backlog=BACKLOG)
    except OSError as error:
        return error


def _links(*arguments: str) -> list[Any]:
    """What `ip link show` says of one link; empty if there is none."""
    *options, name = arguments
    try:
        found: list[Any] = json.loads(run_command("ip", *options, "-j", "link", "show", "dev", name))
    except EngineRefused:
        return []
    return found


def _remove_link(name: str) -> None:
    if _links(name):
        run_command("ip", "link", "del", name)


def _addresses(namespace: str) -> set[str]:
    links = json.loads(run_command("ip", "-n", namespace, "-j", "addr", "show", "dev", INNER_END))
    return {
        f"{each['local']}/{each['prefixlen']}"
        for link in links
        for each in link.get("addr_info", ())
        if each.get("scope") != "link" or each["local"] == METADATA_ADDRESS
    }
