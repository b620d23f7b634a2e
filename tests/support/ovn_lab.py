"""Hosts with a real OVN, in network namespaces of their own, and guests that are namespaces too.

Nothing of it shows outside those namespaces; only processes that were started here are ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nacre.agent.drivers.domain_xml import tap_name
from nacre.network.domain.ports import Port

CHASSIS = "host1"
PHYSICAL_NETWORK = "public"
OUTSIDE = "172.24.4.1"
OUTSIDE6 = "2001:db8:4::1"
PROGRAMS = ("ovs-vswitchd", "ovsdb-server", "ovn-northd", "ovn-controller", "ethtool", "ip", "ping")

SHARE = Path("/usr/share")


def can_run() -> bool:
    """Whether this machine has root and the engines."""
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))


NEEDS_OVN = pytest.mark.skipif(not can_run(), reason="needs root, Open vSwitch and OVN")


def eventually(condition: Callable[[], Any], what: str, *, within_s: float = 20.0) -> Any:
    """What `condition` gives once that is true."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not come to be: {what}"
        time.sleep(0.02)
    return found


class Daemons:
    """Programs that share a folder for their sockets and logs, and a namespace; each can be killed and come back."""

    def __init__(self, folder: Path, namespace: str, undo: ExitStack) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.namespace = namespace
        self.environment = os.environ | {
            f"{program}_{kind}": str(folder)
            for program in ("OVS", "OVN")
            for kind in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")
        }
        self._commands: dict[str, list[str]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        undo.callback(self._end)

    def start(self, name: str, program: str, *words: str) -> None:
        """A daemon that answers when this returns. Without its pid file, that a killed one leaves, nothing is said."""
        options = [f"--pidfile={self._path(name, 'pid')}", f"--log-file={self._path(name, 'log')}"]
        if program != "ovn-controller":
            options.append(f"--unixctl={self._path(name, 'ctl')}")
        self._commands[name] = [program, *words, *options, "-vconsole:off"]
        self.revive(name)

    def revive(self, name: str) -> None:
        """Start a daemon that was killed, as it was started before."""
        for kind in ("pid", "sock"):
            self._path(name, kind).unlink(missing_ok=True)
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *self._commands[name]],
            env=self.environment,
            cwd=self.folder,
            start_new_session=True,
        )
        self._processes[name] = process
        eventually(lambda: self._path(name, "pid").exists() or process.poll() is not None, name)
        assert process.poll() is None, self.log(name)

    def kill(self, name: str) -> None:
        """SIGKILL, to its monitor as well. Returns when the last of its threads is gone."""
        process = self._processes.pop(name)
        worker = self._path(name, "pid").read_text().strip()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        eventually(lambda: _is_over(int(worker)), f"the end of {name}")

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """A daemon stands still until the end of the block."""
        worker = int(self._path(name, "pid").read_text())
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    def database(self, name: str, schema: str) -> None:
        """A database server on a socket in the folder."""
        subprocess.run(["ovsdb-tool", "create", self._path(name, "db"), SHARE / schema], check=True)
        self.start(name, "ovsdb-server", f"{name}.db", f"--remote=punix:{self._path(name, 'sock')}")
        eventually(lambda: _answers(self._path(name, "sock")), name)

    def log(self, name: str) -> str:
        return self._path(name, "log").read_text()

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / f"{name}.{kind}"

    def _end(self) -> None:
        for process in reversed(self._processes.values()):
            _end(process)


