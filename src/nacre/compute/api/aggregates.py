"""Aggregates of hosts, and the availability zones they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from nacre.compute.api.common import MetadataKey, MetadataValue, Name, Parts
from nacre.compute.domain.hosts import DEFAULT_ZONE
from nacre.compute.errors import AggregateConflict, HostNotFound, LeftOut
from nacre.compute.store import aggregates, hosts, servers
from nacre.compute.store.aggregates import Aggregate
from nacre.kernel.clock import iso_micro
from nacre.kernel.database import Tx
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.versions import Windows, since
from nacre.kernel.ids import HostId, new_id

ZoneName = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A[^:\x00-\x1f]*\Z")]
HostText = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A[a-zA-Z0-9._-]*\Z")]
_WINDOWS = Windows({"uuid": since("2.41")})


class CreateAggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A new aggregate."""

    name: Name
    availability_zone: ZoneName | None = None


class UpdateAggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A new name, or another zone."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    availability_zone: ZoneName | msgspec.UnsetType | None = msgspec.UNSET


class HostAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A host that comes or goes."""

    host: HostText


class MetadataAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words to set; those set to null go."""

    metadata: dict[MetadataKey, MetadataValue | None]


class AggregateAction(msgspec.Struct, frozen=True, kw_only=True):
    """One of three changes."""

    add_host: HostAsk | None = None
    remove_host: HostAsk | None = None
    set_metadata: MetadataAsk | None = None


CREATE = Body(CreateAggregate, key="aggregate")
UPDATE = Body(UpdateAggregate, key="aggregate")
ACTION = Body(AggregateAction)


def listed(call: Call[Parts]) -> Answer:
    """Every aggregate."""
    with call.database.read() as db:
        return Ok({"aggregates": [_view(call, each) for each in aggregates.listed(db)]})


def show(call: Call[Parts], number: str) -> Answer:
    """One aggregate."""
    with call.database.read() as db:
        return Ok({"aggregate": _view(call, aggregates.load(db, number))})


def create(call: Call[Parts], ask: CreateAggregate) -> Answer:
    """An aggregate without hosts. Raises AggregateConflict."""
    with call.database.write(call.actor) as tx:
        number = max([each.number for each in aggregates.listed(tx)], default=0) + 1
        made = Aggregate(
            number=number, aggregate_id=new_id(), name=ask.name, zone=ask.availability_zone, hosts=(),
            metadata={}, created_at=tx.now, updated_at=None,
        )  # fmt: skip
        aggregates.insert(tx, made)
        _record(tx, "create", made, {"name": made.name, "zone": made.zone})
    view = _view(call, made)
    return Ok(
        {"aggregate": {name: value for name, value in view.items() if name not in ("hosts", "metadata")}}
    )


def update(call: Call[Parts], ask: UpdateAggregate, number: str) -> Answer:
    """Rename, or move to another zone. Errors: AggregateNotFound, AggregateConflict."""
    with call.database.write(call.actor) as tx:
        found = aggregates.load(tx, number)
        new: dict[str, Any] = {}
        if ask.name is not msgspec.UNSET:
            new["name"] = ask.name
        if ask.availability_zone is not msgspec.UNSET:
            new["zone"] = ask.availability_zone
        if not new:
            raise Bad("Nothing to update.")
        changed = aggregates.update(tx, found, new)
        if changed.zone != found.zone:
            _move(tx, found.hosts, changed.zone)
        _record(tx, "update", changed, new)
    return Ok({"aggregate": _view(call, changed)})


def delete(call: Call[Parts], number: str) -> Answer:
    """Delete an aggregate that has no hosts. Errors: AggregateNotFound, AggregateConflict."""
    with call.database.write(call.actor) as tx:
        found = aggregates.load(tx, number)
        if found.hosts:
            raise AggregateConflict(f"Cannot remove aggregate {found.name}: it is not empty.")
        aggregates.delete(tx, found.number)
        _record(tx, "delete", found, {})
    return Ok(None)


