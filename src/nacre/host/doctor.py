"""`nacre doctor`: what is wrong on this machine, and the cure. Looks only; changes nothing."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nacre.agent import machine
from nacre.host import engines, ledger, locks, logs, paths, probes, processes
from nacre.host.api_client import ask_control_plane
from nacre.host.errors import Refused
from nacre.kernel.config import Settings

# program: the Debian package it comes from
PROGRAMS = {
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "libvirtd": "libvirt-daemon",
    "virtlogd": "libvirt-daemon",
    "virsh": "libvirt-clients",
    "ovsdb-server": "openvswitch-common",
    "ovsdb-tool": "openvswitch-common",
    "ovs-vsctl": "openvswitch-common",
    "ovs-vswitchd": "openvswitch-switch",
    "ovn-northd": "ovn-central",
    "ovn-controller": "ovn-host",
}
GUEST_ACCOUNT = "libvirt-qemu"
_LEAST_DISK_GIB = 5
_LEAST_MEMORY_MIB = 2048
_CAP_SYS_ADMIN, _CAP_NET_ADMIN = 21, 12
# Files beginning with this date are older than this program: a clock before it makes tokens and TLS fail.
_EARLIEST_S = 1_760_000_000.0
_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


class Verdict(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `cure` is a sentence that says what to do, empty when all is well."""

    subject: str
    verdict: Verdict
    what: str
    cure: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be looked at from outside, in the order in which a cloud needs it."""
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_sockets, _clock, _disk, _listen]
    if settings.hosts == "local":
        checks += [_packages, _privileges, _memory, _kvm, _datapath, _interfaces, _policy]
    checks += [_parts, _hosts, _switch_aborts]
    return [finding for check in checks for finding in check(settings)]


def obstacles(settings: Settings, *, running: bool) -> list[str]:
    """Why the cloud cannot be started here; empty when nothing is known to stand in its way.

    `running` says that it is started already: then its own port and bridges are no obstacle.
    """
    checks: list[Callable[[Settings], Iterator[Finding]]] = [_sockets]
    if settings.hosts == "local":
        checks += [_privileges, _packages]
    if not running:
        checks += [_listen] + ([_interfaces] if settings.hosts == "local" else [])
    findings = [finding for check in checks for finding in check(settings)]
    return [f"{found.what} {found.cure}" for found in findings if found.verdict is Verdict.BAD]


def _sockets(settings: Settings) -> Iterator[Finding]:
    longest = paths.longest_socket(settings.state_dir)
    if paths.fits_sockets(settings.state_dir):
        yield Finding("sockets", Verdict.GOOD, f"Paths of sockets fit ({len(str(longest))} bytes at most).")
    else:
        what = f"{longest} has more than {paths.LONGEST_SOCKET_PATH} bytes, the most a unix socket can have."
        yield Finding("sockets", Verdict.BAD, what, "Set NACRE_STATE to a shorter path.")


def _clock(_settings: Settings) -> Iterator[Finding]:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _EARLIEST_S:
        yield Finding("clock", Verdict.BAD, f"The clock says {shown}.", "Set the time, best by NTP.")
    else:
        yield Finding("clock", Verdict.GOOD, f"The clock says {shown}.")


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.state_dir
    while not place.exists():
        place = place.parent
    free_gib = shutil.disk_usage(place).free / (1 << 30)
    what = f"{free_gib:.0f} GiB are free for {settings.state}."
    if free_gib < _LEAST_DISK_GIB:
        yield Finding(
            "disk", Verdict.BAD, what, f"Free some, or set NACRE_STATE: {_LEAST_DISK_GIB} are needed."
        )
    else:
        yield Finding("disk", Verdict.GOOD, what)


def _memory(_settings: Settings) -> Iterator[Finding]:
    facts = Path("/proc/meminfo").read_text()
    found = re.search(r"MemAvailable:\s+(\d+) kB", facts)
    free_mib = int(found[1]) // 1024 if found else 0
    what = f"{free_mib} MiB of memory are available."
    if free_mib < _LEAST_MEMORY_MIB:
        yield Finding("memory", Verdict.NOTE, what, "Guests will be few; stop some, or add memory.")
    else:
        yield Finding("memory", Verdict.GOOD, what)


def _listen(settings: Settings) -> Iterator[Finding]:
    """The port is free, or our own control plane has it."""
    known = ledger.read(paths.ledger(settings.state_dir))
    if known and "serve" in known.parts and known.parts["serve"].runs:
        yield Finding("listen", Verdict.GOOD, f"Our control plane has {settings.listen}.")
        return
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.listen_host, settings.listen_port))
        except OSError as error:
            what = f"{settings.listen} cannot be listened at: {error.strerror}."
            cure = "End what uses it, or choose another with NACRE_LISTEN."
            yield Finding("listen", Verdict.BAD, what, cure)
            return
    yield Finding("listen", Verdict.GOOD, f"{settings.listen} is free.")


def _packages(_settings: Settings) -> Iterator[Finding]:
    search = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"
    missing = [name for name in PROGRAMS if shutil.which(name, path=search) is None]
    if missing:
        packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
        what = f"These programs are missing: {', '.join(missing)}."
        cure = f"`make up` installs them, or: apt-get install {packages}."
        yield Finding("packages", Verdict.BAD, what, cure)
    elif not _has_guest_account():
        what = f"There is no account {GUEST_ACCOUNT}, without which libvirtd does not start."
        cure = "`make up` makes it; so does apt-get install libvirt-daemon-system."
        yield Finding("packages", Verdict.BAD, what, cure)
    else:
        yield Finding("packages", Verdict.GOOD, "All engines are installed.")


def _has_guest_account() -> bool:
    try:
        return bool(pwd.getpwnam(GUEST_ACCOUNT))
    except KeyError:
        return False


def _privileges(_settings: Settings) -> Iterator[Finding]:
    found = re.search(r"CapEff:\s+([0-9a-f]+)", Path("/proc/self/status").read_text())
    have = int(found[1], 16) if found else 0
    if have & (1 << _CAP_SYS_ADMIN) and have & (1 << _CAP_NET_ADMIN):
        yield Finding("privileges", Verdict.GOOD, "Networks and namespaces may be made here.")
    else:
        what = "Engines on this machine need root (CAP_SYS_ADMIN and CAP_NET_ADMIN)."
        cure = "Run as root, or take simulated hosts: nacre up --hosts fake:3."
        yield Finding("privileges", Verdict.BAD, what, cure)


def _kvm(settings: Settings) -> Iterator[Finding]:
    """Whether guests are fast; the agent decides it by the same function."""
    if not machine.uses_kvm(settings.local.virt_type, cpuinfo=machine.CPUINFO.read_text()):
        what = "Guests are emulated: correct, and ten times slower than by KVM."
        cure = "It needs svm or vmx in /proc/cpuinfo, /dev/kvm, and the option virt_type at auto."
        yield Finding("kvm", Verdict.NOTE, what, cure)
    elif os.access(machine.KVM_DEVICE, os.R_OK | os.W_OK):
        yield Finding("kvm", Verdict.GOOD, "Guests run by KVM.")
    else:
        what = f"Guests are to run by KVM, and {machine.KVM_DEVICE} cannot be opened."
        cure = "Load kvm_intel or kvm_amd, or set NACRE_LOCAL_VIRT_TYPE=qemu."
        yield Finding("kvm", Verdict.BAD, what, cure)


def _datapath(_settings: Settings) -> Iterator[Finding]:
    if engines.datapath() == "system":
        yield Finding("datapath", Verdict.GOOD, "The kernel forwards packets (openvswitch module).")
    else:
        what = "There is no openvswitch kernel module, so packets are forwarded in user space: 0.5 Gbit/s."
        yield Finding("datapath", Verdict.NOTE, what, "Use a kernel that has the module.")


def _interfaces(settings: Settings) -> Iterator[Finding]:
    """Our bridges are ours, or not there yet."""
    if locks.is_locked(paths.supervisor_lock(settings.state_dir)) or settings.netns:
        where = f"namespace {settings.netns}" if settings.netns else "this machine's own namespace"
        yield Finding("interfaces", Verdict.GOOD, f"Networks live in {where}.")
        return
    names = (engines.INTEGRATION_BRIDGE, settings.local.external_bridge)
    taken = [name for name in names if Path("/sys/class/net", name).exists()]
    if taken and ledger.read(paths.ledger(settings.state_dir)) is None:
        what = f"There are interfaces already that are not this cloud's: {', '.join(taken)}."
        yield Finding(
            "interfaces", Verdict.BAD, what, "Remove them, or set NACRE_NETNS to a name for our own."
        )
    else:
        yield Finding("interfaces", Verdict.GOOD, "The names of our bridges are free.")


def _policy(_settings: Settings) -> Iterator[Finding]:
    """Debian's own services of the same engines must not run beside ours in one network namespace."""
    for pid_file in (Path("/run/openvswitch/ovs-vswitchd.pid"), Path("/run/ovn/ovn-controller.pid")):
        if processes.lock_holder(pid_file):
            what = f"The system's own {pid_file.stem} runs."
            cure = "Stop it: systemctl disable --now openvswitch-switch ovn-host ovn-central."
            yield Finding("system services", Verdict.NOTE, what, cure)


