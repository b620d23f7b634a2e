"""What a machine is, read from what its kernel says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nacre.agent import machine

AMD = "processor : 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu vme svm sse\n\nprocessor : 1\n"
INTEL = "model name : Xeon\nflags : fpu vmx\n"
GUEST = "model name : Xeon\nflags : fpu vmxish hypervisor\n"


def test_the_processor_and_memory_are_read():
    assert machine.cpu_model_of(AMD) == "AMD EPYC"
    assert machine.cpu_model_of("") == "unknown"
    assert machine.memory_mib_of("MemTotal:       24689312 kB\nMemFree: 1 kB\n") == 24110


@pytest.mark.parametrize(
    ("virt_type", "cpuinfo", "device", "uses"),
    [
        ("auto", AMD, "/dev/null", True),
        ("auto", AMD, "/no/device", False),
        ("auto", INTEL, "/dev/null", True),
        ("auto", GUEST, "/dev/null", False),
        ("auto", "", "/dev/null", False),
        ("kvm", GUEST, "/no/device", True),
        ("qemu", AMD, "/dev/null", False),
    ],
)
def test_kvm_is_used_where_it_works_or_where_it_was_chosen(virt_type, cpuinfo, device, uses):
    assert machine.uses_kvm(virt_type, cpuinfo=cpuinfo, device=Path(device)) is uses


def test_this_machine_has_something_of_everything(tmp_path):
    seen = machine.observe_machine(tmp_path)

    assert seen.vcpus >= 1
    assert seen.memory_mib > 100
    assert seen.disk_gib >= 1


def test_an_agent_carries_no_database_and_no_web_server():
    pytest.importorskip("libvirt")
    script = "import sys, nacre.agent.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "msgspec" in loaded.split()
    assert not {"sqlalchemy", "starlette", "uvicorn", "psycopg"} & set(loaded.split())