def act(call: Call[Parts], ask: AggregateAction, number: str) -> Answer:
    """Add or remove a host, or set metadata. Errors: AggregateNotFound, HostNotFound, AggregateConflict."""
    if sum(each is not None for each in (ask.add_host, ask.remove_host, ask.set_metadata)) != 1:
        raise Bad("There must be exactly one action in the request body.")
    with call.database.write(call.actor) as tx:
        found = aggregates.load(tx, number)
        if ask.add_host:
            changed = _add_host(tx, found, ask.add_host.host)
        elif ask.remove_host:
            changed = _remove_host(tx, found, ask.remove_host.host)
        else:
            assert ask.set_metadata is not None, "one of the three is there"
            changed = _set_metadata(tx, found, ask.set_metadata.metadata)
        _record(tx, "update", changed, {"hosts": changed.hosts, "metadata": changed.metadata})
    return Ok({"aggregate": _view(call, changed)})


def _add_host(tx: Tx, found: Aggregate, host: str) -> Aggregate:
    known = hosts.find(tx, host)
    if known is None:
        raise HostNotFound(host)
    if host in found.hosts:
        raise AggregateConflict(f"Cannot add host {host} in aggregate {found.number}: it is there already.")
    if found.zone and known.zone not in (DEFAULT_ZONE, found.zone):
        raise AggregateConflict(f"Cannot add host {host}: it is in zone {known.zone}.")
    if found.zone:
        _move(tx, (host,), found.zone)
    return aggregates.update(tx, found, {"hosts": (*found.hosts, host)})


def _remove_host(tx: Tx, found: Aggregate, host: str) -> Aggregate:
    if host not in found.hosts:
        raise HostNotFound(host)
    changed = aggregates.update(tx, found, {"hosts": tuple(each for each in found.hosts if each != host)})
    if found.zone:
        _move(tx, (host,), None)
    return changed


def _set_metadata(tx: Tx, found: Aggregate, words: Mapping[str, str | None]) -> Aggregate:
    merged = {**found.metadata, **words}
    zone = merged.pop("availability_zone", found.zone)
    kept = {key: value for key, value in merged.items() if value is not None}
    changed = aggregates.update(tx, found, {"metadata": kept, "zone": zone})
    if changed.zone != found.zone:
        _move(tx, found.hosts, changed.zone)
    return changed


def _move(tx: Tx, host_ids: tuple[str, ...], zone: str | None) -> None:
    """Servers keep the zone they were promised: a host with servers stays in its own."""
    wanted = zone or DEFAULT_ZONE
    busy = servers.names_by_host(tx)
    for host_id in host_ids:
        host = hosts.find(tx, host_id)
        if host and host.zone != wanted and busy.get(HostId(host_id)):
            raise AggregateConflict(f"Host {host_id} has servers, which were promised zone {host.zone}.")
    aggregates.set_zone(tx, host_ids, wanted)


def cache_images(call: Call[Parts], number: str) -> Answer:
    """Hosts fetch images when they need them. Raises LeftOut."""
    with call.database.read() as db:
        aggregates.load(db, number)
    raise LeftOut("caching images on an aggregate")


def _record(tx: Tx, action: str, aggregate: Aggregate, after: Mapping[str, Any]) -> None:
    tx.record(Event(action=action, kind="aggregate", subject=str(aggregate.number), after=after))


def _view(call: Call[Parts], aggregate: Aggregate) -> dict[str, Any]:
    zone = {"availability_zone": aggregate.zone} if aggregate.zone else {}
    view = {
        "id": aggregate.number,
        "uuid": aggregate.aggregate_id,
        "name": aggregate.name,
        "availability_zone": aggregate.zone,
        "hosts": aggregate.hosts,
        "metadata": {**aggregate.metadata, **zone},
        "created_at": iso_micro(aggregate.created_at, zulu=False),
        "updated_at": None if aggregate.updated_at is None else iso_micro(aggregate.updated_at, zulu=False),
        "deleted_at": None,
        "deleted": False,
    }
    return _WINDOWS.project(view, call.version)