@dataclass(frozen=True)
class Host:
    """A hypervisor: a switch on the userspace datapath and an ovn-controller, in a namespace."""

    name: str
    namespace: str
    daemons: Daemons

    def vsctl(self, *words: str) -> str:
        command = ["ovs-vsctl", "--timeout=20", f"--db=unix:{self.daemons.folder}/ovs.sock", *words]
        done = subprocess.run(
            command, env=self.daemons.environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout.strip()


class OvnLab:
    """Databases and northd, and hosts. Use it with `with`.

    Several hosts have a wire for tunnels between them, and one for provider networks on which the outside is too. A
    single host has no wires; it is the outside itself. Databases are asked through files, whichever host asks.
    """

    def __init__(self, *, hosts: int = 1) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lab"))
        self.tag = self.folder.name[-6:].replace("_", "x").lower()
        self.remote = f"unix:{self.folder}/nb.sock"
        self.south = f"unix:{self.folder}/sb.sock"
        self.hosts: dict[str, Host] = {}
        self.outside = f"{self.tag}-h1" if hosts == 1 else f"{self.tag}-out"
        self._how_many = hosts
        self._middle = f"{self.tag}-m"
        self._undo = ExitStack()
        self._ports = 0
        self._taps: dict[str, str] = {}

    def __enter__(self) -> OvnLab:
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder)
            self._undo = undo
            self._start()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    @property
    def host(self) -> str:
        """The namespace of the first host."""
        return self.hosts[CHASSIS].namespace

    # Commands.

    def run(self, *words: str, namespace: str = "", check: bool = True, timeout_s: float = 30) -> str:
        """A command's output; seen from outside unless another namespace is named."""
        command = ["ip", "netns", "exec", namespace or self.outside, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def succeeds(self, *words: str, namespace: str = "") -> bool:
        command = ["ip", "netns", "exec", namespace or self.outside, *words]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def pings(self, address: str, *, namespace: str = "", count: int = 1) -> bool:
        """Whether one of `count` echo requests is answered."""
        return self.succeeds("ping", f"-c{count}", "-i0.2", "-W1", address, namespace=namespace)

    def reaches(self, address: str, *, namespace: str = "") -> None:
        """Fails unless the address answers soon: the first packets may be lost while neighbours are found."""
        eventually(lambda: self.pings(address, namespace=namespace), f"an answer of {address}")

    def vsctl(self, *words: str) -> str:
        """Of the first host."""
        return self.hosts[CHASSIS].vsctl(*words)

    def nbctl(self, *words: str) -> str:
        return self.run("ovn-nbctl", f"--db={self.remote}", "--timeout=20", *words)

    def sbctl(self, *words: str) -> str:
        return self.run("ovn-sbctl", f"--db={self.south}", "--timeout=20", *words)

    def settle(self) -> None:
        """Returns when every change so far is in force on every host."""
        self.nbctl("--wait=hv", "sync")

    def misread(self) -> list[str]:
        """What ovn-controller could not read of our rows.

        Sets of addresses that are only on their way do not count, nor where local IPs lead on hosts without any.
        """
        return [
            line
            for line in self.log("controller").splitlines()
            if "error parsing" in line
            and "expecting address set name" not in line
            and "ct_lb_mark(backends=^local_" not in line
        ]

    def log(self, daemon: str) -> str:
        """What a daemon wrote, on whichever hosts it runs."""
        places = [self.middle, *(host.daemons for host in self.hosts.values())]
        return "".join(each.log(daemon) for each in places if (each.folder / f"{daemon}.log").exists())

    # Guests.

    def plug(self, port: Port, **where: Any) -> str:
        """A guest on `port`, plugged into the bridge of the port's host: see `stand_by`."""
        guest = self.stand_by(port, **where)
        self.connect(port)
        return guest

    def stand_by(
        self,
        port: Port,
        *,
        addresses: Sequence[str] = (),
        gateway: str = "",
        iface: str = "eth0",
        guest: str = "",
    ) -> str:
        """A guest for `port`: the name of a namespace with an `iface` whose far end is on no bridge yet.

        The one named `guest` gets a further NIC.
        """
        self._ports += 1
        self._taps[port.id] = tap = tap_name(port.id)
        if not guest:
            guest = f"{self.tag}-{self._ports}"
            self._namespace(guest)
        self.wire(guest, tap, iface=iface, mac=port.mac_address, host=self._host_of(port))
        for address in addresses:
            self._address(guest, iface, address)
        if gateway:
            family = "-6" if ":" in gateway else "-4"
            self.run("ip", family, "route", "add", "default", "via", gateway, namespace=guest)
        return guest

    def connect(self, port: Port) -> None:
        """Plug a guest that stands by."""
        tap = self._taps[port.id]
        self._host_of(port).vsctl(
            *("add-port", "br-int", tap, "--", "set", "interface", tap),
            *(f"external_ids:iface-id={port.id}", f"external_ids:attached-mac={port.mac_address}"),
        )

    def _host_of(self, port: Port) -> Host:
        return self.hosts[port.binding_host_id or CHASSIS]

    def outsider(self, *, address: str, vlan: int | None, host: str = CHASSIS) -> str:
        """A machine outside the cloud, on a VLAN of the physical network, or on all of them with their tags."""
        self._ports += 1
        outside, tap = f"{self.tag}-{self._ports}", f"tap{self._ports}"
        self._namespace(outside)
        self.wire(outside, tap, iface="eth0", mac=f"02:00:00:00:01:{self._ports:02x}", host=self.hosts[host])
        self.hosts[host].vsctl("add-port", "br-ex", tap, *([f"tag={vlan}"] if vlan else []))
        self._address(outside, "eth0", address)
        return outside

    def wire(self, guest: str, tap: str, *, iface: str, mac: str, host: Host | None = None) -> None:
        """A veth pair between a host and a guest. Userspace datapaths need checksums made in the guest."""
        near = (host or self.hosts[CHASSIS]).namespace
        self._veth(near, tap, guest, iface, mtu=1442, mac=mac)

    # Building and ending.

    def _namespace(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", name], check=True)
        self._undo.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        self.run("ip", "link", "set", "lo", "up", namespace=name)

    def _veth(self, one: str, near: str, other: str, far: str, *, mtu: int, mac: str = "") -> None:
        """A wire between namespaces; `mac` is that of the far end, from which a guest makes addresses once it is up."""
        far_end = ["peer", "name", far, "netns", other, *(["address", mac] if mac else [])]
        self.run("ip", "link", "add", near, "type", "veth", *far_end, namespace=one)
        for namespace, end in ((one, near), (other, far)):
            self.run("ethtool", "-K", end, "tx", "off", namespace=namespace)
            self.run("ip", "link", "set", end, "mtu", str(mtu), "up", namespace=namespace)

    def _address(self, namespace: str, iface: str, address: str) -> None:
        quickly = ["nodad"] if ":" in address else []
        self.run("ip", "addr", "add", address, "dev", iface, *quickly, namespace=namespace)

    def _start(self) -> None:
        self._namespace(self._middle)
        self.middle = Daemons(self.folder, self._middle, self._undo)
        self.middle.database("nb", "ovn/ovn-nb.ovsschema")
        self.middle.database("sb", "ovn/ovn-sb.ovsschema")
        self.middle.start("northd", "ovn-northd", f"--ovnnb-db={self.remote}", f"--ovnsb-db={self.south}")
        if self._how_many > 1:
            self._wires()
        for number in range(1, self._how_many + 1):
            self._host(number)
        for address in (f"{OUTSIDE}/24", f"{OUTSIDE6}/64"):
            self._address(self.outside, "br-ex" if self._how_many == 1 else "eth0", address)
        self.settle()

    def _wires(self) -> None:
        """What the hosts are joined by: switches that let every VLAN through."""
        for bridge in ("tunnels", "provider"):
            self.run("ip", "link", "add", bridge, "type", "bridge", namespace=self._middle)
            self.run("ip", "link", "set", bridge, "up", namespace=self._middle)
        self._namespace(self.outside)
        self._onto("provider", self.outside, "eth0")

    def _onto(self, bridge: str, namespace: str, nic: str) -> None:
        port = f"{bridge[0]}{namespace.rpartition('-')[2]}"
        self._veth(namespace, nic, self._middle, port, mtu=1500)
        self.run("ip", "link", "set", port, "master", bridge, namespace=self._middle)

    def _host(self, number: int) -> None:
        name, namespace = f"host{number}", f"{self.tag}-h{number}"
        self._namespace(namespace)
        daemons = Daemons(self.folder / name, namespace, self._undo)
        host = self.hosts[name] = Host(name, namespace, daemons)
        daemons.database("ovs", "openvswitch/vswitch.ovsschema")
        host.vsctl("--no-wait", "init")
        # Without a monitor, one failed assertion in the userspace connection tracker would end the lab.
        daemons.start("vswitchd", "ovs-vswitchd", f"unix:{daemons.folder}/ovs.sock", "--monitor")
        endpoint = "127.0.0.1" if self._how_many == 1 else f"192.0.2.{number}"
        identity = [f"system-id={name}", f"ovn-remote={self.south}", "ovn-encap-type=geneve"]
        identity += [f"ovn-encap-ip={endpoint}", "ovn-bridge-datapath-type=netdev"]
        identity += [f"ovn-bridge-mappings={PHYSICAL_NETWORK}:br-ex"]
        host.vsctl("set", "open", ".", *(f"external_ids:{each}" for each in identity))
        for bridge in ("br-int", "br-ex"):
            host.vsctl("add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev")
        host.vsctl("set", "bridge", "br-int", "fail_mode=secure")
        self.run("ip", "link", "set", "br-ex", "up", namespace=namespace)
        if self._how_many > 1:
            self._connect(host, endpoint)
        daemons.start("controller", "ovn-controller", f"unix:{daemons.folder}/ovs.sock")

    def _connect(self, host: Host, endpoint: str) -> None:
        """Onto the wires. Tunnels of the userspace datapath leave by a bridge that has their address."""
        for bridge, wire, nic in (("br-tun", "tunnels", "nic0"), ("br-ex", "provider", "nic1")):
            self._onto(wire, host.namespace, nic)
            host.vsctl(
                *("--may-exist", "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev"),
                *("--", "add-port", bridge, nic),
            )
        self._address(host.namespace, "br-tun", f"{endpoint}/24")
        self.run("ip", "link", "set", "br-tun", "up", namespace=host.namespace)


def _answers(path: Path) -> bool:
    """Whether somebody listens on a socket: its file is there before."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        return asking.connect_ex(str(path)) == 0


def _is_over(pid: int) -> bool:
    """Whether no thread of a process is left; the process may wait for its parent yet."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return "State:\tZ" in status and len(list(Path(f"/proc/{pid}/task").iterdir())) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a daemon and the monitor that watches it: they are the only ones in its session."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    except ProcessLookupError:
        process.wait(timeout=10)
