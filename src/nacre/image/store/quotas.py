"""What a project may have of images, and their content."""

from __future__ import annotations

from collections.abc import Mapping

from nacre.identity.contract import UNLIMITED, Account, Measure, limits
from nacre.image.domain.images import Status
from nacre.image.errors import OverLimit
from nacre.image.store.tables import IMAGE
from nacre.kernel.database import Tx

COUNT = "image_count_total"
SIZE = "image_size_total"
UPLOADING = "image_count_uploading"
MIB = 1 << 20

ACCOUNT = Account(
    "image",
    {
        COUNT: Measure(UNLIMITED, IMAGE.c.owner),
        SIZE: Measure(UNLIMITED, IMAGE.c.owner, IMAGE.c.size_bytes, unit=MIB),
        # Content goes where it stays, so that none is ever staged.
        "image_stage_total": Measure(UNLIMITED),
        UPLOADING: Measure(UNLIMITED, IMAGE.c.owner, only=IMAGE.c.status == Status.SAVING),
    },
)
"""By the names that limits have. Sizes are in bytes here, and in MiB in limits."""


def check_room(tx: Tx, project_id: str, wanted: Mapping[str, int]) -> None:
    """Refuse what a project may have no more of; nobody else takes it before the transaction ends. Raises OverLimit.

    Images that are nobody's are not counted.
    """
    if not project_id:
        return
    rooms = limits.room(tx, ACCOUNT, project_id, wanted)
    for resource, asked in wanted.items():
        room = rooms[resource]
        if room.refuses(asked):
            unit = ACCOUNT.measures[resource].unit
            raise OverLimit(resource, room.node_id, limit=room.limit, used=room.used, asked=-(-asked // unit))
