"""A server gets another flavor on the host it is on, and its owner says whether it keeps it."""

from __future__ import annotations

from typing import Any

import msgspec

from nacre.compute.api import sizes
from nacre.compute.api.common import Parts, load_server, lock_server, record
from nacre.compute.api.links import reference
from nacre.compute.api.servers import DiskConfig, check_fits
from nacre.compute.domain.actions import Action, check_allowed
from nacre.compute.domain.flavors import GIB, Flavor
from nacre.compute.domain.guests import Power, Reboot
from nacre.compute.domain.servers import Server
from nacre.compute.errors import FlavorNotFound, NotInThisState
from nacre.image.contract import BootImage
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import convert
from nacre.kernel.http.call import Accepted, Answer, Call, NoContent


class Resize(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The flavor that a server is to have."""

    flavor_ref: str | int = msgspec.field(name="flavorRef")
    disk_config: DiskConfig | msgspec.UnsetType = msgspec.field(
        name="OS-DCF:diskConfig", default=msgspec.UNSET
    )


def resize(call: Call[Parts], argument: Any, server_id: str) -> Answer:
    """Wish for another flavor. Until that is confirmed or reverted, limits and host keep room for both.

    A larger root disk is made as a copy, so that the old one is there to go back to. No disk is made smaller.
    Errors: ServerNotFound, ServerLocked, NotInThisState, TooManyServers, Bad (as when the host has no room).
    """
    ask = convert(argument, Resize, where="resize")
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        try:
            flavor = call.parts.flavors.load(db, reference(ask.flavor_ref), project_id=server.project_id)
        except FlavorNotFound as problem:
            raise Bad(str(problem)) from problem
        image_ids = [server.image_id] if server.image_id else []
        images = call.parts.images.find_bootable(db, image_ids)
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        check_allowed(server, Action.RESIZE)
        _check_flavor(server, flavor, next(iter(images.values()), None))
        new: dict[str, Any] = {"flavor": flavor, "old_flavor": server.flavor}
        if flavor.disk_gib != server.flavor.disk_gib:
            new |= {"disk": server.next_disk, "kept_disk": server.disk}
        if ask.disk_config is not msgspec.UNSET:
            new["disk_config"] = ask.disk_config
        sizes.change(call, tx, server, new | _boot(server, Reboot.RESIZE))
        before, after = {"flavor_id": server.flavor.flavor_id}, {"flavor_id": flavor.flavor_id}
        record(tx, server, Action.RESIZE, before, after)
    return Accepted()


def _check_flavor(server: Server, flavor: Flavor, image: BootImage | None) -> None:
    if flavor.flavor_id == server.flavor.flavor_id:
        raise Bad("When resizing, instances must change flavor!")
    if flavor.disk_gib < server.flavor.disk_gib:
        raise Bad(
            f"Cannot resize disk: it has {server.flavor.disk_gib} GiB, and {flavor.disk_gib} GiB are fewer."
        )
    if flavor.disk_gib and flavor.disk_gib * GIB < server.image_bytes:
        raise Bad(f"Cannot resize disk: the image on it needs {server.image_bytes} bytes.")
    if image:
        check_fits(flavor, image)


def confirm(call: Call[Parts], argument: Any, server_id: str) -> Answer:
    """Keep the new flavor; the room and the disk of the old one are given back.

    Errors: ServerNotFound, ServerLocked, NotInThisState.
    """
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        old = _old_flavor(server, Action.CONFIRM_RESIZE)
        sizes.change(call, tx, server, {"old_flavor": None, "kept_disk": 0})
        record(tx, server, Action.CONFIRM_RESIZE, {"flavor_id": old.flavor_id}, {})
    return NoContent()


def revert(call: Call[Parts], argument: Any, server_id: str) -> Answer:
    """Go back to the old flavor, and to the disk that was kept for that.

    Errors: ServerNotFound, ServerLocked, NotInThisState.
    """
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        old = _old_flavor(server, Action.REVERT_RESIZE)
        new: dict[str, Any] = {"flavor": old, "old_flavor": None}
        if server.kept_disk:
            new |= {"disk": server.kept_disk, "kept_disk": 0}
        sizes.change(call, tx, server, new | _boot(server, Reboot.REVERT))
        before, after = {"flavor_id": server.flavor.flavor_id}, {"flavor_id": old.flavor_id}
        record(tx, server, Action.REVERT_RESIZE, before, after)
    return Accepted()


def _old_flavor(server: Server, action: Action) -> Flavor:
    check_allowed(server, action)
    if server.old_flavor is None:
        raise NotInThisState(server.server_id, action, "vm_state", server.vm_state)
    return server.old_flavor


def _boot(server: Server, reboot: Reboot) -> dict[str, Any]:
    """One that runs has to start anew in its new size; one that is off will."""
    is_on = server.power == Power.ON
    return {"reboot": str(reboot)} | ({"boots": server.boots + 1} if is_on else {})