def _parts(settings: Settings) -> Iterator[Finding]:
    state = settings.state_dir
    known = ledger.read(paths.ledger(state))
    if known is None:
        yield Finding("parts", Verdict.NOTE, "The cloud is not running.", "Start it: nacre up.")
        return
    if not known.supervisor_runs:
        yield Finding(
            "supervisor", Verdict.BAD, "Nobody watches the parts.", "Run `nacre up`: it repairs this."
        )
    for record in known.parts.values():
        well = record.phase is ledger.Phase.READY and (record.runs or not record.lasts)
        if well:
            ends = (
                f", restarted {record.restarts} times, last after {record.last_end}"
                if record.restarts
                else ""
            )
            yield Finding(record.name, Verdict.GOOD, f"ready{ends}.")
        else:
            last = logs.last_lines(paths.log_dir(state), record.name, count=1)
            what = (
                f"{record.phase}; last end: {record.last_end or 'none'}; its log: {' '.join(last) or 'empty'}"
            )
            log = paths.log_dir(state) / f"{record.name}.log"
            yield Finding(record.name, Verdict.BAD, what, f"Read {log}; `nacre up` starts it at once.")
    if "serve" in known.parts and not probes.is_healthy(paths.api_socket(state)):
        what = "The control plane does not answer /healthz."
        yield Finding(
            "health", Verdict.BAD, what, "Read the log of serve; if it hangs, end its pid: it is restarted."
        )


