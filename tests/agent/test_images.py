"""Base images on a host: whole or not there, checked, shared, and swept."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from nacre.agent.drivers.base import CannotHost, EngineAway, EngineRefused, Underway
from nacre.agent.images import SWEEP_S, UNUSED_S, ImageCache
from nacre.agent.link import ControlPlaneAway
from nacre.compute.domain.guests import GuestImage
from nacre.kernel.clock import VirtualClock
from nacre.kernel.ids import ImageId


def image_of(data: bytes, *, disk_format: str = "raw", number: int = 1) -> GuestImage:
    return GuestImage(
        image_id=ImageId(f"image-{number}"),
        sha256=hashlib.sha256(data).hexdigest(),
        disk_format=disk_format,
        size_bytes=len(data),
        virtual_size_bytes=len(data),
    )


class Store:
    """Sends `data`, in pieces, and can stop in the middle."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.opened = 0
        self.fails_after: int | None = None
        self.gate: threading.Event | None = None
        self.begun = threading.Event()

    @contextmanager
    def open_image(self, image_id: ImageId) -> Iterator[Iterator[bytes]]:
        self.opened += 1
        yield self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        for number in range(0, len(self.data), 10):
            if self.fails_after is not None and number >= self.fails_after:
                raise ControlPlaneAway("cut")
            yield self.data[number : number + 10]
            self.begun.set()
            if self.gate:
                self.gate.wait(5)


DATA = bytes(range(256)) * 3


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def store():
    return Store(DATA)


@pytest.fixture
def cache(tmp_path, store, clock):
    return ImageCache(tmp_path, store.open_image, clock)


def silent(_done: int) -> None:
    """Nobody listens."""


def test_an_image_is_kept_under_its_checksum(cache, tmp_path):
    image = image_of(DATA)
    before = cache.has(image)

    cache.fetch(image, silent)

    assert not before
    assert cache.has(image)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {image.sha256: DATA}


def test_an_image_that_is_here_is_not_fetched_again(cache, store):
    for _ in range(2):
        cache.fetch(image_of(DATA), silent)

    assert store.opened == 1


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (DATA[:-1], EngineAway),
        (DATA + b"x", EngineRefused),
        (DATA[:-1] + b"x", EngineRefused),
        (b"", EngineAway),
    ],
)
def test_nothing_is_kept_of_what_is_not_the_image(cache, store, tmp_path, sent, problem):
    store.data = sent

    with pytest.raises(problem):
        cache.fetch(image_of(DATA), silent)

    assert not list(tmp_path.iterdir())


def test_a_transfer_that_breaks_leaves_nothing_and_can_be_repeated(cache, store, tmp_path):
    store.fails_after = 100
    with pytest.raises(ControlPlaneAway):
        cache.fetch(image_of(DATA), silent)
    between = list(tmp_path.iterdir())
    store.fails_after = None

    cache.fetch(image_of(DATA), silent)

    assert not between
    assert cache.has(image_of(DATA))


def test_a_second_guest_does_not_fetch_what_is_being_fetched(cache, store):
    store.gate = threading.Event()
    first = threading.Thread(target=cache.fetch, args=(image_of(DATA), silent))
    first.start()
    store.begun.wait(5)

    with pytest.raises(Underway, match="being copied"):
        cache.fetch(image_of(DATA), silent)

    store.gate.set()
    first.join(5)
    assert cache.has(image_of(DATA))
    assert store.opened == 1


def test_few_images_are_fetched_at_once(cache, store):
    store.gate = threading.Event()
    images = [image_of(DATA + bytes([number]), number=number) for number in range(3)]
    threads = [threading.Thread(target=_try, args=(cache, image)) for image in images[:2]]
    for thread in threads:
        thread.start()
    while store.opened < 2:
        store.begun.wait(0.01)

    with pytest.raises(Underway, match="waits for other images"):
        cache.fetch(images[2], silent)

    store.gate.set()
    for thread in threads:
        thread.join(5)


def _try(cache: ImageCache, image: GuestImage) -> None:
    with suppress(EngineAway, EngineRefused):
        cache.fetch(image, silent)


def test_progress_is_told_now_and_then(cache, store, clock):
    heard: list[int] = []
    pieces = store._pieces

    def slow_pieces() -> Iterator[bytes]:
        for piece in pieces():
            clock.advance(0.1)
            yield piece

    store._pieces = slow_pieces
    cache.fetch(image_of(DATA), heard.append)

    assert heard == sorted(heard)
    assert 2 <= len(heard) <= 5


def _qcow2(*, version: int = 3, backing: int = 0, features: int = 0) -> bytes:
    head = struct.pack(">4sIQI", b"QFI\xfb", version, backing, 0)
    return (head.ljust(72, b"\0") + struct.pack(">Q", features)).ljust(512, b"\0")


@pytest.mark.parametrize(
    ("data", "accepted"),
    {
        "version 3": (_qcow2(), True),
        "version 2": (_qcow2(version=2, features=0b100), True),
        "a backing file": (_qcow2(backing=512), False),
        "a backing file, version 2": (_qcow2(version=2, backing=512), False),
        "an external data file": (_qcow2(features=0b100), False),
        "another feature": (_qcow2(features=0b1), True),
        "no qcow2": (b"KDMV" + bytes(512), False),
        "nearly nothing": (b"Q", False),
    }.values(),
)
def test_a_base_that_names_another_file_of_the_host_is_refused(cache, store, tmp_path, data, accepted):
    store.data = data
    image = image_of(data, disk_format="qcow2")

    if accepted:
        cache.fetch(image, silent)
    else:
        with pytest.raises(CannotHost):
            cache.fetch(image, silent)

    assert [path.name for path in tmp_path.iterdir()] == ([image.sha256] if accepted else [])


def test_an_image_goes_some_time_after_its_last_use_and_not_before(cache, clock):
    image = image_of(DATA)
    cache.fetch(image, silent)
    for _ in range(3):
        clock.advance(UNUSED_S)
        cache.sweep({image.sha256})
    in_use = cache.has(image)
    clock.advance(UNUSED_S - 1)
    cache.sweep(())
    in_time = cache.has(image)
    clock.advance(SWEEP_S)
    cache.sweep(())

    assert in_use
    assert in_time
    assert not cache.has(image)


def test_a_transfer_that_an_earlier_agent_left_unfinished_is_swept(cache, tmp_path, clock):
    (tmp_path / ("ab" * 32 + ".part")).write_bytes(b"half")
    clock.advance(SWEEP_S)

    cache.sweep(())

    assert not list(tmp_path.iterdir())


def test_unused_images_do_not_fill_the_disk(cache, tmp_path, clock, monkeypatch):
    monkeypatch.setattr("nacre.agent.images.UNUSED_MOST_BYTES", 25)
    for age in range(5):
        path = tmp_path / (f"{age}" * 64)
        path.write_bytes(bytes(10))
        os.utime(path, (clock.now() - age, clock.now() - age))

    cache.sweep({"4" * 64})

    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["0", "1", "4"]


def test_a_cache_without_a_directory_has_nothing_to_sweep(tmp_path, store, clock):
    ImageCache(tmp_path / "none", store.open_image, clock).sweep(())
