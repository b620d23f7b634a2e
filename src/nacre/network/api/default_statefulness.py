"""Whether new security groups keep connections in mind where nobody says so: the operator's to say."""

from __future__ import annotations

from collections.abc import Sequence

from nacre.kernel.database import Reader, Tx
from nacre.kernel.http.call import Call
from nacre.kernel.ids import new_id
from nacre.network import policy
from nacre.network.api.attributes import Given, fixed, shown
from nacre.network.api.kinds import boolean, or_empty, text
from nacre.network.api.noun import Noun, Policies, View
from nacre.network.api.parts import Parts
from nacre.network.changes import events
from nacre.network.domain.security_groups import DefaultStatefulness
from nacre.network.errors import DefaultStatefulnessExists, DefaultStatefulnessNotFound
from nacre.network.store import default_statefulness as store
from nacre.network.store.shelf import serialise

NAME = "security_groups_default_statefulness"
_PROJECT = or_empty(text(), "")


def _views(_db: Reader, items: Sequence[DefaultStatefulness]) -> list[View]:
    return [_view(item) for item in items]


def _view(item: DefaultStatefulness) -> View:
    project_id = item.project_id or None
    return {"id": item.id, "project_id": project_id, "tenant_id": project_id, "stateful": item.stateful}


def _create(_call: Call[Parts], tx: Tx, given: Sequence[Given]) -> list[DefaultStatefulness]:
    """Errors: DefaultStatefulnessExists."""
    serialise(tx, NAME)
    made = []
    for each in given:
        setting = DefaultStatefulness(id=new_id(), **each.said)
        if store.find_own(tx, setting.project_id) is not None:
            raise DefaultStatefulnessExists(setting.project_id)
        store.SETTINGS.insert(tx, [setting])
        events.created(tx, NAME, setting)
        made.append(setting)
    return made


def _change(_call: Call[Parts], _tx: Tx, item: DefaultStatefulness, _given: Given) -> DefaultStatefulness:
    """Settings are made anew; there is no route to change one."""
    return item


def _remove(_call: Call[Parts], tx: Tx, item: DefaultStatefulness) -> None:
    store.SETTINGS.remove(tx, item.id)
    events.deleted(tx, NAME, item)


DEFAULT_STATEFULNESS = Noun(
    name=NAME,
    plural=NAME,
    attributes=(fixed("stateful", boolean),),
    standard=(shown("id"), fixed("project_id", _PROJECT), fixed("tenant_id", _PROJECT, field="project_id")),
    policies=Policies(
        policy.STATEFULNESS_SHOW,
        policy.STATEFULNESS_MANAGE,
        policy.STATEFULNESS_MANAGE,
        policy.STATEFULNESS_MANAGE,
    ),
    shelf=store.SETTINGS,
    absent=DefaultStatefulnessNotFound,
    seen_by=store.seen_by,
    views=_views,
    lock=store.lock,
    create_all=_create,
    change=_change,
    remove=_remove,
)
