"""What a project may have: the names of quotas, and whether more would be too much."""

from __future__ import annotations

from collections.abc import Mapping

from nacre.compute.domain.flavors import Flavor, demand_of
from nacre.compute.errors import QuotaReached, TooManyServers
from nacre.identity.contract import Room

UNLIMITED = -1

RESOURCE_OF: Mapping[str, str] = {
    "instances": "servers",
    "cores": "class:VCPU",
    "ram": "class:MEMORY_MB",
    "metadata_items": "server_metadata_items",
    "key_pairs": "server_key_pairs",
    "server_groups": "server_groups",
    "server_group_members": "server_group_members",
    "injected_files": "server_injected_files",
    "injected_file_content_bytes": "server_injected_file_content_bytes",
    "injected_file_path_bytes": "server_injected_file_path_bytes",
    "fixed_ips": "fixed_ips",
    "floating_ips": "floating_ips",
    "security_groups": "security_groups",
    "security_group_rules": "security_group_rules",
}
"""The names of quotas, and those that limits have for the same. `ram` is in MiB."""

_QUOTA_OF = {resource: quota for quota, resource in RESOURCE_OF.items()}
_OWN_COLUMNS = ("VCPU", "MEMORY_MB", "DISK_GB")
_ASKED = "resources:"


def further_classes(flavor: Flavor) -> dict[str, int]:
    """What a flavor asks for of resource classes beside processors, memory and disk: `resources:CUSTOM_FPGA=1`."""
    asked = {
        key.removeprefix(_ASKED): int(value)
        for key, value in flavor.extra_specs.items()
        if key.startswith(_ASKED) and value.isascii() and value.isdigit() and len(value) < 10
    }
    return {name: amount for name, amount in asked.items() if amount and name not in _OWN_COLUMNS}


def cost_of(flavor: Flavor, *, image_bytes: int) -> dict[str, int]:
    """What one server amounts to, by the names of what is limited."""
    classes = demand_of(flavor, image_bytes=image_bytes) | further_classes(flavor)
    return {"servers": 1} | {f"class:{name}": amount for name, amount in classes.items()}


def affordable(rooms: Mapping[str, Room], one: Mapping[str, int]) -> int:
    """How many servers like `one` there is room for; a very large number where nothing limits them."""
    return max(0, min(rooms[name].left // amount for name, amount in one.items()))


def check_room(rooms: Mapping[str, Room], one: Mapping[str, int], *, number: int) -> None:
    """Raises TooManyServers unless there is room for `number` servers like `one`."""
    over = [name for name, amount in one.items() if rooms[name].refuses(number * amount)]
    if over:
        raise TooManyServers(
            tuple(_QUOTA_OF.get(name, name) for name in over),
            asked=tuple(number * one[name] for name in over),
            used=tuple(rooms[name].used for name in over),
            allowed=tuple(rooms[name].limit for name in over),
            project_ids=tuple(rooms[name].node_id for name in over),
        )


def check_amounts(rooms: Mapping[str, Room], amounts: Mapping[str, int]) -> None:
    """Raises QuotaReached unless each of the amounts is within its room."""
    for name, amount in amounts.items():
        room = rooms[name]
        if room.refuses(amount):
            raise QuotaReached(
                _QUOTA_OF[name], project_id=room.node_id, limit=room.limit, used=room.used, asked=amount
            )
