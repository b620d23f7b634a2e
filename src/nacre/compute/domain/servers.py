"""Servers: what is wanted, and the one thing that the control plane does next for one."""

from __future__ import annotations

import base64
import re
import secrets
import string
from collections.abc import Mapping
from typing import Any

import msgspec

from nacre.compute.domain.flavors import Flavor, demand_of, largest
from nacre.compute.domain.guests import GuestImage, Power, Reboot
from nacre.compute.domain.status import Sight, Standing, Wish
from nacre.kernel.ids import HostId, ImageId, ProjectId, ServerId, UserId


class Server(msgspec.Struct, frozen=True):
    """A server as the store knows it: the spec, where it was placed, what its host says, and the state shown.

    `deleted_at` set means that it is to go. Times are seconds since the epoch. `disk` and `kept_disk` are the
    numbers of its root disks, as its host is told of them; `old_flavor` is what it had before a resize that is
    neither confirmed nor reverted.
    """

    server_id: ServerId
    project_id: ProjectId
    user_id: UserId
    name: str
    description: str | None
    hostname: str
    flavor: Flavor
    image_id: ImageId | None
    image: GuestImage | None
    key_name: str | None
    public_key: str
    user_data: str | None
    metadata: Mapping[str, str]
    tags: tuple[str, ...]
    config_drive: bool
    wanted_zone: str | None
    wanted_host: str | None
    group_id: str | None
    reservation_id: str
    launch_index: int
    security_groups: tuple[str, ...]
    admin_password: str
    disk_config: str
    power: str
    boots: int
    reboot: str
    disk: int
    kept_disk: int
    old_flavor: Flavor | None
    locked_by: str | None
    locked_reason: str | None
    access_ipv4: str
    access_ipv6: str
    created_at: float
    updated_at: float
    deleted_at: float | None
    generation: int
    status: str
    vm_state: str
    task_state: str | None
    power_state: int
    host_id: HostId | None
    zone: str | None
    refusal: str | None
    decided_at: float | None
    observed_generation: int | None
    guest_exists: bool | None
    guest_power: str | None
    guest_boots: int | None
    guest_disk: int | None
    fault: str | None
    waiting: str | None
    launched_at: float | None
    facts_at: float | None

    @property
    def wish(self) -> Wish:
        return Wish(
            generation=self.generation,
            power=Power(self.power),
            boots=self.boots,
            reboot=Reboot(self.reboot),
            deleted=self.deleted_at is not None,
            disk=self.disk,
            resized=self.old_flavor is not None,
        )

    @property
    def standing(self) -> Standing:
        return Standing(host_id=self.host_id, refusal=self.refusal or "")

    @property
    def sight(self) -> Sight:
        return Sight(
            observed_generation=self.observed_generation or 0,
            exists=bool(self.guest_exists),
            power=Power(self.guest_power or Power.OFF),
            boots=self.guest_boots or 0,
            fault=self.fault or "",
            waiting=self.waiting or "",
            launched=self.launched_at is not None,
            disk=1 if self.guest_disk is None else self.guest_disk,
        )

    @property
    def next_disk(self) -> int:
        """The number of a root disk that is asked for now: no other disk ever had it."""
        return self.generation + 1

    @property
    def flavors(self) -> tuple[Flavor, ...]:
        """The flavor it has, and the one that it may go back to while a resize waits to be confirmed."""
        return (self.flavor, self.old_flavor) if self.old_flavor else (self.flavor,)

    @property
    def image_bytes(self) -> int:
        """How large the disk in its image is."""
        return self.image.virtual_size_bytes if self.image else 0

    @property
    def demand(self) -> dict[str, int]:
        """What it takes from its host, by resource class: enough for each of its flavors."""
        return largest([demand_of(each, image_bytes=self.image_bytes) for each in self.flavors])


class ServerName(msgspec.Struct, frozen=True):
    """A server as short lists show it."""

    server_id: ServerId
    name: str


class Place(msgspec.Struct, frozen=True):
    """Find a host and claim room on it."""


class AwaitRemoval(msgspec.Struct, frozen=True):
    """The host still has the guest, or has not said that it is gone."""

    host_id: HostId


class Forget(msgspec.Struct, frozen=True):
    """No host has anything of it: release ports and claim, and delete the rows."""


class Settle(msgspec.Struct, frozen=True):
    """What is left to do is the host's, or nobody's."""


Step = Place | AwaitRemoval | Forget | Settle


def next_step(wish: Wish, standing: Standing, sight: Sight) -> Step:
    """Name the one thing to do next.

    A guest counts as gone only when its host, having heard of the removal, says that nothing is left: an older
    report of "nothing here" may be followed by a build that was already under way.
    """
    if wish.deleted:
        if standing.host_id is None:
            return Forget()
        if sight.exists or sight.observed_generation < wish.generation:
            return AwaitRemoval(standing.host_id)
        return Forget()
    if standing.host_id is None and not standing.refusal:
        return Place()
    return Settle()


_NOT_IN_HOSTNAMES = re.compile(r"[^a-zA-Z0-9-]+")


def hostname_of(name: str, server_id: ServerId) -> str:
    """A host name made of a server's name: letters, digits and dashes, at most 63.

    A name of which nothing can be used gives `server-` and the server's id.
    """
    text = (
        _NOT_IN_HOSTNAMES.sub("-", name.replace(".", "-").replace("_", "-"))
        .strip("-")
        .lower()[:63]
        .strip("-")
    )
    return text or f"server-{server_id}"


def new_password() -> str:
    """Twelve letters and digits, at least one of each kind."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(9)]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def new_reservation_id() -> str:
    """`r-` and eight letters or digits: what the servers of one request have in common."""
    return "r-" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))


def is_base64(text: str) -> bool:
    """Whether `text` is standard base64, line breaks allowed."""
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    return True


def names_of_many(name: str, count: int) -> list[str]:
    """The names of servers made by one request: the name itself, or numbered from 1."""
    return [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]


def changes(server: Server, new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Before and after of those fields that `new` changes, for the event log."""
    changed = {key: value for key, value in new.items() if getattr(server, key) != value}
    return {key: getattr(server, key) for key in changed}, changed
