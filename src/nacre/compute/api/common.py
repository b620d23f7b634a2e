"""What every handler of compute stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from nacre.compute.domain.servers import Server
from nacre.compute.errors import ServerLocked, ServerNotFound
from nacre.compute.policy import SERVER_IGNORE_LOCK
from nacre.compute.questions import Questions
from nacre.compute.removal import Removal
from nacre.compute.store import servers
from nacre.compute.store.flavors import KnownFlavors
from nacre.identity.contract import Identity
from nacre.image.contract import Images
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import Bad
from nacre.kernel.events import Event
from nacre.kernel.http.call import BOOLEANS, Call
from nacre.kernel.http.versions import Version, Versions
from nacre.network.contract import Networks
from nacre.placement.contract import Placement

VERSIONS: Final = Versions(
    service_type="compute",
    minimum=Version(2, 1),
    maximum=Version(2, 96),
    legacy_header="X-OpenStack-Nova-API-Version",
)


@dataclass(frozen=True)
class Parts:
    """What compute's handlers work with."""

    identity: Identity
    images: Images
    networks: Networks
    placement: Placement
    questions: Questions
    removal: Removal
    flavors: KnownFlavors


# The printable names that the API has always asked for: no control characters, no blanks at the ends.
Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A(?!\s)[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f]\Z")
]
MetadataKey = Annotated[str, msgspec.Meta(pattern=r"\A[a-zA-Z0-9\-_:. ]{1,255}\Z")]
MetadataValue = Annotated[str, msgspec.Meta(max_length=255)]
Metadata = dict[MetadataKey, MetadataValue]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"\A[^,/]*\Z")]
Description = Annotated[str, msgspec.Meta(max_length=255, pattern=r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z")]
Truth = bool | str
"""A boolean, or a word for one."""
Count = int | str
"""A number, or its digits."""

LARGEST = 2**31 - 1


def truth(value: Truth | None, *, where: str) -> bool:
    """What a boolean, or a word for one, means. Raises Bad."""
    if value is None or isinstance(value, bool):
        return bool(value)
    try:
        return BOOLEANS[value.strip().lower()]
    except KeyError:
        raise Bad(f"'{value[:40]}' is not a boolean.", where=where) from None


def count(value: Count, *, where: str, least: int = 0, most: int = LARGEST) -> int:
    """A number within its bounds, or its digits. Raises Bad."""
    if isinstance(value, str):
        if not (value.isascii() and value.removeprefix("-").isdigit()) or len(value) > 12:
            raise Bad(f"'{value[:40]}' is not a number.", where=where)
        value = int(value)
    if not least <= value <= most:
        raise Bad(f"{str(value)[:20]} is not between {least} and {most}.", where=where)
    return value


def given(ask: msgspec.Struct) -> dict[str, Any]:
    """The fields of a body that were there."""
    return {
        name: value for name in ask.__struct_fields__ if (value := getattr(ask, name)) is not msgspec.UNSET
    }


def load_server(call: Call[Parts], db: Reader, server_id: str) -> Server:
    """A server that the caller may see. Raises ServerNotFound."""
    server = servers.find(db, server_id)
    if server is None or not call.sees(server.project_id):
        raise ServerNotFound(server_id)
    return server


def lock_server(call: Call[Parts], tx: Tx, server_id: str, *, despite_lock: bool = False) -> Server:
    """A server that the caller is about to change. Raises ServerNotFound, ServerLocked."""
    server = servers.lock(tx, server_id)
    if server is None or not call.sees(server.project_id):
        raise ServerNotFound(server_id)
    if server.locked_by and not despite_lock and not SERVER_IGNORE_LOCK.allows(call.caller, {}):
        raise ServerLocked(server_id)
    return server


def record(tx: Tx, server: Server, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """A line of the log about a server."""
    tx.record(
        Event(action=action, kind="server", subject=server.server_id, before=before, after=after,
              project_id=server.project_id)
    )  # fmt: skip
