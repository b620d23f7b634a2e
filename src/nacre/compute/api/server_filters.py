"""Lists of servers: which filters there are, and the statement they become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from nacre.compute.api.common import Parts, count, truth
from nacre.compute.api.links import reference
from nacre.compute.policy import SERVER_OF_ALL
from nacre.compute.store import servers
from nacre.compute.store.tables import GUEST_FACTS, SERVER, SERVER_PLACEMENT
from nacre.kernel.clock import parse_iso
from nacre.kernel.database import Reader
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Call
from nacre.kernel.http.versions import since
from nacre.kernel.ids import ProjectId
from nacre.kernel.policy import NotAllowed

SORTABLE: Mapping[str, sa.ColumnElement[Any]] = {
    "created_at": SERVER.c.created_at,
    "updated_at": SERVER.c.updated_at,
    "display_name": SERVER.c.name,
    "name": SERVER.c.name,
    "display_description": SERVER.c.description,
    "uuid": SERVER.c.server_id,
    "id": SERVER.c.server_id,
    "hostname": SERVER.c.hostname,
    "host": SERVER_PLACEMENT.c.host_id,
    "node": SERVER_PLACEMENT.c.host_id,
    "availability_zone": SERVER_PLACEMENT.c.zone,
    "image_ref": SERVER.c.image_id,
    "instance_type_id": SERVER.c.flavor_id,
    "key_name": SERVER.c.key_name,
    "launch_index": SERVER.c.launch_index,
    "launched_at": GUEST_FACTS.c.launched_at,
    "locked_by": SERVER.c.locked_by,
    "power_state": SERVER.c.power_state,
    "project_id": SERVER.c.project_id,
    "user_id": SERVER.c.user_id,
    "task_state": SERVER.c.task_state,
    "vm_state": SERVER.c.vm_state,
    "access_ip_v4": SERVER.c.access_ipv4,
    "access_ip_v6": SERVER.c.access_ipv6,
    "config_drive": SERVER.c.config_drive,
    "auto_disk_config": SERVER.c.disk_config,
}

_STATUSES = frozenset(
    {
        "ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT", "MIGRATING", "PASSWORD", "PAUSED", "REBOOT",
        "REBUILD", "RESCUE", "RESIZE", "REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED", "SHUTOFF",
        "SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE",
    }
)  # fmt: skip
_POWER_STATES = {"NOSTATE": 0, "RUNNING": 1, "": 0, "PAUSED": 3, "SHUTDOWN": 4, "CRASHED": 6, "SUSPENDED": 7}
_EQUAL: Mapping[str, sa.ColumnElement[Any]] = {
    "user_id": SERVER.c.user_id,
    "uuid": SERVER.c.server_id,
    "reservation_id": SERVER.c.reservation_id,
    "key_name": SERVER.c.key_name,
    "vm_state": SERVER.c.vm_state,
    "task_state": SERVER.c.task_state,
    "launch_index": SERVER.c.launch_index,
    "access_ip_v4": SERVER.c.access_ipv4,
    "access_ip_v6": SERVER.c.access_ipv6,
}
_PATTERN: Mapping[str, sa.ColumnElement[Any]] = {
    "name": SERVER.c.name,
    "display_name": SERVER.c.name,
    "hostname": SERVER.c.hostname,
    "description": SERVER.c.description,
    "display_description": SERVER.c.description,
}
_TAGS: Final = since("2.26")
_LOCKED: Final = since("2.73")


class NothingMatches(Exception):
    """A filter that no server can pass."""


def statement_of(call: Call[Parts], db: Reader) -> sa.Select[Any]:
    """The servers that a request asks for, in no order. Raises NothingMatches, Bad, NotAllowed."""
    project_id = _project_asked(call)
    statement = servers.SELECT
    if project_id is not None:
        statement = statement.where(SERVER.c.project_id == project_id)
    for name, condition in _CONDITIONS.items():
        if any(values := call.all(name)):
            statement = statement.where(condition(values))
    statement = _tagged(call, statement)
    if call.version in _LOCKED and call.one("locked") is not None:
        locked = truth(call.one("locked"), where="locked")
        column = SERVER.c.locked_by
        statement = statement.where(column.is_not(None) if locked else column.is_(None))
    if SERVER_OF_ALL.allows(call.caller, {}) and truth(call.one("deleted"), where="deleted"):
        raise NothingMatches  # What is deleted leaves no row: its story is in the event log.
    return _by_address(call, db, statement, project_id)


def _project_asked(call: Call[Parts]) -> ProjectId | None:
    """Whose servers are meant; None is everybody's. Raises NotAllowed."""
    named = call.one("project_id") or call.one("tenant_id")
    all_asked = call.one("all_tenants")
    everybody = all_asked is not None and (not all_asked or truth(all_asked, where="all_tenants"))
    if not SERVER_OF_ALL.allows(call.caller, {}):
        if everybody:
            raise NotAllowed(SERVER_OF_ALL.name)
        return call.project_id
    if not everybody:
        return call.project_id  # As ever: a project is asked for by name only among all of them.
    return ProjectId(named) if named else None


def _equals(column: sa.ColumnElement[Any]) -> Callable[[list[str]], sa.ColumnElement[bool]]:
    if isinstance(column.type, sa.Integer):
        return lambda values: column == count(values[-1], where="query")
    return lambda values: column == values[-1]


def _matches(column: sa.ColumnElement[Any]) -> Callable[[list[str]], sa.ColumnElement[bool]]:
    return lambda values: pattern_condition(column, values[-1])


def _status(values: list[str]) -> sa.ColumnElement[bool]:
    wanted = [value.upper() for value in values if value.upper() in _STATUSES]
    if not wanted:
        raise NothingMatches
    return SERVER.c.status.in_(wanted)


