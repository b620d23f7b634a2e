"""Servers: accepted, listed, shown, changed, deleted."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa

from nacre.compute.api import server_filters
from nacre.compute.api.common import (
    Count,
    Description,
    Metadata,
    Name,
    Parts,
    Tag,
    Truth,
    count,
    given,
    load_server,
    lock_server,
    truth,
)  # fmt: skip
from nacre.compute.api.links import links, reference
from nacre.compute.api.server_views import FullViews, short_view, surroundings_of
from nacre.compute.domain.flavors import GIB, Flavor
from nacre.compute.domain.guests import GuestImage, Power, Reboot
from nacre.compute.domain.quotas import affordable, check_amounts, check_room, cost_of, further_classes
from nacre.compute.domain.servers import (
    Server,
    ServerName,
    changes,
    hostname_of,
    is_base64,
    names_of_many,
    new_password,
    new_reservation_id,
)  # fmt: skip
from nacre.compute.domain.status import UNPLACED, UNSEEN, Wish, status_of
from nacre.compute.errors import (
    FlavorNotFound,
    KeypairNotFound,
    LeftOut,
    ZoneIsForAdmins,
)  # fmt: skip
from nacre.compute.policy import SERVER_CREATE_ON_HOST
from nacre.compute.store import groups, hosts, keypairs, quotas, servers
from nacre.compute.store.tables import SERVER
from nacre.image.contract import BootImage
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad, Conflict, NotFound
from nacre.kernel.events import Event
from nacre.kernel.http import paging
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Accepted, Answer, Call, NoContent, Ok
from nacre.kernel.http.paging import Order
from nacre.kernel.http.versions import since, until
from nacre.kernel.ids import ImageId, NetworkId, PortId, ServerId, is_uuid, new_id
from nacre.network.contract import NicAsk, NicPlan, Unstated

UserData = Annotated[str, msgspec.Meta(max_length=65535)]
Password = Annotated[str, msgspec.Meta(max_length=255)]
Hostname = Annotated[
    str, msgspec.Meta(min_length=2, max_length=63, pattern=r"\A[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]\Z")
]
DiskConfig = Literal["AUTO", "MANUAL"]


class AskedNetwork(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One interface, by network or by port."""

    uuid: str | None = None
    port: str | None = None
    fixed_ip: str | None = None
    tag: Tag | None = None


class AskedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A security group, by name or id."""

    name: str = "default"


class AskedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file for the guest, as old versions had it: checked against its quota, and not injected."""

    path: str
    contents: str


class AskedDisk(msgspec.Struct, frozen=True, kw_only=True):
    """One block device. Only the image on a local disk is served so far."""

    source_type: str = "image"
    destination_type: str = "local"
    uuid: str | None = None
    boot_index: Count | None = 0
    delete_on_termination: Truth = True
    volume_size: Count | None = None

    @property
    def is_local_image(self) -> bool:
        return (
            self.source_type == "image" and self.destination_type == "local" and str(self.boot_index) == "0"
        )


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """Scheduler hints. `group` counts; others are accepted and have no effect."""

    group: str | None = None


class CreateServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server to be, by the API's own names."""

    name: Name
    flavor_ref: str | int = msgspec.field(name="flavorRef")
    image_ref: str = msgspec.field(name="imageRef", default="")
    networks: list[AskedNetwork] | Literal["auto", "none"] | None = None
    key_name: str | None = None
    security_groups: list[AskedGroup] = []
    user_data: UserData | None = None
    metadata: Metadata = {}
    config_drive: Truth | None = False
    availability_zone: str | None = None
    min_count: Count = 1
    max_count: Count | None = None
    return_reservation_id: Truth = False
    description: Description | None = None
    tags: Annotated[list[Tag], msgspec.Meta(max_length=50)] = []
    admin_password: Password | None = msgspec.field(name="adminPass", default=None)
    hostname: Hostname | None = None
    host: str | None = None
    hypervisor_hostname: str | None = None
    personality: list[AskedFile] = []
    disks: list[AskedDisk] = msgspec.field(name="block_device_mapping_v2", default=[])
    old_disks: list[dict[str, Any]] = msgspec.field(name="block_device_mapping", default=[])
    trusted_image_certificates: list[str] | None = None
    access_ipv4: str = msgspec.field(name="accessIPv4", default="")
    access_ipv6: str = msgspec.field(name="accessIPv6", default="")
    disk_config: DiskConfig = msgspec.field(name="OS-DCF:diskConfig", default="MANUAL")
    hints: Hints = msgspec.field(name="os:scheduler_hints", default=Hints())
    old_hints: Hints = msgspec.field(name="OS-SCH-HNT:scheduler_hints", default=Hints())


