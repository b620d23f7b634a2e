"""How servers are shown."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nacre.compute.api.common import Parts
from nacre.compute.api.links import bookmark, links
from nacre.compute.domain.hosts import Host
from nacre.compute.domain.servers import Server, ServerName
from nacre.compute.policy import SERVER_IN_FULL
from nacre.compute.store import hosts
from nacre.kernel.clock import iso_micro, iso_z
from nacre.kernel.database import Reader
from nacre.kernel.http.call import Call
from nacre.kernel.http.versions import Windows, since
from nacre.kernel.ids import HostId, ServerId
from nacre.network.contract import ShownAddress

_WINDOWS = Windows(
    dict.fromkeys(
        (
            "OS-EXT-SRV-ATTR:reservation_id",
            "OS-EXT-SRV-ATTR:launch_index",
            "OS-EXT-SRV-ATTR:ramdisk_id",
            "OS-EXT-SRV-ATTR:kernel_id",
            "OS-EXT-SRV-ATTR:hostname",
            "OS-EXT-SRV-ATTR:root_device_name",
            "OS-EXT-SRV-ATTR:user_data",
        ),
        since("2.3"),
    )
    | {
        "locked": since("2.9"),
        "host_status": since("2.16"),
        "description": since("2.19"),
        "tags": since("2.26"),
        "trusted_image_certificates": since("2.63"),
        "server_groups": since("2.71"),
        "locked_reason": since("2.73"),
        "pinned_availability_zone": since("2.96"),
    }
)
_FLAVOR_IN_WORDS: Final = since("2.47")
_HOSTNAME_FOR_ALL: Final = since("2.90")
_HOST_STATUS: Final = since("2.16")
_PROGRESS = {"ACTIVE": 100, "BUILD": 0}
_ONLY_IN_SHOW = frozenset({"server_groups"})
# What an update answered with before 2.75: the spec, without what other parts know of the server.
_NOT_IN_OLD_UPDATE = frozenset(
    {
        "OS-EXT-AZ:availability_zone",
        "config_drive",
        "key_name",
        "security_groups",
        "OS-SRV-USG:launched_at",
        "OS-SRV-USG:terminated_at",
        "OS-EXT-STS:task_state",
        "OS-EXT-STS:vm_state",
        "OS-EXT-STS:power_state",
        "os-extended-volumes:volumes_attached",
        "host_status",
    }
)
_FULL_UPDATE: Final = since("2.75")


@dataclass(frozen=True)
class Surroundings:
    """What others know of some servers, read once for all of them."""

    addresses: Mapping[ServerId, Sequence[ShownAddress]]
    security_groups: Mapping[ServerId, Sequence[str]]
    hosts: Mapping[HostId, Host]


def surroundings_of(call: Call[Parts], db: Reader, found: Sequence[Server]) -> Surroundings:
    """Three questions at most, however many servers."""
    ids = [server.server_id for server in found]
    in_full = call.version in _HOST_STATUS and SERVER_IN_FULL.allows(call.caller, {})
    host_ids = {server.host_id for server in found if server.host_id} if in_full else set()
    return Surroundings(
        addresses=call.parts.networks.addresses_of(db, ids) if ids else {},
        security_groups=call.parts.networks.security_groups_of(db, ids) if ids else {},
        hosts=hosts.find_many(db, host_ids) if host_ids else {},
    )


def short_view(call: Call[Parts], server: Server | ServerName) -> dict[str, Any]:
    """Id and name."""
    return {"id": server.server_id, "name": server.name, "links": links(call, "servers", server.server_id)}


class FullViews:
    """Shows servers in full to one caller."""

    def __init__(self, call: Call[Parts], around: Surroundings, *, in_list: bool) -> None:
        self._call = call
        self._around = around
        self._for_admin = SERVER_IN_FULL.allows(call.caller, {})
        self._hidden = _WINDOWS.hidden(call.version) | (_ONLY_IN_SHOW if in_list else frozenset())
        self._flavor_in_words = call.version in _FLAVOR_IN_WORDS
        self._hostname_for_all = call.version in _HOSTNAME_FOR_ALL
        self._images: dict[str, dict[str, Any]] = {}  # Many servers of a list share their image.

    def view(self, server: Server) -> dict[str, Any]:
        """One server."""
        view = self._everybodys(server)
        if self._for_admin:
            view |= self._admins(server)
        elif self._hostname_for_all:
            view["OS-EXT-SRV-ATTR:hostname"] = server.hostname
        for name in self._hidden:
            view.pop(name, None)
        return view

    def updated_view(self, server: Server) -> dict[str, Any]:
        """One server, in answer to its update."""
        view = self.view(server)
        if self._call.version in _FULL_UPDATE:
            return view
        view["addresses"] = plain_addresses(view["addresses"])
        return {
            name: value
            for name, value in view.items()
            if name not in _NOT_IN_OLD_UPDATE and not name.startswith("OS-EXT-SRV-ATTR:")
        }

    def _everybodys(self, server: Server) -> dict[str, Any]:
        view = {
            "id": server.server_id,
            "name": server.name,
            "status": server.status,
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "metadata": server.metadata,
            "hostId": host_hash(server),
            "image": self._image(server),
            "flavor": self._flavor(server),
            "created": iso_z(server.created_at),
            "updated": iso_z(server.updated_at),
            "addresses": addresses_view(self._around.addresses.get(server.server_id, ())),
            "accessIPv4": server.access_ipv4,
            "accessIPv6": server.access_ipv6,
            "links": links(self._call, "servers", server.server_id),
            "OS-DCF:diskConfig": server.disk_config,
            "OS-EXT-AZ:availability_zone": server.zone or "",
            "config_drive": "True" if server.config_drive else "",
            "key_name": server.key_name,
            "OS-SRV-USG:launched_at": iso_micro(server.launched_at, zulu=False)
            if server.launched_at
            else None,
            "OS-SRV-USG:terminated_at": None,
            "OS-EXT-STS:task_state": server.task_state,
            "OS-EXT-STS:vm_state": server.vm_state,
            "OS-EXT-STS:power_state": server.power_state,
            "os-extended-volumes:volumes_attached": [],
            "locked": server.locked_by is not None,
            "locked_reason": server.locked_reason,
            "description": server.description,
            "tags": server.tags,
            "trusted_image_certificates": None,
            "server_groups": [server.group_id] if server.group_id else [],
            "pinned_availability_zone": server.wanted_zone,
        }
        if server.status in _PROGRESS:
            view["progress"] = _PROGRESS[server.status]
        if server.status == "ERROR":
            view["fault"] = self._fault(server)
        groups = self._around.security_groups.get(server.server_id)
        if groups:
            view["security_groups"] = [{"name": name} for name in groups]
        return view

    def _admins(self, server: Server) -> dict[str, Any]:
        view = {
            "OS-EXT-SRV-ATTR:host": server.host_id,
            "OS-EXT-SRV-ATTR:hypervisor_hostname": server.host_id,
            "OS-EXT-SRV-ATTR:instance_name": f"instance-{server.server_id[:8]}",
            "OS-EXT-SRV-ATTR:reservation_id": server.reservation_id,
            "OS-EXT-SRV-ATTR:launch_index": server.launch_index,
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:hostname": server.hostname,
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
            "OS-EXT-SRV-ATTR:user_data": server.user_data,
            "host_status": "",
        }
        if server.host_id:
            view["host_status"] = self._host_status(server.host_id)
        return view

    def _host_status(self, host_id: HostId) -> str:
        host = self._around.hosts.get(host_id)
        if host is None:
            return "UNKNOWN"
        if not host.is_up(self._call.now):
            return "DOWN"
        return "MAINTENANCE" if host.disabled else "UP"

    def _image(self, server: Server) -> Any:
        if server.image_id is None:
            return ""
        view = self._images.get(server.image_id)
        if view is None:
            view = {"id": server.image_id, "links": bookmark(self._call, "images", server.image_id)}
            self._images[server.image_id] = view
        return view

    def _flavor(self, server: Server) -> dict[str, Any]:
        flavor = server.flavor
        if not self._flavor_in_words:
            return {"id": flavor.flavor_id, "links": bookmark(self._call, "flavors", flavor.flavor_id)}
        return {
            "vcpus": flavor.vcpus,
            "ram": flavor.memory_mib,
            "disk": flavor.disk_gib,
            "ephemeral": flavor.ephemeral_gib,
            "swap": flavor.swap_mib,
            "original_name": flavor.name,
            "extra_specs": flavor.extra_specs,
        }

    def _fault(self, server: Server) -> dict[str, Any]:
        message = server.refusal or server.fault or "unknown"
        moment = server.updated_at if server.facts_at is None else server.facts_at
        return {"code": 500, "created": iso_z(moment), "message": message[:1000]}


def addresses_view(addresses: Sequence[ShownAddress]) -> dict[str, list[dict[str, Any]]]:
    """Addresses by the name of their network."""
    view: dict[str, list[dict[str, Any]]] = {}
    for address in addresses:
        view.setdefault(address.network_name, []).append(
            {
                "version": address.version,
                "addr": address.ip,
                "OS-EXT-IPS:type": address.kind,
                "OS-EXT-IPS-MAC:mac_addr": address.mac,
            }
        )
    return view


def plain_addresses(view: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Addresses without their kind and card."""
    return {
        name: [{"version": each["version"], "addr": each["addr"]} for each in addresses]
        for name, addresses in view.items()
    }


def host_hash(server: Server) -> str:
    """What the owner may know of the host: whether two of their servers share it."""
    return "" if server.host_id is None else _hash_of(server.project_id, server.host_id)


@functools.lru_cache(maxsize=4096)
def _hash_of(project_id: str, host_id: str) -> str:
    """A list shows few hosts, each many times."""
    return hashlib.sha224((project_id + host_id).encode()).hexdigest()