def _hosts(settings: Settings) -> Iterator[Finding]:
    """What agents report of their hosts' part in networks, as far as the control plane tells."""
    try:
        told = ask_control_plane(paths.api_socket(settings.state_dir), "/admin/v1/status", timeout_s=5.0)
    except (OSError, Refused):
        return  # That it does not answer has been said.
    for host_id, sentences in told["ailing_hosts"].items():
        what = f"Its networks are not well: {'; '.join(sentences)}."
        cure = (
            "It gets no servers that need this. Mend the interface, cable, MTU or firewall that is named; "
            "its agent looks every few seconds, and the host is taken again by itself."
        )
        yield Finding(f"host {host_id}", Verdict.BAD, what, cure)


def _switch_aborts(settings: Settings) -> Iterator[Finding]:
    """vswitchd of some versions aborts now and then under NAT; its monitor starts it again within 1.5 s."""
    lines = logs.last_lines(paths.log_dir(settings.state_dir), "vswitchd", count=2000)
    aborts = [line for line in lines if "|EMER|" in line or "(monitor)|ERR|" in line]
    if aborts:
        what = f"vswitchd aborted lately and was restarted; the last of its {len(aborts)} lines: {aborts[-1]}"
        cure = (
            "Traffic stopped for 1 to 2 s each time. A kernel with the openvswitch module does not have this."
        )
        yield Finding("switch", Verdict.NOTE, what, cure)
