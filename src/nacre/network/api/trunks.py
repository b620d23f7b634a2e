"""Trunks, and the ports that they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict, replace

from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import ProjectId, new_id
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Given, Whole, fixed, free, project_of, shown
from nacre.network.api.kinds import NAME, Kind, boolean, many, number, one_of, optional, or_empty, thing, uuid
from nacre.network.api.noun import Noun, Policies, View, standard_view
from nacre.network.api.parts import Parts
from nacre.network.changes import trunks as changes
from nacre.network.domain.ports import Port
from nacre.network.domain.trunks import SegmentationType, SubPort, Trunk, first_repeated
from nacre.network.errors import HTTPBadRequest, PortNotFound, TrunkNotFound
from nacre.network.store import ports, trunks

MOST_SUBPORTS = 1000


def _subport(port_id: str, segmentation_type: str, segmentation_id: int | None = None) -> SubPort:
    kind = SegmentationType(segmentation_type)
    if kind is SegmentationType.INHERIT:
        segmentation_id = None
    elif segmentation_id is None:
        raise ValueError(f"port {port_id} needs a segmentation_id")
    return SubPort(port_id=port_id, segmentation_type=kind, segmentation_id=segmentation_id)  # type: ignore[arg-type]


SUBPORT = thing(
    {
        "port_id": uuid,
        "segmentation_type": one_of(*SegmentationType),
        "segmentation_id": optional(number(1, 4094)),
    },
    _subport,
    needed=("port_id", "segmentation_type"),
)
LEAVING = thing(
    {"port_id": uuid, "segmentation_type": optional(NAME), "segmentation_id": lambda value: value},
    lambda port_id, **_rest: port_id,
    needed=("port_id",),
)


def _subports(value: Any) -> tuple[SubPort, ...]:
    found: tuple[SubPort, ...] = many(SUBPORT, most=MOST_SUBPORTS)(value)
    if len({each.port_id for each in found}) < len(found) or first_repeated(found):
        raise ValueError("a port or a segmentation_id is said twice")
    return found


ATTRIBUTES = (
    free("name", NAME),
    fixed("port_id", uuid, needed=True),
    free("admin_state_up", boolean),
    fixed("sub_ports", or_empty(_subports, ())),
    shown("status"),
)


def _views(db: Reader, items: Sequence[Trunk]) -> list[View]:
    statuses = trunks.statuses(db, {item.port_id for item in items})
    return [_view(item, statuses) for item in items]


def _view(item: Trunk, statuses: Mapping[str, str]) -> View:
    return standard_view(item) | {
        "name": item.name,
        "port_id": item.port_id,
        "admin_state_up": item.admin_state_up,
        "sub_ports": _shown(item),
        "status": statuses.get(item.port_id, "DOWN"),
    }


def _shown(item: Trunk) -> list[dict[str, Any]]:
    return [asdict(each) for each in item.sub_ports]


def _create(call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[Trunk]:
    """Errors: PortNotFound, and those of `changes.trunks.create`."""
    made = []
    for each in given:
        parent = _own(call, ports.lock(tx, each.said["port_id"]))
        _check_own(call, tx, each.get("sub_ports", ()))
        trunk = Trunk(
            id=new_id(),
            project_id=ProjectId(project_of(call, each)),
            created_at=call.now,
            updated_at=call.now,
            **each.without("project_id"),
        )
        made.append(changes.create(tx, trunk, parent))
    return made


def _own(call: Call[Parts], port: Port) -> Port:
    """A port that the caller may put into a trunk. Raises PortNotFound."""
    if not call.sees(port.project_id):
        raise PortNotFound(port.id)
    return port


def _check_own(call: Call[Parts], tx: Tx, sub_ports: Sequence[SubPort]) -> None:
    for port in ports.some(tx, {each.port_id for each in sub_ports}).values():
        _own(call, port)


def _change(_call: Call[Parts], tx: Tx, item: Trunk, given: Given) -> Trunk:
    return changes.update(tx, item, replace(item, **given.said))


def _remove(_call: Call[Parts], tx: Tx, item: Trunk) -> None:
    """Errors: TrunkDisabled."""
    changes.delete(tx, item)


TRUNKS = Noun(
    name="trunk",
    plural="trunks",
    attributes=ATTRIBUTES,
    policies=Policies(policy.TRUNK_SHOW, policy.TRUNK_CREATE, policy.TRUNK_UPDATE, policy.TRUNK_DELETE),
    shelf=trunks.TRUNKS,
    absent=TrunkNotFound,
    seen_by=trunks.seen_by,
    whole=trunks.whole,
    views=_views,
    lock=trunks.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
    special={"status": trunks.has_status},
)


def add_subports(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a trunk carry these ports too, all or none.

    Errors: TrunkNotFound, Bad, HTTPBadRequest, and those of `changes.trunks.add`.
    """
    sub_ports: tuple[SubPort, ...] = _asked(ask, _subports)
    with call.database.write(call.actor) as tx:
        trunk = TRUNKS.lock_for(call, tx, object_id)
        _check_own(call, tx, sub_ports)
        trunk = changes.add(tx, trunk, sub_ports)
        return Ok(_views(tx, [trunk])[0])


def remove_subports(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a trunk carry these ports no longer, all or none.

    Errors: TrunkNotFound, Bad, HTTPBadRequest, TrunkDisabled, SubPortNotFound.
    """
    port_ids: tuple[str, ...] = _asked(ask, many(LEAVING, most=MOST_SUBPORTS))
    with call.database.write(call.actor) as tx:
        trunk = changes.remove(tx, TRUNKS.lock_for(call, tx, object_id), port_ids)
        return Ok(_views(tx, [trunk])[0])


def get_subports(call: Call[Parts], object_id: str) -> Answer:
    """The ports that a trunk carries. Errors: TrunkNotFound."""
    with call.database.read() as db:
        return Ok({"sub_ports": _shown(TRUNKS.load(call, db, object_id))})


def _asked(ask: Whole, kind: Kind) -> Any:
    if ask.members.keys() != {"sub_ports"}:
        raise HTTPBadRequest("The request body must hold 'sub_ports' and nothing else.")
    try:
        return kind(ask.members["sub_ports"])
    except ValueError as error:
        raise Bad(str(error), where="sub_ports") from error


_PATH = "/v2.0/trunks/{object_id}"
ROUTES = (
    Route("PUT", f"{_PATH}/add_subports", add_subports, policy.TRUNK_UPDATE, ANY_BODY),
    Route("PUT", f"{_PATH}/remove_subports", remove_subports, policy.TRUNK_UPDATE, ANY_BODY),
    Route("GET", f"{_PATH}/get_subports", get_subports, policy.TRUNK_SHOW),
)