CREATE = Body(
    CreateServer,
    key="server",
    beside=("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"),
    windows={
        "description": since("2.19"),
        "tags": since("2.52"),
        "hostname": since("2.90"),
        "host": since("2.74"),
        "hypervisor_hostname": since("2.74"),
        "personality": until("2.56"),
        "trusted_image_certificates": since("2.63"),
    },
    required={"name": since("2.1"), "flavorRef": since("2.1"), "networks": since("2.37")},
)


class UpdateServer(msgspec.Struct, frozen=True, kw_only=True):
    """What of a server its owner can rename."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    access_ipv4: str | msgspec.UnsetType | None = msgspec.field(name="accessIPv4", default=msgspec.UNSET)
    access_ipv6: str | msgspec.UnsetType | None = msgspec.field(name="accessIPv6", default=msgspec.UNSET)
    disk_config: DiskConfig | msgspec.UnsetType = msgspec.field(
        name="OS-DCF:diskConfig", default=msgspec.UNSET
    )
    description: Description | msgspec.UnsetType | None = msgspec.UNSET
    hostname: Hostname | msgspec.UnsetType = msgspec.UNSET


UPDATE = Body(UpdateServer, key="server", windows={"description": since("2.19"), "hostname": since("2.90")})


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a new server stands on, read before its transaction."""

    flavor: Flavor
    image: BootImage
    public_key: str
    nics: NicPlan
    group_id: str | None


REPORT_EXPECTED_S = 30.0


# -- create --------------------------------------------------------------------------------------------------


def create(call: Call[Parts], ask: CreateServer) -> Answer:
    """Accept servers. When we answer the wish is durable; no host has been chosen yet.

    Errors: FlavorNotFound, ImageNotFound and their like as 400; QuotaReached, TooManyServers; Bad.
    Source: Compute API reference, "Create server".
    """
    _check(call, ask)
    with call.database.read() as db:
        ground = _ground(call, db, ask)
    least, most = _counts(ask, ground.nics)
    reservation_id = new_reservation_id()
    password = ask.admin_password or new_password()
    with call.database.write(call.actor) as tx:
        number = _admitted(tx, call, ask, ground, least=least, most=most)
        rows = _rows(call, ask, ground, number=number, reservation_id=reservation_id, password=password)
        servers.insert_many(tx, rows)
        quotas.insert_resources(tx, [row["server_id"] for row in rows], further_classes(ground.flavor))
        for row in rows:
            server_id = ServerId(row["server_id"])
            call.parts.networks.claim_nics(
                tx, ground.nics, server_id=server_id, caller=call.caller, host_name=row["hostname"]
            )
            tx.make_due("servers", server_id)
            tx.record(_created(row))
    if truth(ask.return_reservation_id, where="server.return_reservation_id"):
        return Accepted({"reservation_id": reservation_id})
    return _accepted(call, ask, rows[0], password)


