"""Hosts, as the API has always shown them thrice: hypervisors, services, and hosts; and their zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from nacre.compute.api.common import Parts
from nacre.compute.domain.hosts import Host, service_uuid
from nacre.compute.errors import HostNotFound, HypervisorNotFound, LeftOut, ServiceNotFound
from nacre.compute.store import hosts, servers
from nacre.kernel.clock import iso_micro
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http import paging
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.versions import Windows, since
from nacre.kernel.ids import HostId
from nacre.placement.contract import provider_id_of

BINARY = "nova-compute"
_BY_UUID: Final = since("2.53")
_PAGED: Final = since("2.33")
_CPU_AS_OBJECT: Final = since("2.28")
_SUMS = (
    "cpu_info", "current_workload", "disk_available_least", "free_disk_gb", "free_ram_mb", "local_gb",
    "local_gb_used", "memory_mb", "memory_mb_used", "running_vms", "vcpus", "vcpus_used",
)  # fmt: skip
_NO_SUMS: Final = since("2.88")

Used = Mapping[HostId, Mapping[str, int]]
Servers = Mapping[HostId, Sequence[tuple[str, str]]]


# -- hypervisors ---------------------------------------------------------------------------------------------


def list_hypervisors(call: Call[Parts]) -> Answer:
    """Names and states."""
    return _hypervisors(call, detail=False)


def list_hypervisors_detail(call: Call[Parts]) -> Answer:
    """What each has and how much is used."""
    return _hypervisors(call, detail=True)


def _hypervisors(call: Call[Parts], *, detail: bool) -> Answer:
    with call.database.read() as db:
        found = _by_pattern(call, hosts.listed(db))
        page = paging.page_of(call, sortable=[], default=[])
        if call.version in _PAGED and page.marker is not None:
            found = _after_marker(call, found, page.marker)
        used, by_host = _usage(call, db) if detail else ({}, {})
        if not detail and _wants_servers(call):
            by_host = servers.names_by_host(db)
    limit = page.limit if call.version in _PAGED else len(found)
    views = [
        _hypervisor_view(call, host, used, by_host) if detail else _short_view(call, host, by_host)
        for host in found[:limit]
    ]
    body: dict[str, Any] = {"hypervisors": views}
    if call.version in _PAGED and 0 < limit < len(found):
        href = paging.next_link(call, str(_hypervisor_id(call, found[limit - 1])), page)
        body["hypervisors_links"] = [{"rel": "next", "href": href}]
    return Ok(body)


def _by_pattern(call: Call[Parts], found: list[Host]) -> list[Host]:
    pattern = call.one("hypervisor_hostname_pattern")
    if pattern is None or call.version not in _BY_UUID:
        return found
    matching = [host for host in found if pattern.lower() in host.report.hostname.lower()]
    if not matching:
        raise HypervisorNotFound(pattern)
    return matching


def _after_marker(call: Call[Parts], found: list[Host], marker: str) -> list[Host]:
    ids = [str(_hypervisor_id(call, host)) for host in found]
    if marker not in ids:
        raise Bad(f"The marker {marker[:80]} was not found.", where="marker")
    return found[ids.index(marker) + 1 :]


def show_hypervisor(call: Call[Parts], hypervisor_id: str) -> Answer:
    """One hypervisor. Raises HypervisorNotFound."""
    with call.database.read() as db:
        host = _load_hypervisor(call, db, hypervisor_id)
        used, by_host = _usage(call, db)
    return Ok({"hypervisor": _hypervisor_view(call, host, used, by_host)})


def show_uptime(call: Call[Parts], hypervisor_id: str) -> Answer:
    """How long a host has been known; what `uptime` said is no longer asked of hosts."""
    with call.database.read() as db:
        host = _load_hypervisor(call, db, hypervisor_id)
    raise LeftOut(f"uptime of hypervisor {host.host_id}")


def search_hypervisors(call: Call[Parts], pattern: str) -> Answer:
    """Hypervisors by a part of their name. Raises HypervisorNotFound."""
    with call.database.read() as db:
        found = [host for host in hosts.listed(db) if pattern.lower() in host.report.hostname.lower()]
    if not found:
        raise HypervisorNotFound(pattern)
    return Ok({"hypervisors": [_short_view(call, host, {}) for host in found]})


def servers_of_hypervisors(call: Call[Parts], pattern: str) -> Answer:
    """Hypervisors by a part of their name, with their servers. Raises HypervisorNotFound."""
    with call.database.read() as db:
        found = [host for host in hosts.listed(db) if pattern.lower() in host.report.hostname.lower()]
        by_host = servers.names_by_host(db)
    if not found:
        raise HypervisorNotFound(pattern)
    views = [_short_view(call, host, {}) | _servers_view(by_host.get(host.host_id, ())) for host in found]
    return Ok({"hypervisors": views})


def statistics(call: Call[Parts]) -> Answer:
    """All hypervisors that are up, summed."""
    with call.database.read() as db:
        up = [host for host in hosts.listed(db) if host.is_up(call.now)]
        used, by_host = _usage(call, db)
    sums = [_sums(host, used, by_host) for host in up]
    total = {name: sum(each[name] for each in sums) for name in _SUMS if name != "cpu_info"}
    return Ok({"hypervisor_statistics": {"count": len(up), **total}})


def _usage(call: Call[Parts], db: Reader) -> tuple[Used, Servers]:
    return call.parts.placement.usage(db), servers.names_by_host(db)


def _load_hypervisor(call: Call[Parts], db: Reader, hypervisor_id: str) -> Host:
    for host in hosts.listed(db):
        if str(_hypervisor_id(call, host)) == hypervisor_id:
            return host
    raise HypervisorNotFound(hypervisor_id)


def _hypervisor_id(call: Call[Parts], host: Host) -> str | int:
    return provider_id_of(host.host_id) if call.version in _BY_UUID else host.number


def _wants_servers(call: Call[Parts]) -> bool:
    return call.version in _BY_UUID and call.flag("with_servers")


def _short_view(call: Call[Parts], host: Host, by_host: Servers) -> dict[str, Any]:
    view = {
        "id": _hypervisor_id(call, host),
        "hypervisor_hostname": host.report.hostname,
        "state": "up" if host.is_up(call.now) else "down",
        "status": "disabled" if host.disabled else "enabled",
    }
    return view | (_servers_view(by_host.get(host.host_id, ())) if _wants_servers(call) else {})


def _servers_view(found: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"servers": [{"uuid": key, "name": name} for key, name in found]} if found else {}


def _hypervisor_view(call: Call[Parts], host: Host, used: Used, by_host: Servers) -> dict[str, Any]:
    report = host.report
    view = _short_view(call, host, by_host) | {
        "host_ip": report.address,
        "hypervisor_type": report.hypervisor_type,
        "hypervisor_version": report.hypervisor_version,
        "service": {
            "id": service_uuid(host.host_id) if call.version in _BY_UUID else host.number,
            "host": host.host_id,
            "disabled_reason": host.disabled_reason,
        },
    }
    if call.version in _NO_SUMS:
        return view | {"uptime": None}
    cpu = {"model": report.cpu_model, "arch": report.architecture, "topology": {"cores": report.vcpus}}
    as_text = msgspec.json.encode(cpu).decode()
    return (
        view | _sums(host, used, by_host) | {"cpu_info": cpu if call.version in _CPU_AS_OBJECT else as_text}
    )


def _sums(host: Host, used: Used, by_host: Servers) -> dict[str, int]:
    report, mine = host.report, used.get(host.host_id, {})
    memory, disk = mine.get("MEMORY_MB", 0), mine.get("DISK_GB", 0)
    return {
        "vcpus": report.vcpus,
        "vcpus_used": mine.get("VCPU", 0),
        "memory_mb": report.memory_mib,
        "memory_mb_used": memory,
        "free_ram_mb": report.memory_mib - memory,
        "local_gb": report.disk_gib,
        "local_gb_used": disk,
        "free_disk_gb": report.disk_gib - disk,
        "disk_available_least": report.disk_gib - disk,
        "running_vms": len(by_host.get(host.host_id, ())),
        "current_workload": 0,
    }


# -- services ------------------------------------------------------------------------------------------------

_SERVICE_WINDOWS = Windows({"forced_down": since("2.11")})


class ByName(msgspec.Struct, frozen=True, kw_only=True):
    """A service by its host, and what is to become of it; until 2.52."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    binary: str
    disabled_reason: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None
    forced_down: bool | None = None


