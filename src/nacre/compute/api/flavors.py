"""Flavors: sizes, who may use them, and their extra specs."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from nacre.compute.api.common import LARGEST, Count, Parts, Truth, count, truth
from nacre.compute.api.links import links
from nacre.compute.domain.flavors import Flavor
from nacre.compute.errors import (
    AccessNotFound,
    ExtraSpecNotFound,
    FlavorIsPublic,
    NoAccessList,
    ProjectUnknown,
)
from nacre.compute.policy import FLAVOR_READ_ALL
from nacre.compute.store import flavors
from nacre.compute.store.tables import FLAVOR
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http import paging
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Accepted, Answer, Call, Ok
from nacre.kernel.http.paging import Order
from nacre.kernel.http.versions import Windows, since
from nacre.kernel.ids import ProjectId, new_id

FlavorName = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A\S(.*\S)?\Z")]
FlavorId = Annotated[
    str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A(?! )[a-zA-Z0-9. _-]+(?<! )\Z")
]
LongText = Annotated[str, msgspec.Meta(max_length=65535)]
SpecKey = Annotated[str, msgspec.Meta(pattern=r"\A[a-zA-Z0-9\-_:. ]{1,255}\Z")]
SpecValue = Annotated[str, msgspec.Meta(max_length=255)] | int | float
ProjectText = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A[a-zA-Z0-9-]*\Z")]

_SORTABLE = {
    "flavorid": FLAVOR.c.flavor_id,
    "name": FLAVOR.c.name,
    "memory_mb": FLAVOR.c.memory_mib,
    "vcpus": FLAVOR.c.vcpus,
    "root_gb": FLAVOR.c.disk_gib,
    "ephemeral_gb": FLAVOR.c.ephemeral_gib,
    "swap": FLAVOR.c.swap_mib,
    "rxtx_factor": FLAVOR.c.rxtx_factor,
    "disabled": FLAVOR.c.disabled,
    "is_public": FLAVOR.c.public,
    "created_at": FLAVOR.c.created_at,
    "updated_at": FLAVOR.c.created_at,
    "id": FLAVOR.c.flavor_id,
}
_WINDOWS = Windows({"description": since("2.55"), "extra_specs": since("2.61")})
_SWAP_IS_NUMBER: Final = since("2.75")
_NAME_IN_LISTS = Windows({"description": since("2.55")})


class CreateFlavor(msgspec.Struct, frozen=True, kw_only=True):
    """A new flavor, by the API's own names."""

    name: FlavorName
    ram: Count
    vcpus: Count
    disk: Count
    id: FlavorId | int | None = None
    swap: Count = 0
    ephemeral: Count = msgspec.field(name="OS-FLV-EXT-DATA:ephemeral", default=0)
    rxtx_factor: float | str = 1.0
    public: Truth = msgspec.field(name="os-flavor-access:is_public", default=True)
    description: LongText | None = None


CREATE = Body(CreateFlavor, key="flavor", windows={"description": since("2.55")})


class UpdateFlavor(msgspec.Struct, frozen=True, kw_only=True):
    """What of a flavor can be changed."""

    description: LongText | None


UPDATE = Body(UpdateFlavor, key="flavor", required={"description": since("2.55")})


class AccessAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The project whose access changes."""

    tenant: ProjectText


class FlavorAction(msgspec.Struct, frozen=True, kw_only=True):
    """One of two changes of access."""

    add: AccessAsk | msgspec.UnsetType = msgspec.field(name="addTenantAccess", default=msgspec.UNSET)
    remove: AccessAsk | msgspec.UnsetType = msgspec.field(name="removeTenantAccess", default=msgspec.UNSET)


ACTION = Body(FlavorAction)


class ExtraSpecs(msgspec.Struct, frozen=True, kw_only=True):
    """Extra specs to set."""

    extra_specs: dict[SpecKey, SpecValue]


EXTRA_SPECS = Body(ExtraSpecs)


class OneExtraSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One extra spec, by its key."""

    pair: dict[SpecKey, SpecValue]


ONE_EXTRA_SPEC = Body(OneExtraSpec, rest="pair")


def view_of(call: Call[Parts], flavor: Flavor) -> dict[str, Any]:
    """A flavor in full."""
    swap: int | str = flavor.swap_mib
    if not swap and call.version not in _SWAP_IS_NUMBER:
        swap = ""
    view = {
        "id": flavor.flavor_id,
        "name": flavor.name,
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "vcpus": flavor.vcpus,
        "swap": swap,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gib,
        "OS-FLV-DISABLED:disabled": flavor.disabled,
        "os-flavor-access:is_public": flavor.public,
        "rxtx_factor": flavor.rxtx_factor,
        "links": links(call, "flavors", flavor.flavor_id),
        "description": flavor.description,
        "extra_specs": flavor.extra_specs,
    }
    return _WINDOWS.project(view, call.version)


