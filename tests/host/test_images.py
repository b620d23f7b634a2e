from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from nacre.host import first_use
from nacre.host.errors import FirstUseFailed
from nacre.host.images import tiny
from nacre.kernel.config import Settings

IMAGES = Path(tiny.__file__).parent


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img looks at the disk")
def test_the_empty_disk_of_fake_hosts_is_a_sound_qcow2(tmp_path: Path):
    disk = tiny.ensure(Settings(state=str(tmp_path), hosts="fake:1"))
    subprocess.run(["qemu-img", "check", "-q", str(disk)], check=True)
    told = subprocess.run(["qemu-img", "info", "--output=json", str(disk)], check=True, capture_output=True)
    facts = json.loads(told.stdout)
    assert facts["format"] == "qcow2"
    assert facts["virtual-size"] == 1 << 20
    assert "backing-filename" not in facts


def test_an_image_that_cannot_be_built_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NACRE_CACHE", str(tmp_path / "cache"))
    broken = tmp_path / "build.sh"
    broken.write_text("echo 'missing tool: syslinux' >&2; exit 1")
    monkeypatch.setattr(tiny, "_SCRIPT", broken)
    with pytest.raises(FirstUseFailed, match="missing tool: syslinux"):
        tiny.ensure(Settings(state=str(tmp_path)))


@pytest.mark.parametrize("script", sorted(IMAGES.rglob("*.sh")), ids=lambda path: path.name)
def test_the_build_script_is_valid(script: Path):
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize(
    "script",
    [
        path
        for path in sorted((IMAGES / "tiny").rglob("*"))
        if path.is_file() and path.read_bytes()[:2] == b"#!"
    ],
    ids=lambda path: path.name,
)
def test_the_guests_own_scripts_are_valid(script: Path):
    subprocess.run(["sh", "-n", str(script)], check=True)


@pytest.mark.parametrize(
    ("document", "leaves"),
    [
        (
            '{"uuid": "x", "keys": [{"name": "a"}, {"name": "b"}]}',
            [".uuid\tx", ".keys.0.name\ta", ".keys.1.name\tb"],
        ),
        ('{"a": {}, "b": [], "c": null, "d": [[1], true]}', [".c\tnull", ".d.0.0\t1", ".d.1\ttrue"]),
        (
            '{"key": "ssh-ed25519 AAAA me\\n", "quoted": "a\\"b\\\\c"}',
            [".key\tssh-ed25519 AAAA me\\n", '.quoted\ta"b\\c'],
        ),
        ('  {"mtu":1442,"brace":"}],{"}  ', [".mtu\t1442", ".brace\t}],{"]),
    ],
)
def test_the_guest_reads_json(tmp_path: Path, document: str, leaves: list[str]):
    file = tmp_path / "x.json"
    file.write_text(document)
    script = IMAGES / "tiny/root/etc/tiny/json"
    done = subprocess.run(["sh", str(script), str(file)], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == leaves


@pytest.mark.parametrize(
    ("cidr", "pool"),
    [
        ("172.24.4.0/24", ("172.24.4.100", "172.24.4.200")),
        ("10.9.0.0/16", ("10.9.0.100", "10.9.0.200")),
        ("192.0.2.16/28", ("192.0.2.24", "192.0.2.30")),
        ("192.0.2.0/30", ("192.0.2.2", "192.0.2.2")),
    ],
)
def test_floating_ips_are_taken_from_the_upper_part_and_never_the_gateway(cidr: str, pool: tuple[str, str]):
    assert first_use.allocation_pool(cidr) == pool
