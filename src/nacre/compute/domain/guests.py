"""What a host is told of its guests, and what it reports of them: the values that control plane and agent share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from nacre.kernel.ids import HostId, ImageId, PortId, ProjectId, ServerId
from nacre.network.contract import Address, ChassisFacts, MetadataPort, OutsideAddress
from nacre.network.contract import Nic as GuestNic

__all__ = [
    "Address", "GuestFacts", "GuestImage", "GuestNic", "GuestSpec", "HostReport", "HostWishes", "InstanceData",
    "MetadataPort", "OutsideAddress", "Power", "Question", "Reboot",
]  # fmt: skip


class Power(StrEnum):
    """Whether a guest runs; and if not, where its memory is."""

    ON = "on"
    OFF = "off"
    PAUSED = "paused"  # Its process stands still, for as long as its owner wishes.
    SUSPENDED = "suspended"  # It has no process; its memory lies on the host's disk.


class Reboot(StrEnum):
    """What the newest boot was asked for. What runs is asked to shut down before all but HARD and REBUILD."""

    SOFT = "soft"
    HARD = "hard"
    REBUILD = "rebuild"
    RESIZE = "resize"
    REVERT = "revert"

    @property
    def is_abrupt(self) -> bool:
        """Whether the guest's power button is not asked first: there may be nothing left that hears it."""
        return self in (Reboot.HARD, Reboot.REBUILD)


class GuestImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image a guest's root disk is laid over, known by its content."""

    image_id: ImageId
    sha256: str
    disk_format: str
    size_bytes: int
    virtual_size_bytes: int


class InstanceData(msgspec.Struct, frozen=True, kw_only=True):
    """What the guest may read about itself at 169.254.169.254."""

    hostname: str
    name: str
    availability_zone: str
    public_keys: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}
    user_data_base64: str = ""
    launch_index: int = 0
    admin_password: str = ""


class GuestSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What one guest on this host should be.

    `generation` is that of the server's spec; facts about the guest name the generation they answer.
    `boots` counts the starts asked for by a reboot: a running guest that has seen fewer is restarted,
    in the way `reboot` says. `disk_gib` 0 means as large as the image.

    A guest may have had several root disks: each has the number of the generation that first asked for it.
    `disk` is the one it should run from, made from `image`. While there is a `kept_disk` (0: none), that one
    stays as it is, and the new one is made as its copy.
    """

    guest_id: ServerId
    project_id: ProjectId
    generation: int
    present: bool
    power: Power
    boots: int
    reboot: Reboot
    vcpus: int
    memory_mib: int
    disk_gib: int
    image: GuestImage | None
    nics: tuple[GuestNic, ...]
    instance: InstanceData
    disk: int = 1
    kept_disk: int = 0


class GuestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one guest, as only its own host may say.

    `fault` is a sentence for the server's owner, empty when all is well; `waiting` says what the next
    step waits for. `ports_up` are the ports whose flows are realised on this host. `disk` is the number of the
    root disk that it was last brought to.
    """

    guest_id: ServerId
    observed_generation: int
    exists: bool
    power: Power
    boots: int
    ports_up: tuple[PortId, ...] = ()
    fault: str = ""
    waiting: str = ""
    disk: int = 1


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something a caller waits to hear from a host: the last `lines` of a console (0: all that is kept)."""

    question_id: str
    guest_id: ServerId
    lines: int


class HostWishes(msgspec.Struct, frozen=True, kw_only=True):
    """What should be on one host: everything (`complete`), or what has changed since an earlier generation."""

    host_id: HostId
    generation: int
    complete: bool
    guests: tuple[GuestSpec, ...]
    questions: tuple[Question, ...] = ()


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a host offers. Sent when its agent starts, and again when it changes."""

    host_id: HostId
    hostname: str
    address: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    hypervisor_type: str
    hypervisor_version: int
    cpu_model: str
    architecture: str = "x86_64"
    physical_networks: tuple[str, ...] = ()
    """The wires outside the cloud that its switch is on, by name."""
    healthy: bool = True
    complaint: str = ""
    chassis: ChassisFacts | None = None
    """How its switch stands; kept by the network service. None where nobody has looked."""
