"""What a project may have: limits, and whether more would be too much."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import msgspec

from nacre.compute.errors import TooManyServers

UNLIMITED = -1
DEFAULT_SCOPE = "class:default"
"""The scope whose limits hold for projects without their own."""

DEFAULTS: Mapping[str, int] = {
    "instances": 10,
    "cores": 20,
    "ram": 51200,
    "metadata_items": 128,
    "key_pairs": 100,
    "server_groups": 10,
    "server_group_members": 10,
    "injected_files": 5,
    "injected_file_content_bytes": 10240,
    "injected_file_path_bytes": 255,
    "fixed_ips": -1,
    "floating_ips": -1,
    "security_groups": -1,
    "security_group_rules": -1,
}
"""Limits where nobody has set others, by the names of the API; -1 is unlimited, `ram` is in MiB."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a project's servers amount to."""

    instances: int
    cores: int
    ram: int


def times(one: Usage, number: int) -> Usage:
    """What `number` servers like `one` amount to."""
    return Usage(instances=number * one.instances, cores=number * one.cores, ram=number * one.ram)


def affordable(limits: Mapping[str, int], used: Usage, one: Usage) -> int:
    """How many more servers like `one` the limits allow; a very large number where nothing limits them."""
    has, each = msgspec.structs.asdict(used), msgspec.structs.asdict(one)
    rooms = [(limits[name] - has[name]) // each[name] for name in each if limits[name] != UNLIMITED]
    return max(0, min(rooms, default=sys.maxsize))


def check_room(limits: Mapping[str, int], used: Usage, asked: Usage) -> None:
    """Raises TooManyServers unless `asked` fits beside what is `used`."""
    has = msgspec.structs.asdict(used)
    wants = msgspec.structs.asdict(asked)
    over = tuple(
        name for name in wants if limits[name] != UNLIMITED and has[name] + wants[name] > limits[name]
    )
    if over:
        raise TooManyServers(over, wants, has, {name: limits[name] for name in wants})
