"""What lies on the host's disk for each guest."""

from __future__ import annotations

import subprocess

import msgspec
import pytest

from nacre.agent.domain.sight import GuestRecord
from nacre.agent.drivers.base import CannotHost, EngineAway, EngineRefused
from nacre.agent.drivers.files import CONSOLE_MOST_BYTES, GuestFiles, disk_bytes, run_command
from tests.agent.control_plane import IMAGE, new_spec

SPEC = new_spec()


@pytest.fixture
def files(tmp_path):
    return GuestFiles(tmp_path / "guests", tmp_path / "images")


def test_only_directories_named_by_an_id_are_guests(files, tmp_path):
    assert not files.guest_ids()
    for name in (SPEC.guest_id, "lost+found", "disk.part"):
        (tmp_path / "guests" / name).mkdir(parents=True)

    assert list(files.guest_ids()) == [SPEC.guest_id]


def test_a_record_that_cannot_be_read_is_as_none(files, tmp_path):
    files.keep_record(SPEC.guest_id, GuestRecord(boots=1, generation=1))
    (tmp_path / "guests" / SPEC.guest_id / "record.json").write_text("{")

    assert GuestFiles(tmp_path / "guests", tmp_path / "images").record(SPEC.guest_id) is None


def test_a_half_written_record_is_not_read(files, tmp_path):
    record = GuestRecord(boots=1, generation=1)
    files.keep_record(SPEC.guest_id, record)
    (tmp_path / "guests" / SPEC.guest_id / "record.part").write_text("{")

    assert GuestFiles(tmp_path / "guests", tmp_path / "images").record(SPEC.guest_id) == record


@pytest.mark.parametrize(
    ("lines", "answer"), [(0, b"1\n2\n3\n4\n5"), (2, b"4\n5"), (4, b"2\n3\n4\n5"), (100, b"1\n2\n3\n4\n5")]
)
def test_the_console_is_read_across_its_rotation(files, lines, answer):
    log = files.console_log(SPEC.guest_id)
    log.parent.mkdir(parents=True)
    log.with_name("console.log.0").write_bytes(b"1\n2\n3\n")
    log.write_bytes(b"4\n5")

    assert files.console_tail(SPEC.guest_id, lines=lines) == answer


def test_the_console_is_never_read_whole_when_it_is_long(files):
    log = files.console_log(SPEC.guest_id)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (CONSOLE_MOST_BYTES * 2))
    log.with_name("console.log.0").write_bytes(b"y" * 100)

    assert files.console_tail(SPEC.guest_id, lines=0) == b"x" * CONSOLE_MOST_BYTES


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"disk_gib": 2}, 2 << 30),
        ({"disk_gib": 0}, IMAGE.virtual_size_bytes),
        ({"disk_gib": 3, "image": None}, 3 << 30),
    ],
)
def test_the_disk_is_as_large_as_was_asked(fields, size):
    assert disk_bytes(new_spec(**fields)) == size


def test_a_disk_that_is_smaller_than_its_image_or_nothing_cannot_be(files):
    large = IMAGE.__class__(
        **{f: getattr(IMAGE, f) for f in IMAGE.__struct_fields__} | {"virtual_size_bytes": 2 << 30}
    )
    for spec in (new_spec(disk_gib=1, image=large), new_spec(disk_gib=0, image=None)):
        with pytest.raises(CannotHost):
            disk_bytes(spec)


def test_a_disk_left_half_made_is_made_anew(files, tmp_path):
    if not _has("qemu-img"):
        pytest.skip("qemu-img is not installed")
    spec = new_spec(image=None, disk_gib=1)
    directory = tmp_path / "guests" / spec.guest_id
    directory.mkdir(parents=True)
    (directory / "disk.part").write_bytes(b"half")

    files.ensure_disk(spec)

    assert files.disk(spec.guest_id, 1).read_bytes()[:4] == b"QFI\xfb"
    assert [path.name for path in directory.iterdir()] == ["disk.qcow2"]


def test_a_larger_disk_is_a_copy_of_the_kept_one_which_stays_as_it_is(files, tmp_path):
    if not _has("qemu-img") or not _has("qemu-io"):
        pytest.skip("qemu-img or qemu-io is not installed")
    spec = new_spec(image=None, disk_gib=1)
    files.ensure_disk(spec)
    old, new = files.disk(spec.guest_id, 1), files.disk(spec.guest_id, 5)
    run_command("qemu-io", "-c", "write -P 7 1M 64k", str(old))
    before = old.read_bytes()
    grown = msgspec.structs.replace(spec, disk=5, kept_disk=1, disk_gib=2)

    files.ensure_disk(grown)

    run_command("qemu-io", "-c", "read -P 7 1M 64k", "-c", "write -P 9 1535M 64k", str(new))
    assert '"virtual-size": 2147483648' in run_command("qemu-img", "info", "--output=json", str(new))
    assert old.read_bytes() == before
    assert files.disks(spec.guest_id) == {1, 5}
    files.remove_disks(spec.guest_id, {1})
    assert files.disks(spec.guest_id) == {5}


def _has(program: str) -> bool:
    return subprocess.run(["which", program], capture_output=True, check=False).returncode == 0


def test_programs_that_fail_hang_or_are_missing_are_told_apart():
    with pytest.raises(EngineRefused, match="no such thing"):
        run_command("sh", "-c", "echo no such thing >&2; exit 3")
    with pytest.raises(EngineAway, match="no answer"):
        run_command("sleep", "10", limit_s=0.05)
    with pytest.raises(EngineAway, match="not installed"):
        run_command("no-such-program-anywhere")
    assert run_command("echo", "well") == "well\n"