def _power_state(values: list[str]) -> sa.ColumnElement[bool]:
    text = values[-1].upper()
    number = _POWER_STATES.get(
        text, int(text) if text.isascii() and text.isdigit() and len(text) < 4 else None
    )
    if number is None:
        raise NothingMatches
    return SERVER.c.power_state == number


def _since(values: list[str]) -> sa.ColumnElement[bool]:
    return SERVER.c.updated_at >= _moment(values[-1], where="changes-since")


def _before(values: list[str]) -> sa.ColumnElement[bool]:
    return SERVER.c.updated_at <= _moment(values[-1], where="changes-before")


def _moment(text: str, *, where: str) -> float:
    try:
        return parse_iso(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text else text)
    except (ValueError, OverflowError) as error:
        raise Bad(f"'{text[:60]}' is not an ISO 8601 time.", where=where) from error


def _zone(values: list[str]) -> sa.ColumnElement[bool]:
    return SERVER_PLACEMENT.c.zone == values[-1]


def _host(values: list[str]) -> sa.ColumnElement[bool]:
    return SERVER_PLACEMENT.c.host_id == values[-1]


def _config_drive(values: list[str]) -> sa.ColumnElement[bool]:
    wanted = truth(values[-1], where="config_drive")
    return SERVER.c.config_drive.is_(True) if wanted else SERVER.c.config_drive.is_(False)


_CONDITIONS: Mapping[str, Callable[[list[str]], sa.ColumnElement[bool]]] = {
    **{name: _equals(column) for name, column in _EQUAL.items()},
    **{name: _matches(column) for name, column in _PATTERN.items()},
    "image": lambda values: SERVER.c.image_id == reference(values[-1]),
    "image_ref": lambda values: SERVER.c.image_id == reference(values[-1]),
    "flavor": lambda values: SERVER.c.flavor_id == reference(values[-1]),
    "status": _status,
    "power_state": _power_state,
    "changes-since": _since,
    "changes-before": _before,
    "availability_zone": _zone,
    "host": _host,
    "node": _host,
    "config_drive": _config_drive,
}


# -- patterns ------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"\^?(?:[^.^$*+?{}\[\]\\|()]|\\[^\w\s]|\.\*?)*\$?\Z")
_UNBOUNDED = re.compile(r"(?<!\\)[*+]|(?<!\\)\{\d*,\d*\}")
_REPEATED_GROUP = re.compile(r"\)\s*[*+{]")
MOST_UNBOUNDED = 2


def pattern_condition(column: sa.ColumnElement[Any], pattern: str) -> sa.ColumnElement[bool]:
    """`column` holds a match of a regular expression anywhere, whatever the case. Raises Bad.

    What LIKE can say is said with LIKE. The rest runs in the database's own engine, which on SQLite is this
    very process: expressions that may take for ever on a crafted name are refused.
    """
    if _PLAIN.match(pattern):
        return column.ilike(_as_like(pattern), escape="!")
    check_pattern(pattern)
    return sa.func.lower(column).regexp_match(pattern.lower())


def check_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression that ends in reasonable time. Raises Bad."""
    hard = len(_UNBOUNDED.findall(pattern)) > MOST_UNBOUNDED or _REPEATED_GROUP.search(pattern)
    if hard or len(pattern) > 255:
        raise Bad("The pattern is too complicated: repeat no group, and at most two things without bound.")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise Bad(f"'{pattern[:60]}' is no regular expression: {error}.") from error


def _as_like(pattern: str) -> str:
    inner = pattern.removeprefix("^").removesuffix("$")
    words = re.findall(r"\\.|\.\*|.", inner, re.DOTALL)
    spelled = {".*": "%", ".": "_"}
    text = "".join(
        spelled[word] if word in spelled else re.sub(r"([%_!])", r"!\1", word[-1]) for word in words
    )
    before = "" if pattern.startswith("^") else "%"
    after = "" if pattern.endswith("$") and not pattern.endswith("\\$") else "%"
    return before + text + after


# -- what others know ----------------------------------------------------------------------------------------


def _by_address(
    call: Call[Parts], db: Reader, statement: sa.Select[Any], project_id: ProjectId | None
) -> sa.Select[Any]:
    """Only servers with an address that a pattern fits, as the network service tells."""
    for name, family in (("ip", 4), ("ip6", 6)):
        text = call.one(name)
        if not text:
            continue
        pattern = check_pattern(text)
        ids = [row[0] for row in db.rows(statement.with_only_columns(SERVER.c.server_id))]
        addresses = call.parts.networks.addresses_of(db, ids) if ids else {}
        fitting = [
            server_id
            for server_id, found in addresses.items()
            if any(each.version == family and pattern.match(each.ip) for each in found)
        ]
        if not fitting:
            raise NothingMatches
        statement = statement.where(SERVER.c.server_id.in_(fitting))
    return statement


def _tagged(call: Call[Parts], statement: sa.Select[Any]) -> sa.Select[Any]:
    """Tags are kept as a JSON list of quoted words, none of which holds a quote's neighbours."""
    if call.version not in _TAGS:
        return statement
    for name, combine, negate in (
        ("tags", sa.and_, False), ("tags-any", sa.or_, False),
        ("not-tags", sa.and_, True), ("not-tags-any", sa.or_, True),
    ):  # fmt: skip
        text = call.one(name)
        if text:
            has = combine(*[_has_tag(tag) for tag in text.split(",") if tag])
            statement = statement.where(sa.not_(has) if negate else has)
    return statement


def _has_tag(tag: str) -> sa.ColumnElement[bool]:
    quoted = msgspec.json.encode(tag).decode()
    return sa.cast(SERVER.c.tags, sa.Text).contains(quoted, autoescape=True)
