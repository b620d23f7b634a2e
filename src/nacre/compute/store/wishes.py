"""What hosts should have on them, as their agents are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from nacre.compute.domain.flavors import Flavor
from nacre.compute.domain.guests import GuestImage, GuestSpec, InstanceData, Power, Reboot
from nacre.compute.domain.hosts import DEFAULT_ZONE
from nacre.compute.store.tables import SERVER, SERVER_PLACEMENT
from nacre.kernel.database import Reader
from nacre.kernel.ids import HostId, ProjectId, ServerId
from nacre.network.contract import Nic


class WishedGuest(msgspec.Struct, frozen=True):
    """One guest of one host, but for its ports, which the network service knows."""

    host_id: HostId
    server_id: ServerId
    project_id: ProjectId
    generation: int
    deleted_at: float | None
    power: str
    boots: int
    reboot: str
    disk: int
    kept_disk: int
    flavor: Flavor
    image: GuestImage | None
    hostname: str
    name: str
    zone: str | None
    key_name: str | None
    public_key: str
    metadata: Mapping[str, str]
    user_data: str | None
    launch_index: int
    admin_password: str


_COLUMNS = [
    SERVER_PLACEMENT.c[name] if name in ("host_id", "zone") else SERVER.c[name]
    for name in WishedGuest.__struct_fields__
]


def _changed_since(pairs: sa.TableValuedAlias, since: sa.ColumnElement[int]) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(*_COLUMNS)
        .select_from(SERVER.join(SERVER_PLACEMENT))
        .join(
            pairs,
            sa.and_(SERVER_PLACEMENT.c.host_id == pairs.c.key, SERVER_PLACEMENT.c.host_generation > since),
        )
    )


def _statements() -> Mapping[str, sa.Select[tuple[object, ...]]]:
    """Many hosts in one question: their numbers travel as one JSON object, which both databases can unfold."""
    text = sa.bindparam("since", type_=sa.Text)
    lite = sa.func.json_each(text).table_valued("key", sa.column("value", sa.BigInteger))
    large = sa.func.json_each_text(sa.cast(text, postgresql.JSON)).table_valued("key", "value")
    return {
        "sqlite": _changed_since(lite, lite.c.value),
        "postgresql": _changed_since(large, sa.cast(large.c.value, sa.BigInteger)),
    }


_CHANGED = _statements()


def changed(db: Reader, since: Mapping[HostId, int]) -> list[WishedGuest]:
    """The guests of these hosts that changed after the number given for their host."""
    if not since:
        return []
    return [WishedGuest(*row) for row in db.rows(_CHANGED[db.dialect], since=json.dumps(since))]


def spec_of(guest: WishedGuest, nics: Sequence[Nic]) -> GuestSpec:
    """What the agent is told of a guest. One that is to go needs no ports: it is only removed."""
    return GuestSpec(
        guest_id=guest.server_id,
        project_id=guest.project_id,
        generation=guest.generation,
        present=guest.deleted_at is None,
        power=Power(guest.power),
        boots=guest.boots,
        reboot=Reboot(guest.reboot),
        disk=guest.disk,
        kept_disk=guest.kept_disk,
        vcpus=guest.flavor.vcpus,
        memory_mib=guest.flavor.memory_mib,
        disk_gib=guest.flavor.disk_gib,
        image=guest.image,
        nics=tuple(nics),
        instance=InstanceData(
            hostname=guest.hostname,
            name=guest.name,
            availability_zone=guest.zone or DEFAULT_ZONE,
            public_keys={guest.key_name: guest.public_key} if guest.key_name else {},
            metadata=guest.metadata,
            user_data_base64=guest.user_data or "",
            launch_index=guest.launch_index,
            admin_password=guest.admin_password,
        ),
    )
