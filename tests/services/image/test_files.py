"""The content of images: whole or not at all, what it says it is, and gone when nobody refers to it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nacre.image.content.files import ImageFiles, Incoming
from nacre.image.domain.images import Content
from nacre.image.errors import ImageNotActive, ImageNotFound
from nacre.image.store import images
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database
from nacre.kernel.events import Actor
from nacre.kernel.ids import ImageId
from tests.services.image.conftest import OCTETS, ImageClient, ImageCloud, Tokens


def qcow2(*, size: int = 1 << 30, backing_offset: int = 0, features: int = 0) -> bytes:
    """The header of a qcow2, version 3."""
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, backing_offset, 8 if backing_offset else 0, 16, size)
    return (header.ljust(72, b"\0") + struct.pack(">Q", features)).ljust(65536, b"\0")


def partitioned() -> bytes:
    """A disk with a master boot record and one partition."""
    entry = struct.pack("<B3BB3BII", 0x80, 0, 2, 0, 0x83, 0, 0, 0, 2048, 4096)
    return (b"\0" * 446 + entry).ljust(510, b"\0") + b"\x55\xaa" + b"\0" * 65536


def iso(*, bootable: bool = False) -> bytes:
    """An ISO 9660 volume descriptor where it belongs; also partitioned, if bootable from a stick."""
    start = partitioned()[:512] if bootable else b"\0" * 512
    descriptor = (b"\x01CD001\x01".ljust(80, b"\0") + struct.pack("<L", 20)).ljust(128, b"\0")
    return start.ljust(32768, b"\0") + (descriptor + struct.pack("<H", 2048)).ljust(8192, b"\0")


def vmdk(extent: str) -> bytes:
    """A sparse VMDK whose descriptor names `extent`."""
    header = struct.pack("<4sIIQQQQIQQ", b"KDMV", 1, 3, 2048, 128, 1, 20, 512, 21, 26).ljust(512, b"\0")
    descriptor = (
        f'# Disk DescriptorFile\nversion=1\ncreateType="monolithicSparse"\nRW 2048 SPARSE "{extent}"\n'
    )
    return (header + descriptor.encode().ljust(20 * 512, b"\0")).ljust(65536, b"\0")


def test_content_comes_back_as_it_went_in(demo: ImageClient, some_bytes: bytes) -> None:
    made = demo.make_active(some_bytes)

    assert made["status"] == "active"
    assert made["size"] == made["virtual_size"] == len(some_bytes)
    assert made["checksum"] == hashlib.md5(some_bytes).hexdigest()
    assert made["os_hash_algo"] == "sha256"
    assert made["os_hash_value"] == hashlib.sha256(some_bytes).hexdigest()
    reply = demo.get(f"/image{made['file']}")
    assert reply.body == some_bytes
    assert reply.headers["content-md5"] == made["checksum"]
    assert reply.headers["content-length"] == str(len(some_bytes))
    head = demo.head(f"/image{made['file']}")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(some_bytes)))


def test_content_may_arrive_in_pieces_of_any_size(demo: ImageClient, some_bytes: bytes) -> None:
    made = demo.make()
    cuts = [0, 1, 2, 511, 513, 70_000, 1 << 20, (1 << 20) + 1, 3_000_000, len(some_bytes)]
    pieces = [some_bytes[first:last] for first, last in itertools.pairwise(cuts)]

    assert demo.put(f"/image{made['file']}", body=pieces, headers=OCTETS).status == 204

    assert demo.get(f"/image{made['file']}").body == some_bytes


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=90-", 90, 100), ("bytes=-5", 95, 100),
     ("bytes=50-500", 50, 100), ("bytes=-500", 0, 100)],
)  # fmt: skip
def test_a_part_of_the_content_can_be_read(demo: ImageClient, asked: str, first: int, last: int) -> None:
    content = bytes(range(100))
    made = demo.make_active(content)

    reply = demo.get(f"/image{made['file']}", headers={"Range": asked})

    assert reply.status == 206
    assert reply.body == content[first:last]
    assert reply.headers["content-range"] == f"bytes {first}-{last - 1}/100"


def test_a_part_behind_the_end_is_refused_and_an_odd_range_ignored(demo: ImageClient) -> None:
    made = demo.make_active(b"0123456789")

    behind = demo.get(f"/image{made['file']}", headers={"Range": "bytes=10-"})
    odd = demo.get(f"/image{made['file']}", headers={"Range": "bytes=5-2"})

    assert behind.status == 416
    assert behind.headers["content-range"] == "bytes */10"
    assert (odd.status, odd.body) == (200, b"0123456789")


def test_there_is_nothing_to_read_before_the_upload(demo: ImageClient) -> None:
    reply = demo.get(f"/image{demo.make()['file']}")

    assert (reply.status, reply.body) == (204, b"")


def test_content_is_uploaded_once(demo: ImageClient) -> None:
    made = demo.make_active(b"first")

    assert demo.upload(made, b"second").status == 409
    assert demo.get(f"/image{made['file']}").body == b"first"


def test_an_upload_needs_its_media_type_and_formats(demo: ImageClient) -> None:
    made = demo.make()
    bare = demo.post("/image/v2/images", json={"name": "without formats"}).json

    assert demo.put(f"/image{made['file']}", body=b"x", headers={"Content-Type": "text/plain"}).status == 415
    assert demo.upload(bare, b"x").status == 400
    assert demo.show(made)["status"] == "queued"


def test_an_upload_cut_off_half_way_keeps_nothing(
    cloud: ImageCloud, demo: ImageClient, some_bytes: bytes
) -> None:
    made = demo.make()

    reply = demo.upload(made, some_bytes, hang_up=True)

    assert reply.status == 400
    assert demo.show(made)["status"] == "queued"
    assert cloud.files() == []
    assert demo.upload(made, some_bytes).status == 204, "it may be tried again"


@pytest.mark.parametrize(
    ("disk_format", "content", "virtual_size"),
    [
        ("qcow2", qcow2(size=123 << 20), 123 << 20),
        ("raw", partitioned(), len(partitioned())),
        ("raw", b"", 0),
        ("raw", b"QF", 2),
        ("iso", iso(), 20 * 2048),
        ("iso", iso(bootable=True), 20 * 2048),
        ("vmdk", vmdk("disk.vmdk"), 2048 * 512),
        ("aki", partitioned(), len(partitioned())),
    ],
    ids=["qcow2", "partitioned", "empty", "short", "iso", "hybrid", "vmdk", "kernel"],
)
def test_honest_content_is_taken(
    demo: ImageClient, disk_format: str, content: bytes, virtual_size: int
) -> None:
    made = demo.make_active(content, disk_format=disk_format)

    assert made["status"] == "active"
    assert made["virtual_size"] == virtual_size


@pytest.mark.parametrize(
    ("disk_format", "content"),
    [
        ("raw", qcow2()),
        ("raw", iso()),
        ("raw", vmdk("disk.vmdk")),
        ("ami", qcow2()),
        ("qcow2", b"just bytes" * 10_000),
        ("qcow2", qcow2()[:100]),
        ("qcow2", qcow2(backing_offset=512)),
        ("qcow2", qcow2(features=1 << 2)),
        ("qcow2", qcow2(features=1 << 40)),
        ("qcow2", qcow2().ljust(32768, b"\0")[:32768] + iso()[32768:]),
        ("qcow2", qcow2()[:510] + b"\x55\xaa" + qcow2()[512:]),
        ("vmdk", vmdk("/etc/passwd")),
        ("vhd", qcow2()),
        ("iso", partitioned()),
        ("ploop", qcow2()),
    ],
    ids=[
        "qcow2-as-raw", "iso-as-raw", "vmdk-as-raw", "qcow2-as-ami", "bytes-as-qcow2", "cut-header",
        "backing-file", "data-file", "unknown-feature", "qcow2-and-iso", "qcow2-and-mbr", "vmdk-of-another-file",
        "qcow2-as-vhd", "mbr-as-iso", "qcow2-as-ploop",
    ],
)  # fmt: skip
def test_a_lie_about_the_format_is_refused_and_nothing_kept(
    cloud: ImageCloud, demo: ImageClient, disk_format: str, content: bytes
) -> None:
    made = demo.make(disk_format=disk_format)

    reply = demo.upload(made, content)

    assert reply.status == 400, reply
    assert demo.show(made) == made
    assert cloud.files() == []


def test_a_lie_about_the_size_is_refused(cloud: ImageCloud, demo: ImageClient) -> None:
    made = demo.make()
    headers = {**OCTETS, "x-openstack-image-size": "8"}

    assert demo.put(f"/image{made['file']}", body=b"seven b", headers=headers).status == 400
    assert cloud.files() == []
    assert demo.put(f"/image{made['file']}", body=b"eight by", headers=headers).status == 204


def test_a_full_disk_refuses_the_upload(tmp_path: Path, database: Database, clock: VirtualClock) -> None:
    state = tmp_path / "state"
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    cloud = ImageCloud(state, database, clock, reserve_bytes=free + (1 << 40))
    demo = cloud.client()
    made = demo.make()

    reply = demo.upload(made, b"x")

    assert reply.status == 413
    assert demo.show(made)["status"] == "queued"
    assert cloud.files() == []
    cloud.http.close()


def test_a_disk_that_fills_up_half_way_keeps_nothing(
    cloud: ImageCloud, demo: ImageClient, some_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = iter([1 << 40, 2 << 30])
    monkeypatch.setattr("nacre.image.content.files._free_bytes", lambda _place: next(room, 1000))
    made = demo.make()
    halves = [some_bytes[:2_000_000], some_bytes[2_000_000:]]

    reply = demo.put(f"/image{made['file']}", body=halves, headers=OCTETS)

    assert reply.status == 413
    assert demo.show(made)["status"] == "queued"
    assert cloud.files() == []


def test_equal_contents_share_one_file_that_goes_with_the_last_image(
    cloud: ImageCloud, demo: ImageClient, stranger: ImageClient
) -> None:
    first, second = demo.make_active(b"same"), stranger.make_active(b"same")
    assert len(cloud.files()) == 1

    demo.delete(f"/image{first['self']}")
    cloud.settle()
    assert stranger.get(f"/image{second['file']}").body == b"same"

    stranger.delete(f"/image{second['self']}")
    cloud.settle()
    assert cloud.files() == []


def test_an_image_deleted_during_its_upload_leaves_nothing(
    cloud: ImageCloud, demo: ImageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = demo.make()
    publish = ImageFiles.publish

    def delete_meanwhile(*arguments: object) -> None:
        assert demo.delete(f"/image{made['self']}").status == 204
        publish(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageFiles, "publish", delete_meanwhile)
    reply = demo.upload(made, b"nobody's")

    assert reply.status == 410
    cloud.settle()
    assert cloud.files() == []


def test_an_upload_whose_writer_died_is_ended_by_the_loop(cloud: ImageCloud, demo: ImageClient) -> None:
    made = demo.make()
    incoming = begin_upload(cloud, made["id"], "dead")
    incoming.write(b"half of it")

    cloud.settle(after_s=120)
    assert demo.show(made)["status"] == "saving", "its writer lives and is only slow"

    incoming.close()
    cloud.settle(after_s=120)
    assert demo.show(made)["status"] == "queued"
    assert cloud.files() == []


@pytest.mark.parametrize("published", [False, True])
def test_a_writer_that_dies_at_the_end_leaves_all_or_nothing(
    cloud: ImageCloud, demo: ImageClient, published: bool
) -> None:
    made = demo.make()
    incoming = begin_upload(cloud, made["id"], "dead")
    incoming.write(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    with cloud.database.write(Actor("test")) as tx:
        content = Content(sha256=sha256, md5="m", size_bytes=7, virtual_size_bytes=7)
        assert images.name_content(tx, "dead", content)
    if published:
        ImageFiles(cloud.state / "images", reserve_bytes=0).publish(incoming, sha256)
    incoming.close()

    cloud.settle(after_s=120)

    assert demo.show(made)["status"] == ("active" if published else "queued")
    assert len(cloud.files()) == (1 if published else 0)
    if published:
        assert demo.get(f"/image{made['file']}").body == b"content"


def test_a_full_pass_removes_what_nobody_refers_to(cloud: ImageCloud, demo: ImageClient) -> None:
    kept = demo.make_active(b"kept")
    files = ImageFiles(cloud.state / "images", reserve_bytes=0)
    orphan = files.begin("orphan")
    orphan.write(b"orphan")
    files.publish(orphan, hashlib.sha256(b"orphan").hexdigest())
    orphan.close()
    files.begin("left").close()

    cloud.settle()

    assert len(cloud.files()) == 1
    assert demo.get(f"/image{kept['file']}").body == b"kept"


def test_content_set_aside_by_a_remover_that_died_is_read_and_put_back(
    cloud: ImageCloud, demo: ImageClient
) -> None:
    made = demo.make_active(b"precious")
    before = cloud.files()
    files = ImageFiles(cloud.state / "images", reserve_bytes=0)
    files.set_aside(hashlib.sha256(b"precious").hexdigest())
    assert cloud.files() != before

    assert demo.get(f"/image{made['file']}").body == b"precious"
    cloud.settle()

    assert cloud.files() == before


def test_a_deactivated_image_is_read_by_administrators_only(demo: ImageClient, admin: ImageClient) -> None:
    made = demo.make_active(b"secret")
    path = f"/image{made['self']}"
    assert demo.post(f"/image{demo.make()['self']}/actions/deactivate").status == 403

    assert demo.post(f"{path}/actions/deactivate").status == 204
    assert demo.show(made)["status"] == "deactivated"
    assert demo.get(f"{path}/file").status == 403
    assert admin.get(f"{path}/file").body == b"secret"

    assert demo.post(f"{path}/actions/reactivate").status == 204
    assert demo.get(f"{path}/file").body == b"secret"


def test_neighbours_find_what_guests_start_from(cloud: ImageCloud, demo: ImageClient) -> None:
    made = demo.make_active(qcow2(size=2 << 30), disk_format="qcow2", min_ram=64, hw_disk_bus="scsi")
    waiting = demo.make()
    owner = Tokens().authenticate("demo:member")

    with cloud.database.read() as db:
        image = cloud.images.load_bootable(db, ImageId(made["id"]), owner)
        found = cloud.images.find_bootable(db, [ImageId(made["id"]), ImageId(waiting["id"]), ImageId("none")])
        with pytest.raises(ImageNotActive):
            cloud.images.load_bootable(db, ImageId(waiting["id"]), owner)
        with pytest.raises(ImageNotFound):
            cloud.images.load_bootable(db, ImageId(made["id"]), Tokens().authenticate("other:member"))

    assert found == {made["id"]: image}
    assert image.sha256 == hashlib.sha256(qcow2(size=2 << 30)).hexdigest()
    assert (image.disk_format, image.virtual_size_bytes, image.min_memory_mib) == ("qcow2", 2 << 30, 64)
    assert image.properties == {"hw_disk_bus": "scsi"}
    assert asyncio.run(whole(cloud.images.read(image))) == qcow2(size=2 << 30)


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def begin_upload(cloud: ImageCloud, image_id: str, upload_id: str) -> Incoming:
    """An upload as another process would have begun it."""
    incoming = ImageFiles(cloud.state / "images", reserve_bytes=0).begin(upload_id)
    with cloud.database.write(Actor("test")) as tx:
        assert images.claim_upload(tx, image_id, upload_id)
    return incoming
