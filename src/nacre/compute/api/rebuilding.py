"""A server begins anew from an image, and stays who it is: id, ports, addresses and host are as they were."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from nacre.compute.api import sizes
from nacre.compute.api.common import (
    Description,
    Metadata,
    Name,
    Parts,
    Truth,
    given,
    load_server,
    lock_server,
    record,
    truth,
)  # fmt: skip
from nacre.compute.api.links import links
from nacre.compute.api.server_views import FullViews, surroundings_of
from nacre.compute.api.servers import (
    AskedFile,
    DiskConfig,
    Hostname,
    Password,
    UserData,
    access_address,
    amounts_of_files,
    check_fits,
    check_texts,
    guest_image,
    load_image,
    public_key_of,
)  # fmt: skip
from nacre.compute.domain.actions import Action, check_allowed
from nacre.compute.domain.guests import Power, Reboot
from nacre.compute.domain.quotas import check_amounts
from nacre.compute.domain.servers import Server, new_password
from nacre.compute.errors import LeftOut, NotInThisState, NotYetPlaced
from nacre.compute.store import quotas
from nacre.image.contract import BootImage
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Accepted, Answer, Call
from nacre.kernel.http.versions import Windows, since, until


class Rebuild(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is to be anew. What is not there stays as it was, but for the password."""

    image_ref: str = msgspec.field(name="imageRef")
    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    hostname: Hostname | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    key_name: str | UnsetType | None = UNSET
    user_data: UserData | UnsetType | None = UNSET
    admin_password: Password | UnsetType = msgspec.field(name="adminPass", default=UNSET)
    access_ipv4: str | UnsetType = msgspec.field(name="accessIPv4", default=UNSET)
    access_ipv6: str | UnsetType = msgspec.field(name="accessIPv6", default=UNSET)
    disk_config: DiskConfig | UnsetType = msgspec.field(name="OS-DCF:diskConfig", default=UNSET)
    preserve_ephemeral: Truth = False
    personality: list[AskedFile] = []
    trusted_image_certificates: list[str] | None = None


BODY: Final = Body(
    Rebuild,
    key="rebuild",
    windows={
        "description": since("2.19"),
        "key_name": since("2.54"),
        "personality": until("2.56"),
        "user_data": since("2.57"),
        "trusted_image_certificates": since("2.63"),
        "hostname": since("2.90"),
    },
)
_SHOWN = Windows({"key_name": since("2.54"), "user_data": since("2.57")})
_AS_THEY_ARE = ("name", "description", "hostname", "metadata", "user_data", "disk_config")


def rebuild(call: Call[Parts], argument: Any, server_id: str) -> Answer:
    """Wish for a new root disk made from an image. The old one goes when its host has laid the new one.

    Errors: ServerNotFound, ServerLocked, NotInThisState, NotYetPlaced, TooManyServers, QuotaReached, LeftOut;
    KeypairNotFound, ImageNotFound and their like as 400; Bad.
    """
    if not isinstance(argument, dict):
        raise Bad("an image is needed.", where="rebuild.imageRef")
    ask = BODY.read(argument, call.version)
    if ask.trusted_image_certificates:
        raise LeftOut("trusted_image_certificates")
    check_texts(ask.user_data or None, ask.personality, where="rebuild")
    truth(ask.preserve_ephemeral, where="rebuild.preserve_ephemeral")
    password = ask.admin_password or new_password()
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        image = load_image(call, db, ask.image_ref)
        new = _said(ask)
        if ask.key_name is not UNSET:
            public_key = public_key_of(db, server.user_id, ask.key_name)
            new |= {"key_name": ask.key_name or None, "public_key": public_key}
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id)
        _check(server, image)
        _check_amounts(tx, server, ask)
        changed = sizes.change(call, tx, server, new | _anew(server, image) | {"admin_password": password})
        record(tx, server, Action.REBUILD, {"image_id": server.image_id}, {"image_id": image.image_id})
        around = surroundings_of(call, tx, [changed])
    view = FullViews(call, around, in_list=False).updated_view(changed) | {"adminPass": password}
    view.pop("OS-EXT-SRV-ATTR:user_data", None)  # Here it goes by its short name.
    own = {"key_name": changed.key_name, "user_data": changed.user_data}
    location = links(call, "servers", server_id)[0]["href"]
    return Accepted({"server": view | _SHOWN.project(own, call.version)}, Location=location)


def _said(ask: Rebuild) -> dict[str, Any]:
    """What the request itself says of the server."""
    said = given(ask)
    new = {name: said[name] for name in _AS_THEY_ARE if name in said}
    for name, version in (("access_ipv4", ipaddress.IPv4Address), ("access_ipv6", ipaddress.IPv6Address)):
        if name in said:
            new[name] = access_address(said[name], version)
    return new


def _check(server: Server, image: BootImage) -> None:
    check_allowed(server, Action.REBUILD)
    if server.old_flavor is not None:
        raise NotInThisState(server.server_id, Action.REBUILD, "vm_state", server.vm_state)
    if server.host_id is None:
        raise NotYetPlaced(server.server_id)
    check_fits(server.flavor, image)


def _check_amounts(tx: Tx, server: Server, ask: Rebuild) -> None:
    items = 0 if ask.metadata is UNSET else len(ask.metadata)
    amounts = {"server_metadata_items": items} | amounts_of_files(ask.personality)
    amounts = {name: amount for name, amount in amounts.items() if amount}
    check_amounts(quotas.rooms(tx, server.project_id, list(amounts)), amounts)


def _anew(server: Server, image: BootImage) -> dict[str, Any]:
    """A new disk, and a start from it unless the server is off."""
    new = {
        "image_id": image.image_id,
        "image": guest_image(image),
        "disk": server.next_disk,
        "reboot": str(Reboot.REBUILD),
    }
    if server.power == Power.OFF:
        return new
    return new | {"power": str(Power.ON), "boots": server.boots + 1}
