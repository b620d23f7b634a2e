"""The way from a network's guests to this host's metadata server: one network namespace for each network.

In it lies one end of a veth pair, with the metadata port's addresses, 169.254.169.254 and fe80::a9fe:a9fe; the other
end is plugged into the switch as that port. A veth survives a restart of the switch, which an internal port of the
switch does not; and the namespace with the veth survives the agent, which only has to listen anew.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import logging
import os
import socket
import struct
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from nacre.agent.domain.sight import MetadataNetwork
from nacre.agent.drivers.base import EngineRefused
from nacre.agent.drivers.files import run_command
from nacre.agent.metadata.server import MetadataServer
from nacre.kernel.ids import NetworkId

log = logging.getLogger("nacre.agent")

METADATA_ADDRESS, METADATA_ADDRESS6 = "169.254.169.254", "fe80::a9fe:a9fe"
"""Where guests ask; the second is what cloud-init tries where there is IPv6 alone."""

METADATA_PORT, NAMES_PORT = 80, 53
NAMESPACES = Path("/run/netns")
INNER_END = "metadata"
BACKLOG = 512

IPV6 = Path("/proc/sys/net/ipv6")
"""What a thread sees here is the namespace that it is in."""

CLONE_NEWNET = 0x40000000  # linux/sched.h
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17  # linux/sockios.h, linux/ethtool.h

Vsctl = Callable[..., str]
Result = TypeVar("Result")


class NamespaceMetadata:
    """A MetadataDriver by namespaces named `PREFIX` + network id, on the switch that `vsctl` changes."""

    def __init__(self, server: MetadataServer, *, name_prefix: str, bridge: str, vsctl: Vsctl) -> None:
        self._server = server
        self._prefix = name_prefix
        self._bridge = bridge
        self._vsctl = vsctl
        self._open: dict[NetworkId, MetadataNetwork] = {}
        self._one_at_a_time = _LockOfEach()

    def is_open(self, network: MetadataNetwork) -> bool:
        return self._open.get(network.network_id) == network

    def observe(self) -> Collection[NetworkId]:
        try:
            names = os.listdir(NAMESPACES)
        except FileNotFoundError:
            names = []
        return {NetworkId(name.removeprefix(self._prefix)) for name in names if name.startswith(self._prefix)}

    def ensure_network(self, network: MetadataNetwork) -> None:
        """Four short programs are run: a host that joins with hundreds of networks should not be long about it."""
        with self._one_at_a_time.of(network.network_id):
            if self.is_open(network):
                return
            name, outer = self._namespace(network.network_id), outer_end(network.network_id)
            self._ensure_namespace(name)
            present = _inner_addresses(name) if _has_link(outer) else None
            if present is None:
                _make_veth(name, outer)
            sockets = _within(
                name, partial(_prepare_inside, listen=not self._server.serves(network.network_id))
            )
            offload_nothing(outer)
            _batch("-n", name, lines=_inner_lines(network, present or set()))
            _batch(lines=[f"link set {outer} mtu {network.mtu} addrgenmode none up"])
            self._vsctl(
                *("--may-exist", "add-port", self._bridge, outer),
                *("--", "set", "interface", outer, f"external_ids:iface-id={network.port_id}"),
            )
            if sockets:
                self._server.serve(network.network_id, *sockets)
            self._open[network.network_id] = network

    def remove_network(self, network_id: NetworkId) -> None:
        with self._one_at_a_time.of(network_id):
            self._open.pop(network_id, None)
            self._server.hush(network_id)
            outer = outer_end(network_id)
            self._vsctl("--if-exists", "del-port", self._bridge, outer)
            if _has_link(outer):
                run_command("ip", "link", "del", outer)
            if (NAMESPACES / self._namespace(network_id)).exists():
                run_command("ip", "netns", "del", self._namespace(network_id))

    def close(self) -> None:
        """Listen no more; namespaces stay for the agent that comes after."""
        self._server.close()

    def _namespace(self, network_id: NetworkId) -> str:
        return self._prefix + network_id

    def _ensure_namespace(self, name: str) -> None:
        """The namespace can be entered. A name without a namespace behind it is left by an agent that died."""
        path = NAMESPACES / name
        if path.exists() and not os.path.ismount(path):
            run_command("ip", "netns", "del", name)
        if not path.exists():
            run_command("ip", "netns", "add", name)


class _LockOfEach:
    """A lock for each network, there as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[NetworkId, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, network_id: NetworkId) -> Iterator[None]:
        with self._lock:
            lock, count = self._held.get(network_id) or (threading.Lock(), 0)
            self._held[network_id] = (lock, count + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, count = self._held[network_id]
                if count == 1:
                    del self._held[network_id]
                else:
                    self._held[network_id] = (lock, count - 1)


def outer_end(network_id: NetworkId) -> str:
    """The veth's end on the switch, within the 15 characters that the kernel allows."""
    return "met" + network_id[:11]


def _listen() -> Sequence[socket.socket]:
    """Sockets for requests of metadata and for questions, whatever the addresses of the namespace."""
    both = has_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    requests = socket.create_server(("", METADATA_PORT), family=family, dualstack_ipv6=both, backlog=BACKLOG)
    questions = socket.socket(family, socket.SOCK_DGRAM)
    if both:
        questions.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    questions.bind(("", NAMES_PORT))
    return requests, questions


def _prepare_inside(*, listen: bool) -> Sequence[socket.socket]:
    """What is done within the namespace of a network: its end of the veth gets no address but ours."""
    offload_nothing(INNER_END)
    if has_ipv6():
        (IPV6 / "conf" / INNER_END / "accept_ra").write_text("0")
    return _listen() if listen else ()


def has_ipv6() -> bool:
    """Whether this machine's kernel speaks IPv6."""
    return IPV6.exists()


def _within(namespace: str, action: Callable[[], Result]) -> Result:
    """What `action` gives when it is done within the namespace. Sockets stay where they were opened.

    A thread enters the namespace, acts there, and ends. Raises EngineRefused.
    """
    made: list[Result | OSError] = []

    def enter() -> None:
        try:
            handle = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            finally:
                os.close(handle)
            made.append(action())
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=enter, name="enter-namespace")
    thread.start()
    thread.join()
    if not made:
        raise EngineRefused("metadata", f"nothing could be done in namespace {namespace}")
    if isinstance(made[0], OSError):
        raise EngineRefused("metadata", f"namespace {namespace}: {made[0]}")
    return made[0]