def _short_view(call: Call[Parts], flavor: Flavor) -> dict[str, Any]:
    view = {
        "id": flavor.flavor_id,
        "name": flavor.name,
        "links": links(call, "flavors", flavor.flavor_id),
        "description": flavor.description,
    }
    return _NAME_IN_LISTS.project(view, call.version)


def load(call: Call[Parts], db: Reader, flavor_id: str) -> Flavor:
    """A flavor that the caller may see. Raises FlavorNotFound."""
    all_seen = FLAVOR_READ_ALL.allows(call.caller, {})
    return flavors.load(db, flavor_id, project_id=None if all_seen else call.project_id)


def listed(call: Call[Parts]) -> Answer:
    """Names and ids."""
    return _list(call, _short_view)


def listed_detail(call: Call[Parts]) -> Answer:
    """Flavors in full."""
    return _list(call, view_of)


def _list(call: Call[Parts], view: Any) -> Answer:
    page = paging.page_of(call, sortable=list(_SORTABLE), default=[Order("flavorid", False)])
    statement = flavors.SELECT
    for name, column in (("minRam", FLAVOR.c.memory_mib), ("minDisk", FLAVOR.c.disk_gib)):
        if text := call.one(name):
            statement = statement.where(column >= count(text, where=name, least=-LARGEST))
    is_public = _public_asked(call)
    if is_public is not None:
        statement = statement.where(FLAVOR.c.public.is_(True) if is_public else FLAVOR.c.public.is_(False))
    if not FLAVOR_READ_ALL.allows(call.caller, {}):
        statement = statement.where(flavors.visible_to(call.project_id))
    with call.database.read() as db:
        rows = [
            Flavor(*row)
            for row in db.rows(paging.paged(db, statement, page, _SORTABLE, unique=FLAVOR.c.flavor_id))
        ]
    body = {"flavors": [view(call, flavor) for flavor in rows[: page.limit]]}
    return Ok(body | paging.links(call, "flavors", rows, page, id_of=lambda flavor: flavor.flavor_id))


def _public_asked(call: Call[Parts]) -> bool | None:
    """Which flavors are asked for: by default public ones and those the project has access to."""
    text = call.one("is_public")
    if not FLAVOR_READ_ALL.allows(call.caller, {}):
        return None
    if text is None:
        return True
    return None if text.strip().lower() == "none" else truth(text, where="is_public")


def show(call: Call[Parts], flavor_id: str) -> Answer:
    """One flavor."""
    with call.database.read() as db:
        return Ok({"flavor": view_of(call, load(call, db, flavor_id))})


def create(call: Call[Parts], ask: CreateFlavor) -> Answer:
    """A new flavor. Errors: FlavorExists, Bad."""
    flavor = Flavor(
        flavor_id=new_id() if ask.id in (None, "", "auto") else str(ask.id),
        name=ask.name,
        vcpus=count(ask.vcpus, where="flavor.vcpus", least=1),
        memory_mib=count(ask.ram, where="flavor.ram", least=1),
        disk_gib=count(ask.disk, where="flavor.disk"),
        ephemeral_gib=count(ask.ephemeral, where="flavor.OS-FLV-EXT-DATA:ephemeral"),
        swap_mib=count(ask.swap, where="flavor.swap"),
        rxtx_factor=_factor(ask.rxtx_factor),
        public=truth(ask.public, where="flavor.os-flavor-access:is_public"),
        disabled=False,
        description=ask.description,
        extra_specs={},
    )
    with call.database.write(call.actor) as tx:
        flavors.insert(tx, flavor)
        _record(tx, "create", flavor.flavor_id, after=msgspec.structs.asdict(flavor))
    return Ok({"flavor": view_of(call, flavor)})


def _factor(value: float | str) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise Bad("it is not a number.", where="flavor.rxtx_factor") from error
    if not 0 < number <= 3.40282e38:
        raise Bad("it is not a positive number.", where="flavor.rxtx_factor")
    return number


def update(call: Call[Parts], ask: UpdateFlavor, flavor_id: str) -> Answer:
    """Describe a flavor."""
    with call.database.write(call.actor) as tx:
        flavor = flavors.load(tx, flavor_id, project_id=None)
        flavors.update(tx, flavor_id, {"description": ask.description})
        _record(tx, "update", flavor_id, after={"description": ask.description})
    return Ok({"flavor": view_of(call, msgspec.structs.replace(flavor, description=ask.description))})


def delete(call: Call[Parts], flavor_id: str) -> Answer:
    """Delete a flavor; servers keep theirs."""
    with call.database.write(call.actor) as tx:
        flavor = flavors.load(tx, flavor_id, project_id=None)
        flavors.delete(tx, flavor_id)
        _record(tx, "delete", flavor_id, before={"name": flavor.name})
    return Accepted()


# -- access --------------------------------------------------------------------------------------------------