BY_NAME = Body(ByName, windows={"forced_down": since("2.11")})


class UpdateService(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator decides of a host; since 2.53."""

    status: Literal["enabled", "disabled"] | None = None
    disabled_reason: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None
    forced_down: bool | None = None


UPDATE_SERVICE = Body(UpdateService)


def list_services(call: Call[Parts]) -> Answer:
    """One service for each host: its agent."""
    binary, name = call.one("binary"), call.one("host")
    with call.database.read() as db:
        found = hosts.listed(db)
    if binary not in (None, BINARY):
        found = []
    return Ok({"services": [_service_view(call, host) for host in found if name in (None, host.host_id)]})


def update_service(call: Call[Parts], ask: UpdateService, service_id: str) -> Answer:
    """Enable, disable or force down a host. Errors: ServiceNotFound, Bad."""
    new: dict[str, Any] = {}
    if ask.disabled_reason is not None and ask.status != "disabled":
        raise Bad("Specifying disabled_reason requires that status is 'disabled'.")
    if ask.status is not None:
        new = {"disabled": ask.status == "disabled", "disabled_reason": ask.disabled_reason}
    if ask.forced_down is not None:
        new["forced_down"] = ask.forced_down
    if not new:
        raise Bad("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    with call.database.read() as db:
        host = next((host for host in hosts.listed(db) if service_uuid(host.host_id) == service_id), None)
    if host is None:
        raise ServiceNotFound(service_id)
    return Ok({"service": _service_view(call, _decide(call, host, new))})


def enable(call: Call[Parts], ask: ByName) -> Answer:
    """Let a host take servers again."""
    return _by_name(call, ask, {"disabled": False, "disabled_reason": None}, "status")


def disable(call: Call[Parts], ask: ByName) -> Answer:
    """Let a host take no new servers."""
    return _by_name(call, ask, {"disabled": True, "disabled_reason": None}, "status")


def disable_with_reason(call: Call[Parts], ask: ByName) -> Answer:
    """Let a host take no new servers, and say why."""
    if ask.disabled_reason is None:
        raise Bad("'disabled_reason' is a required property.")
    new = {"disabled": True, "disabled_reason": ask.disabled_reason}
    return _by_name(call, ask, new, "status", "disabled_reason")


def force_down(call: Call[Parts], ask: ByName) -> Answer:
    """Say that a host is down, whatever it says itself; or take that back."""
    return _by_name(call, ask, {"forced_down": bool(ask.forced_down)}, "forced_down")


def _by_name(call: Call[Parts], ask: ByName, new: Mapping[str, Any], *shown: str) -> Answer:
    with call.database.read() as db:
        host = hosts.find(db, ask.host)
    if host is None or ask.binary != BINARY:
        raise HostNotFound(ask.host)
    view = _service_view(call, _decide(call, host, new))
    return Ok({"service": {name: view[name] for name in ("binary", "host", *shown)}})


def _decide(call: Call[Parts], host: Host, new: Mapping[str, Any]) -> Host:
    with call.database.write(call.actor) as tx:
        changed = hosts.change(tx, host, **new)
        before = {name: getattr(host, name) for name in new}
        tx.record(Event(action="update", kind="host", subject=host.host_id, before=before, after=new))
    return changed


def delete_service(call: Call[Parts], service_id: str) -> Answer:
    """Hosts are not forgotten yet. Errors: ServiceNotFound, LeftOut."""
    with call.database.read() as db:
        known = {_service_id(call, host) for host in hosts.listed(db)}
    if service_id not in {str(each) for each in known}:
        raise ServiceNotFound(service_id)
    raise LeftOut("deleting a compute service")


def _service_id(call: Call[Parts], host: Host) -> str | int:
    return service_uuid(host.host_id) if call.version in _BY_UUID else host.number


def _service_view(call: Call[Parts], host: Host) -> dict[str, Any]:
    view = {
        "id": _service_id(call, host),
        "binary": BINARY,
        "host": host.host_id,
        "zone": host.zone,
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if host.is_up(call.now) else "down",
        "updated_at": iso_micro(host.seen_at, zulu=False),
        "disabled_reason": host.disabled_reason,
        "forced_down": host.forced_down,
    }
    return _SERVICE_WINDOWS.project(view, call.version)


# -- hosts, until 2.42 ---------------------------------------------------------------------------------------


def list_hosts(call: Call[Parts]) -> Answer:
    """Names and zones."""
    zone = call.one("zone")
    with call.database.read() as db:
        found = [host for host in hosts.listed(db) if not zone or zone == host.zone]
    views = [{"host_name": host.host_id, "service": "compute", "zone": host.zone} for host in found]
    return Ok({"hosts": views})


def show_host(call: Call[Parts], host_name: str) -> Answer:
    """What a host has, and what is used of it. Raises HostNotFound."""
    with call.database.read() as db:
        host = hosts.find(db, host_name)
        if host is None:
            raise HostNotFound(host_name)
        used, by_host = _usage(call, db)
    sums = _sums(host, used, by_host)
    rows = (
        ("(total)", "vcpus", "memory_mb", "local_gb"),
        ("(used_now)", "vcpus_used", "memory_mb_used", "local_gb_used"),
    )
    views = [
        {"resource": {"host": host.host_id, "project": project, "cpu": sums[cpu], "memory_mb": sums[memory],
                      "disk_gb": sums[disk]}}
        for project, cpu, memory, disk in rows
    ]  # fmt: skip
    return Ok({"host": views})


class UpdateHost(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a host takes new servers."""

    status: Literal["enable", "disable"] | None = None
    maintenance_mode: Literal["enable", "disable"] | None = None


UPDATE_HOST = Body(UpdateHost)


def update_host(call: Call[Parts], ask: UpdateHost, host_name: str) -> Answer:
    """Let a host take new servers, or none. Errors: HostNotFound, LeftOut, Bad."""
    if ask.status is None and ask.maintenance_mode is None:
        raise Bad("'status' or 'maintenance_mode' is needed.")
    with call.database.read() as db:
        host = hosts.find(db, host_name)
    if host is None:
        raise HostNotFound(host_name)
    if ask.maintenance_mode is not None:
        raise LeftOut("maintenance mode of hosts")
    _decide(call, host, {"disabled": ask.status == "disable", "disabled_reason": None})
    return Ok({"host": host.host_id, "status": f"{ask.status}d"})


def power_host(call: Call[Parts], host_name: str) -> Answer:
    """Hosts are not switched from here. Errors: HostNotFound, LeftOut."""
    with call.database.read() as db:
        if hosts.find(db, host_name) is None:
            raise HostNotFound(host_name)
    raise LeftOut("power of hosts")


# -- zones ---------------------------------------------------------------------------------------------------


def list_zones(call: Call[Parts]) -> Answer:
    """The zones servers can be asked to be in."""
    return Ok({"availabilityZoneInfo": _zones(call, detail=False)})


def list_zones_detail(call: Call[Parts]) -> Answer:
    """The same, with their hosts."""
    return Ok({"availabilityZoneInfo": _zones(call, detail=True)})


def _zones(call: Call[Parts], *, detail: bool) -> list[dict[str, Any]]:
    with call.database.read() as db:
        known = hosts.listed(db)
    by_zone: dict[str, list[Host]] = {}
    for host in known:
        by_zone.setdefault(host.zone, []).append(host)
    return [
        {
            "zoneName": zone,
            "zoneState": {"available": any(not host.disabled for host in found)},
            "hosts": {host.host_id: {BINARY: _zone_host(call, host)} for host in found} if detail else None,
        }
        for zone, found in sorted(by_zone.items())
    ]


def _zone_host(call: Call[Parts], host: Host) -> dict[str, Any]:
    return {
        "available": host.is_up(call.now),
        "active": not host.disabled,
        "updated_at": iso_micro(host.seen_at, zulu=False),
    }
