"""What this machine is: its processors, memory and disk, and whether KVM really works on it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import msgspec

CPUINFO, MEMINFO, KVM_DEVICE = Path("/proc/cpuinfo"), Path("/proc/meminfo"), Path("/dev/kvm")
GIB = 1 << 30


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The raw size of a host; what is kept back from it is not decided here."""

    vcpus: int
    memory_mib: int
    disk_gib: int
    cpu_model: str
    architecture: str


def observe_machine(state_dir: Path) -> Machine:
    """What there is on this machine; the disk is that on which guests' disks lie."""
    status = os.statvfs(state_dir)
    return Machine(
        vcpus=len(os.sched_getaffinity(0)),
        memory_mib=memory_mib_of(MEMINFO.read_text()),
        disk_gib=status.f_blocks * status.f_frsize // GIB,
        cpu_model=cpu_model_of(CPUINFO.read_text()),
        architecture=platform.machine(),
    )


def memory_mib_of(meminfo: str) -> int:
    """The total memory in the text of /proc/meminfo."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def cpu_model_of(cpuinfo: str) -> str:
    """The processor's name in the text of /proc/cpuinfo."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else "unknown"


def uses_kvm(virt_type: str, *, cpuinfo: str, device: Path = KVM_DEVICE) -> bool:
    """Whether guests run by KVM: as `virt_type` says, or for `auto`, if the processor has it.

    The device alone proves nothing: on a virtual machine it may open, and run no 64-bit kernel.
    """
    if virt_type != "auto":
        return virt_type == "kvm"
    flags = re.search(r"^flags\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return flags is not None and not {"svm", "vmx"}.isdisjoint(flags[1].split()) and device.exists()