def _accepted(call: Call[Parts], ask: CreateServer, row: dict[str, Any], password: str) -> Answer:
    names = [group.name for group in ask.security_groups] or ["default"]
    both = links(call, "servers", row["server_id"])
    view = {
        "id": row["server_id"],
        "links": both,
        "OS-DCF:diskConfig": row["disk_config"],
        "security_groups": [{"name": name} for name in dict.fromkeys(names)],
        "adminPass": password,
    }
    return Accepted({"server": view}, Location=both[0]["href"])


def _check(call: Call[Parts], ask: CreateServer) -> None:
    """What can be said without looking anywhere. Raises Bad, LeftOut, ZoneIsForAdmins."""
    if ask.old_disks or any(not disk.is_local_image for disk in ask.disks) or len(ask.disks) > 1:
        raise LeftOut("block_device_mapping with volumes, blank disks or several disks")
    if ask.trusted_image_certificates:
        raise LeftOut("trusted_image_certificates")
    check_texts(ask.user_data, ask.personality, where="server")
    access_address(ask.access_ipv4, ipaddress.IPv4Address)
    access_address(ask.access_ipv6, ipaddress.IPv6Address)
    on_host = ask.host or ask.hypervisor_hostname or ":" in (ask.availability_zone or "")
    if on_host and not SERVER_CREATE_ON_HOST.allows(call.caller, {"project_id": call.project_id}):
        raise ZoneIsForAdmins
    if len(set(ask.tags)) != len(ask.tags):
        raise Bad("tags must be unique.", where="server.tags")


def check_texts(user_data: str | None, files: Sequence[AskedFile], *, where: str) -> None:
    """Raises Bad unless what is meant for the guest is base64."""
    if user_data is not None and not is_base64(user_data):
        raise Bad("it is not base64.", where=f"{where}.user_data")
    if any(not is_base64(file.contents) for file in files):
        raise Bad("contents are not base64.", where=f"{where}.personality")


def access_address(
    address: str | None, version: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]
) -> str:
    """An address in its canonical form; empty stays empty. Raises Bad."""
    if not address:
        return ""
    try:
        return str(version(address))
    except ValueError as error:
        raise Bad(str(error), where="server.accessIP") from error


def _ground(call: Call[Parts], db: Reader, ask: CreateServer) -> Ground:
    """Read what the request refers to. What it names and is not there makes the request wrong, not lost."""
    try:
        flavor = call.parts.flavors.load(db, reference(ask.flavor_ref), project_id=call.project_id)
    except FlavorNotFound as problem:
        raise Bad(str(problem)) from problem
    image = load_image(call, db, ask.image_ref or next((disk.uuid for disk in ask.disks if disk.uuid), ""))
    check_fits(flavor, image)
    group_id = ask.hints.group or ask.old_hints.group
    if group_id:
        _check_group(call, db, group_id)
    if ask.availability_zone:
        _check_zone(db, ask.availability_zone)
    return Ground(
        flavor=flavor,
        image=image,
        public_key=public_key_of(db, call.caller.user_id, ask.key_name),
        nics=_plan_nics(call, db, ask),
        group_id=group_id,
    )


def load_image(call: Call[Parts], db: Reader, image_ref: str) -> BootImage:
    """The image that a server is to start from, by its id or a link. Raises Bad."""
    image_id = reference(image_ref)
    if not is_uuid(image_id):
        raise Bad("an image's id is needed to boot from." if not image_id else "Invalid imageRef provided.")
    try:
        return call.parts.images.load_bootable(db, ImageId(image_id), call.caller)
    except (NotFound, Conflict) as problem:
        raise Bad(str(problem)) from problem


def check_fits(flavor: Flavor, image: BootImage) -> None:
    """Raises Bad when a server of that flavor is too small for the image."""
    if flavor.memory_mib < image.min_memory_mib:
        raise Bad("Flavor's memory is too small for requested image.")
    if flavor.disk_gib:
        needed = max(image.min_disk_gib * GIB, image.virtual_size_bytes)
        if flavor.disk_gib * GIB < needed:
            raise Bad(
                f"Flavor's disk is too small for requested image. Flavor disk is {flavor.disk_gib * GIB} bytes,"
                f" image is {needed} bytes."
            )


