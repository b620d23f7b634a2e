"""What happened to a server, read from the event log. It outlives the server."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from nacre.kernel.database import Reader
from nacre.kernel.events import EVENT

MOST_EVENTS = 2000


class Happening(msgspec.Struct, frozen=True):
    """One line of the log about a server."""

    seq: int
    at: float
    actor: str
    project_id: str
    trace_id: str
    action: str
    after: str


_OF_SERVER = (
    sa.select(*[EVENT.c[name] for name in Happening.__struct_fields__])
    .where(EVENT.c.kind == "server", EVENT.c.subject == sa.bindparam("server_id"))
    .order_by(EVENT.c.seq.desc())
    .limit(MOST_EVENTS)
)


def of_server(db: Reader, server_id: str) -> Sequence[Happening]:
    """The newest lines, newest first."""
    return [Happening(*row) for row in db.rows(_OF_SERVER, server_id=server_id)]