def list_access(call: Call[Parts], flavor_id: str) -> Answer:
    """Who may use a flavor that is not public. A public flavor has no such list."""
    with call.database.read() as db:
        flavor = flavors.load(db, flavor_id, project_id=None)
        if flavor.public:
            raise NoAccessList
        return Ok({"flavor_access": _access_view(db, flavor_id)})


def _access_view(db: Reader, flavor_id: str) -> list[dict[str, str]]:
    projects = flavors.projects_with_access(db, flavor_id)
    return [{"flavor_id": flavor_id, "tenant_id": project_id} for project_id in projects]


def act(call: Call[Parts], ask: FlavorAction, flavor_id: str) -> Answer:
    """Give or take a project's access. Errors: AccessExists, AccessNotFound, ProjectUnknown."""
    match ask.add, ask.remove:
        case AccessAsk() as add, msgspec.UNSET:
            return _grant(call, flavor_id, add.tenant)
        case msgspec.UNSET, AccessAsk() as remove:
            return _revoke(call, flavor_id, remove.tenant)
        case _:
            raise Bad("There must be exactly one action in the request body.")


def _grant(call: Call[Parts], flavor_id: str, project_id: str) -> Answer:
    _check_project(call, project_id)
    with call.database.write(call.actor) as tx:
        flavor = flavors.load(tx, flavor_id, project_id=None)
        if flavor.public:
            raise FlavorIsPublic
        flavors.grant(tx, flavor_id, project_id)
        _record(tx, "grant", flavor_id, after={"project_id": project_id})
        return Ok({"flavor_access": _access_view(tx, flavor_id)})


def _revoke(call: Call[Parts], flavor_id: str, project_id: str) -> Answer:
    _check_project(call, project_id)
    with call.database.write(call.actor) as tx:
        flavor = flavors.load(tx, flavor_id, project_id=None)
        if flavor.public:
            raise AccessNotFound(flavor_id, project_id)
        flavors.revoke(tx, flavor_id, project_id)
        _record(tx, "revoke", flavor_id, before={"project_id": project_id})
        return Ok({"flavor_access": _access_view(tx, flavor_id)})


def _check_project(call: Call[Parts], project_id: str) -> None:
    with call.database.read() as db:
        if not call.parts.identity.projects(db, [ProjectId(project_id)]):
            raise ProjectUnknown(project_id)


# -- extra specs ---------------------------------------------------------------------------------------------


def list_extra_specs(call: Call[Parts], flavor_id: str) -> Answer:
    """All extra specs."""
    with call.database.read() as db:
        return Ok({"extra_specs": load(call, db, flavor_id).extra_specs})


def show_extra_spec(call: Call[Parts], flavor_id: str, key: str) -> Answer:
    """One extra spec."""
    with call.database.read() as db:
        flavor = load(call, db, flavor_id)
    if key not in flavor.extra_specs:
        raise ExtraSpecNotFound(flavor_id, key)
    return Ok({key: flavor.extra_specs[key]})


def create_extra_specs(call: Call[Parts], ask: ExtraSpecs, flavor_id: str) -> Answer:
    """Add extra specs, or replace those of the same keys."""
    new = {key: str(value) for key, value in ask.extra_specs.items()}
    _change_extra_specs(call, flavor_id, set_=new)
    return Ok({"extra_specs": new})


def update_extra_spec(call: Call[Parts], ask: OneExtraSpec, flavor_id: str, key: str) -> Answer:
    """Set one extra spec. The key in the body is the one in the path."""
    if ask.pair.keys() != {key}:
        raise Bad("Request body and URI mismatch")
    new = {key: str(ask.pair[key])}
    _change_extra_specs(call, flavor_id, set_=new)
    return Ok(new)


def delete_extra_spec(call: Call[Parts], flavor_id: str, key: str) -> Answer:
    """Remove one extra spec. Raises ExtraSpecNotFound."""
    _change_extra_specs(call, flavor_id, remove=key)
    return Ok(None)


def _change_extra_specs(
    call: Call[Parts], flavor_id: str, *, set_: dict[str, str] | None = None, remove: str | None = None
) -> None:
    with call.database.write(call.actor) as tx:
        flavor = flavors.load(tx, flavor_id, project_id=None)
        if remove is not None and remove not in flavor.extra_specs:
            raise ExtraSpecNotFound(flavor_id, remove)
        specs = {key: value for key, value in flavor.extra_specs.items() if key != remove} | (set_ or {})
        flavors.update(tx, flavor_id, {"extra_specs": specs})
        _record(
            tx, "update", flavor_id,
            before={"extra_specs": flavor.extra_specs}, after={"extra_specs": specs},
        )  # fmt: skip


def _record(
    tx: Tx, action: str, flavor_id: str, *, before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    tx.record(Event(action=action, kind="flavor", subject=flavor_id, before=before, after=after))
