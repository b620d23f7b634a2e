"""One host with a real OVN, in network namespaces of its own, and guests that are namespaces too.

Nothing of it shows outside those namespaces; only processes that were started here are ended.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from nacre.network.domain.ports import Port

CHASSIS = "host1"
PHYSICAL_NETWORK = "public"
OUTSIDE = "172.24.4.1"
PROGRAMS = ("ovs-vswitchd", "ovsdb-server", "ovn-northd", "ovn-controller", "ethtool", "ip", "ping")

SHARE = Path("/usr/share")


def can_run() -> bool:
    """Whether this machine has root and the engines."""
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))


def eventually(condition: Callable[[], Any], what: str, *, within_s: float = 20.0) -> Any:
    """What `condition` gives once that is true."""
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end, f"it did not come to be: {what}"
        time.sleep(0.02)
    return found


class OvnLab:
    """Databases, northd, vswitchd on the userspace datapath and ovn-controller. Use it with `with`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lab"))
        self.tag = self.folder.name[-6:].replace("_", "x").lower()
        self.host = f"{self.tag}-h"
        self.remote = f"unix:{self.folder}/nb.sock"
        self._undo = ExitStack()
        self._ports = 0
        self._environment = os.environ | {
            f"{program}_{kind}": str(self.folder)
            for program in ("OVS", "OVN")
            for kind in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")
        }

    def __enter__(self) -> OvnLab:
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder)
            self._undo = undo
            self._start()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    # Commands.

    def run(self, *words: str, namespace: str = "", check: bool = True, timeout_s: float = 30) -> str:
        """A command's output; in the host's namespace unless another is named."""
        command = ["ip", "netns", "exec", namespace or self.host, *words]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def succeeds(self, *words: str, namespace: str = "") -> bool:
        command = ["ip", "netns", "exec", namespace or self.host, *words]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def pings(self, address: str, *, namespace: str = "", count: int = 1) -> bool:
        """Whether one of `count` echo requests is answered."""
        return self.succeeds("ping", f"-c{count}", "-i0.2", "-W1", address, namespace=namespace)

    def reaches(self, address: str, *, namespace: str = "") -> None:
        """Fails unless the address answers soon: the first packets may be lost while neighbours are found."""
        eventually(lambda: self.pings(address, namespace=namespace), f"an answer of {address}")

    def vsctl(self, *words: str) -> str:
        return self.run("ovs-vsctl", "--timeout=20", f"--db=unix:{self.folder}/ovs.sock", *words)

    def settle(self) -> None:
        """Returns when every change so far is in force on the host."""
        self.run("ovn-nbctl", f"--db={self.remote}", "--timeout=20", "--wait=hv", "sync")

    def log(self, daemon: str) -> str:
        return (self.folder / f"{daemon}.log").read_text()

    # Guests.

    def plug(
        self, port: Port, *, addresses: Sequence[str] = (), gateway: str = "", iface: str = "eth0"
    ) -> str:
        """A guest on `port`: the name of a namespace whose eth0 is plugged into the host's bridge."""
        self._ports += 1
        guest, tap = f"{self.tag}-{self._ports}", f"tap{self._ports}"
        self._namespace(guest)
        self.wire(guest, tap, iface=iface, mac=port.mac_address)
        self.vsctl(
            *("add-port", "br-int", tap, "--", "set", "interface", tap),
            *(f"external_ids:iface-id={port.id}", f"external_ids:attached-mac={port.mac_address}"),
        )
        for address in addresses:
            self.run("ip", "addr", "add", address, "dev", iface, namespace=guest)
        if gateway:
            self.run("ip", "route", "add", "default", "via", gateway, namespace=guest)
        return guest

    def outsider(self, *, address: str, vlan: int) -> str:
        """A machine outside the cloud, on a VLAN of the physical network."""
        self._ports += 1
        outside, tap = f"{self.tag}-{self._ports}", f"tap{self._ports}"
        self._namespace(outside)
        self.wire(outside, tap, iface="eth0", mac="02:00:00:00:00:01")
        self.vsctl("add-port", "br-ex", tap, f"tag={vlan}")
        self.run("ip", "addr", "add", address, "dev", "eth0", namespace=outside)
        return outside

    def wire(self, guest: str, tap: str, *, iface: str, mac: str) -> None:
        """A veth pair between the host and a guest. Userspace datapaths need checksums made in the guest."""
        self.run("ip", "link", "add", tap, "type", "veth", "peer", "name", iface, "netns", guest)
        self.run("ip", "link", "set", tap, "mtu", "1442", "up")
        self.run("ethtool", "-K", tap, "tx", "off")
        self.run("ethtool", "-K", iface, "tx", "off", namespace=guest)
        self.run("ip", "link", "set", iface, "address", mac, "mtu", "1442", "up", namespace=guest)

    # Building and ending.

    def _namespace(self, name: str) -> None:
        subprocess.run(["ip", "netns", "add", name], check=True)
        self._undo.callback(subprocess.run, ["ip", "netns", "del", name], check=True)
        self.run("ip", "link", "set", "lo", "up", namespace=name)

    def _daemon(self, name: str, program: str, *words: str) -> None:
        options = [
            f"--pidfile={self.folder}/{name}.pid",
            f"--log-file={self.folder}/{name}.log",
            "-vconsole:off",
        ]
        if program != "ovn-controller":
            options.append(f"--unixctl={self.folder}/{name}.ctl")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.host, program, *words, *options],
            env=self._environment,
            cwd=self.folder,
            start_new_session=True,
        )
        self._undo.callback(_end, process)
        eventually(lambda: (self.folder / f"{name}.pid").exists() or process.poll() is not None, program)
        assert process.poll() is None, self.log(name)

    def _database(self, name: str, schema: str) -> None:
        subprocess.run(["ovsdb-tool", "create", self.folder / f"{name}.db", SHARE / schema], check=True)
        self._daemon(name, "ovsdb-server", f"{name}.db", f"--remote=punix:{self.folder}/{name}.sock")
        eventually((self.folder / f"{name}.sock").exists, name)

    def _start(self) -> None:
        self._namespace(self.host)
        self._database("ovs", "openvswitch/vswitch.ovsschema")
        self._database("nb", "ovn/ovn-nb.ovsschema")
        self._database("sb", "ovn/ovn-sb.ovsschema")
        self.vsctl("--no-wait", "init")
        self._daemon(
            "northd", "ovn-northd", f"--ovnnb-db={self.remote}", f"--ovnsb-db=unix:{self.folder}/sb.sock"
        )
        # Without a monitor, one failed assertion in the userspace connection tracker would end the lab.
        self._daemon("vswitchd", "ovs-vswitchd", f"unix:{self.folder}/ovs.sock", "--monitor")
        identity = [f"system-id={CHASSIS}", f"ovn-remote=unix:{self.folder}/sb.sock", "ovn-encap-type=geneve"]
        identity += ["ovn-encap-ip=127.0.0.1", "ovn-bridge-datapath-type=netdev"]
        identity += [f"ovn-bridge-mappings={PHYSICAL_NETWORK}:br-ex"]
        self.vsctl(
            *("set", "open", ".", *(f"external_ids:{each}" for each in identity)),
            *("--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev"),
            *(
                "fail_mode=secure",
                "--",
                "add-br",
                "br-ex",
                "--",
                "set",
                "bridge",
                "br-ex",
                "datapath_type=netdev",
            ),
        )
        self.run("ip", "addr", "add", f"{OUTSIDE}/24", "dev", "br-ex")
        self.run("ip", "link", "set", "br-ex", "up")
        self._daemon("controller", "ovn-controller", f"unix:{self.folder}/ovs.sock")
        self.settle()


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