def _check_group(call: Call[Parts], db: Reader, group_id: str) -> None:
    group = groups.find(db, group_id)
    if group is None or group.project_id != call.project_id:
        raise Bad(f"Instance group {group_id[:80]} could not be found.")


def _check_zone(db: Reader, asked: str) -> None:
    zone, _, host_name = asked.partition(":")
    known = hosts.listed(db)
    if zone and zone not in {host.zone for host in known}:
        raise Bad(f"The requested availability zone is not available: {zone[:80]}")
    name = host_name.partition(":")[0]
    if name and name not in {host.host_id for host in known} | {host.report.hostname for host in known}:
        raise Bad(f"Compute host {name[:80]} could not be found.")


def public_key_of(db: Reader, user_id: str, key_name: str | None) -> str:
    """The key of a user that a server is to know; empty without a name. Raises Bad."""
    if not key_name:
        return ""
    try:
        return keypairs.load(db, user_id, key_name).public_key
    except KeypairNotFound as problem:
        raise Bad("Invalid key_name provided.") from problem


def _plan_nics(call: Call[Parts], db: Reader, ask: CreateServer) -> NicPlan:
    asks: Sequence[NicAsk] | Unstated
    if isinstance(ask.networks, list):
        asks = [_nic_ask(each) for each in ask.networks] or Unstated.AUTO
    else:
        asks = Unstated.NONE if ask.networks == "none" else Unstated.AUTO
    names = [group.name for group in ask.security_groups]
    try:
        return call.parts.networks.plan_nics(db, call.caller, asks, names)
    except NotFound as problem:
        raise Bad(str(problem)) from problem


def _nic_ask(asked: AskedNetwork) -> NicAsk:
    for name, value in (("uuid", asked.uuid), ("port", asked.port)):
        if value is not None and not is_uuid(value):
            raise Bad(f"'{value[:80]}' is not a UUID.", where=f"server.networks.{name}")
    if not asked.uuid and not asked.port:
        raise Bad("Bad networks format: network uuid is not in proper format.")
    if asked.fixed_ip is not None:
        try:
            ipaddress.ip_address(asked.fixed_ip)
        except ValueError as error:
            raise Bad(str(error), where="server.networks.fixed_ip") from error
    return NicAsk(
        network_id=NetworkId(asked.uuid) if asked.uuid and not asked.port else None,
        port_id=PortId(asked.port) if asked.port else None,
        fixed_ip=asked.fixed_ip,
        tag=asked.tag,
    )


def _counts(ask: CreateServer, nics: NicPlan) -> tuple[int, int]:
    least = count(ask.min_count, where="server.min_count", least=1)
    most = count(least if ask.max_count is None else ask.max_count, where="server.max_count", least=1)
    if least > most:
        raise Bad("min_count must be <= max_count")
    if most > 1 and any(nic.port_id or nic.fixed_ip for nic in nics):
        raise Bad("Several servers cannot share one port or one fixed address.")
    return least, most


def _admitted(tx: Tx, call: Call[Parts], ask: CreateServer, ground: Ground, *, least: int, most: int) -> int:
    """How many of the servers the limits allow; at least `least`. Raises TooManyServers, QuotaReached."""
    one = _cost(ground)
    amounts = {"server_metadata_items": len(ask.metadata)} | amounts_of_files(ask.personality)
    amounts = {name: amount for name, amount in amounts.items() if amount}
    in_group = ["server_group_members"] if ground.group_id else []
    rooms = quotas.rooms(tx, call.project_id, [*one, *amounts, *in_group])
    check_amounts(rooms, amounts)
    number = max(least, min(most, affordable(rooms, one)))
    check_room(rooms, one, number=number)
    if ground.group_id:
        members = groups.members(tx, [ground.group_id])[ground.group_id]
        check_amounts(rooms, {"server_group_members": len(members) + number})
    return number