# -- links and addresses -----------------------------------------------------------------------------------


def _batch(*options: str, lines: Sequence[str]) -> None:
    """Several changes by one run of `ip`."""
    run_command("ip", *options, "-batch", "-", said="".join(line + "\n" for line in lines))


def _make_veth(namespace: str, outer: str) -> None:
    """A new veth: one whose other end is gone is worth nothing."""
    remains = [f"link del {outer}"] if _has_link(outer) else []
    _batch(lines=[*remains, f"link add {outer} type veth peer name {INNER_END} netns {namespace}"])


def _inner_lines(network: MetadataNetwork, present: Collection[str]) -> list[str]:
    """What gives the inner end the addresses that guests ask for and look from, and no other."""
    wanted = {f"{METADATA_ADDRESS}/32"}
    wanted |= {f"{address.ip}/{address.prefix_length}" for address in network.addresses}
    wanted |= {f"{METADATA_ADDRESS6}/64"} if has_ipv6() else set()
    lines = [
        "link set lo up",
        f"link set {INNER_END} address {network.mac} mtu {network.mtu} addrgenmode none up",
        *(f"addr del {address} dev {INNER_END}" for address in sorted(set(present) - wanted)),
    ]
    for address in sorted(wanted - set(present)):
        # IPv6 addresses are unique by the network's own records: probing for others would only delay.
        lines.append(f"addr add {address} dev {INNER_END}" + (" nodad" if ":" in address else ""))
    return lines


def _inner_addresses(namespace: str) -> set[str] | None:
    """The addresses of the inner end; None if it is not there."""
    try:
        links = json.loads(run_command("ip", "-n", namespace, "-j", "addr", "show", "dev", INNER_END))
    except EngineRefused:
        return None
    return {f"{each['local']}/{each['prefixlen']}" for link in links for each in link.get("addr_info", ())}


def _has_link(name: str) -> bool:
    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False


def offload_nothing(interface: str) -> None:
    """Let whoever sends make whole checksums: without, a userspace switch drops what comes from a veth."""
    value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)
        except OSError as error:
            raise EngineRefused("metadata", f"checksums of {interface}: {error}") from error
