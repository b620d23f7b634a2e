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
    """How the newest boot was asked for: through the guest's own power button, or by a reset."""

    SOFT = "soft"
    HARD = "hard"


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


class GuestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one guest, as only its own host may say.

    `fault` is a sentence for the server's owner, empty when all is well; `waiting` says what the next
    step waits for. `ports_up` are the ports whose flows are realised on this host.
    """

    guest_id: ServerId
    observed_generation: int
    exists: bool
    power: Power
    boots: int
    ports_up: tuple[PortId, ...] = ()
    fault: str = ""
    waiting: str = ""


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