def _cost(ground: Ground) -> Mapping[str, int]:
    """What one of the servers amounts to, by the names of what is limited."""
    return cost_of(ground.flavor, image_bytes=ground.image.virtual_size_bytes)


def amounts_of_files(files: Sequence[AskedFile]) -> dict[str, int]:
    """What files for a guest amount to, by the names of what is limited."""
    return {
        "server_injected_files": len(files),
        "server_injected_file_path_bytes": max((len(file.path.encode()) for file in files), default=0),
        "server_injected_file_content_bytes": max((len(file.contents) * 3 // 4 for file in files), default=0),
    }


def _rows(
    call: Call[Parts], ask: CreateServer, ground: Ground, *, number: int, reservation_id: str, password: str
) -> list[dict[str, Any]]:
    zone, _, host_name = (ask.availability_zone or "").partition(":")
    wish = Wish(generation=1, power=Power.ON, boots=0, reboot=Reboot.SOFT, deleted=False)
    shown = status_of(wish, UNPLACED, UNSEEN)
    image, flavor = ground.image, ground.flavor
    common = {
        "project_id": call.project_id,
        "user_id": call.caller.user_id,
        "description": ask.description,
        "flavor": flavor,
        "flavor_id": flavor.flavor_id,
        "vcpus": flavor.vcpus,
        "memory_mib": flavor.memory_mib,
        "disk_gib": _cost(ground).get("class:DISK_GB", 0),
        "image_id": image.image_id,
        "image": guest_image(image),
        "key_name": ask.key_name or None,
        "public_key": ground.public_key,
        "user_data": ask.user_data,
        "metadata": ask.metadata,
        "tags": tuple(ask.tags),
        "config_drive": truth(ask.config_drive, where="server.config_drive"),
        "wanted_zone": zone or None,
        "wanted_host": ask.host or ask.hypervisor_hostname or host_name.partition(":")[0] or None,
        "group_id": ground.group_id,
        "reservation_id": reservation_id,
        "security_groups": tuple(group.name for group in ask.security_groups),
        "admin_password": password,
        "disk_config": ask.disk_config,
        "power": str(wish.power),
        "boots": wish.boots,
        "reboot": str(wish.reboot),
        "disk": wish.disk,
        "locked_by": None,
        "locked_reason": None,
        "access_ipv4": access_address(ask.access_ipv4, ipaddress.IPv4Address),
        "access_ipv6": access_address(ask.access_ipv6, ipaddress.IPv6Address),
        "created_at": call.now,
        "updated_at": call.now,
        "deleted_at": None,
        "generation": wish.generation,
        **msgspec.structs.asdict(shown),
    }
    rows = []
    for index, name in enumerate(names_of_many(ask.name, number)):
        server_id = ServerId(new_id())
        hostname = (
            names_of_many(ask.hostname, number)[index] if ask.hostname else hostname_of(name, server_id)
        )
        own = {"server_id": server_id, "name": name, "hostname": hostname, "launch_index": index}
        rows.append(common | own)
    return rows


def guest_image(image: BootImage) -> GuestImage:
    """What hosts are told of an image."""
    return GuestImage(
        image_id=image.image_id, sha256=image.sha256, disk_format=image.disk_format,
        size_bytes=image.size_bytes, virtual_size_bytes=image.virtual_size_bytes,
    )  # fmt: skip


def _created(row: dict[str, Any]) -> Event:
    after = {name: row[name] for name in ("name", "flavor_id", "image_id", "key_name", "reservation_id")}
    return Event(action="create", kind="server", subject=row["server_id"], after=after)


# -- read ----------------------------------------------------------------------------------------------------


def listed(call: Call[Parts]) -> Answer:
    """Ids and names."""
    page = _page(call)
    with call.database.read() as db:
        statement = _statement(call, db, page, SERVER.c.server_id, SERVER.c.name)
        found = [] if statement is None else servers.names(db, statement)
    return Ok(_list_body(call, found, page, [short_view(call, each) for each in found[: page.limit]]))


def listed_detail(call: Call[Parts]) -> Answer:
    """Servers in full."""
    page = _page(call)
    with call.database.read() as db:
        statement = _statement(call, db, page)
        found = [] if statement is None else servers.listed(db, statement)
        shown = found[: page.limit]
        views = FullViews(call, surroundings_of(call, db, shown), in_list=True)
    return Ok(_list_body(call, found, page, [views.view(server) for server in shown]))


def _page(call: Call[Parts]) -> paging.Page:
    newest_first = [Order("created_at", True)]
    return paging.page_of(call, sortable=list(server_filters.SORTABLE), default=newest_first)


def _statement(
    call: Call[Parts], db: Reader, page: paging.Page, *columns: sa.ColumnElement[Any]
) -> sa.Select[Any] | None:
    """What finds the servers of a page, and one more if the list goes on; None if no server can be meant."""
    try:
        statement = server_filters.statement_of(call, db)
    except server_filters.NothingMatches:
        return None
    if columns:
        statement = statement.with_only_columns(*columns)
    return paging.paged(db, statement, page, server_filters.SORTABLE, unique=SERVER.c.server_id)


def _list_body(
    call: Call[Parts], found: Sequence[Server | ServerName], page: paging.Page, views: list[dict[str, Any]]
) -> dict[str, Any]:
    body: dict[str, Any] = {"servers": views}
    return body | paging.links(call, "servers", found, page, id_of=lambda server: server.server_id)


def show(call: Call[Parts], server_id: str) -> Answer:
    """One server."""
    with call.database.read() as db:
        server = load_server(call, db, server_id)
        views = FullViews(call, surroundings_of(call, db, [server]), in_list=False)
    return Ok({"server": views.view(server)})


# -- change --------------------------------------------------------------------------------------------------

_TOLD_TO_HOST = frozenset({"name", "hostname"})


def update(call: Call[Parts], ask: UpdateServer, server_id: str) -> Answer:
    """Rename or describe a server. Errors: ServerNotFound, Bad."""
    new = given(ask)
    for name, version in (("access_ipv4", ipaddress.IPv4Address), ("access_ipv6", ipaddress.IPv6Address)):
        if name in new:
            new[name] = access_address(new[name], version)
    with call.database.write(call.actor) as tx:
        server = lock_server(call, tx, server_id, despite_lock=True)
        before, after = changes(server, new)
        if after:
            server = servers.change(tx, server, after, tell_host=bool(after.keys() & _TOLD_TO_HOST))
            tx.record(
                Event(action="update", kind="server", subject=server_id, before=before, after=after,
                      project_id=server.project_id)
            )  # fmt: skip
        around = surroundings_of(call, tx, [server])
    return Ok({"server": FullViews(call, around, in_list=False).updated_view(server)})


def delete(call: Call[Parts], server_id: str) -> Answer:
    """Let a server go, in whatever state it is. Asked again while it goes, this changes nothing.

    Errors: ServerNotFound, ServerLocked.
    """
    with call.database.write(call.actor) as tx:
        remove(call, tx, server_id)
    return NoContent()


def remove(call: Call[Parts], tx: Tx, server_id: str) -> None:
    """The wish that a server go. One that is on no host is forgotten at once."""
    server = lock_server(call, tx, server_id)
    if server.deleted_at is not None:
        return
    tx.record(
        Event(action="delete", kind="server", subject=server_id, before={"status": server.status},
              project_id=server.project_id)
    )  # fmt: skip
    if server.host_id is None:
        call.parts.removal.forget(tx, server)
        return
    servers.change(tx, server, {"deleted_at": tx.now, "power": "off"}, tell_host=True)
    # The host's report makes the server due at once; this is for the operator, if none comes.
    tx.make_due("servers", server_id, in_s=REPORT_EXPECTED_S)
