"""The agents' door, on this machine's unix socket: each host asks and speaks for itself alone.

It has a secret instead of users: the header X-Agent-Token. All hosts of one machine share one secret for now;
with hosts elsewhere, each gets its own, and `_admit` is the one place that compares it.
"""

from __future__ import annotations

import asyncio
import hmac
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from nacre.compute.domain.guests import GuestFacts, HostReport, HostWishes
from nacre.compute.errors import HostNotFound, NotForThisAgent
from nacre.compute.fleet import Fleet
from nacre.compute.store import hosts
from nacre.compute.store.hosts import topic_of
from nacre.image.contract import BootImage, Images
from nacre.kernel.errors import Bad, NotFound
from nacre.kernel.http.body import Body
from nacre.kernel.http.call import Answer, Call, NoContent, Ok, Stream
from nacre.kernel.http.routes import Route
from nacre.kernel.ids import HostId, ImageId
from nacre.kernel.policy import PUBLIC
from nacre.kernel.wakes import Wakes

LONGEST_WAIT_S = 60.0
LOOK_AGAIN_S = 5.0
"""Within one long poll, for the wake-up that was lost."""

LONGEST_ANSWER_BYTES = 4 << 20
MOST_FACTS_BYTES = 64 << 20


@dataclass(frozen=True)
class AgentParts:
    """What the agents' door stands on."""

    fleet: Fleet
    images: Images
    wakes: Wakes
    secret: str


class FactsReport(msgspec.Struct, frozen=True):
    """The body in which facts travel."""

    facts: tuple[GuestFacts, ...]


REPORT = Body(HostReport, closed=False)
FACTS = Body(FactsReport, closed=False)


def _admit(call: Call[AgentParts]) -> None:
    """Raises NotForThisAgent unless the host's secret was given."""
    given = call.headers.get("x-agent-token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), call.parts.secret.encode()):
        raise NotForThisAgent


def report_host(call: Call[AgentParts], ask: HostReport, host_id: str) -> Answer:
    """What a host offers."""
    _admit(call)
    if ask.host_id != host_id:
        raise Bad("a host reports itself alone.", where="host_id")
    call.parts.fleet.report_hosts([ask])
    return NoContent()


async def wishes(call: Call[AgentParts], host_id: str) -> Answer:
    """What should be on a host; if nothing is new, the answer waits up to `wait` seconds for a wake-up.

    Once woken it says what there is, even if that is nothing: the process may be about to stop.
    """
    _admit(call)
    since, wait_s = _number(call, "since", 0.0), min(_number(call, "wait", 0.0), LONGEST_WAIT_S)
    clock = asyncio.get_running_loop().time
    end = clock() + wait_s
    with call.parts.wakes.awaiting(topic_of(HostId(host_id))) as woken:
        while True:
            was_woken = woken.is_set()
            found = await call.in_thread(_wishes, call, host_id, int(since))
            left_s = end - clock()
            if found is not None:
                return Ok(found)
            if left_s <= 0 or was_woken:
                nothing = HostWishes(
                    host_id=HostId(host_id), generation=int(since), complete=False, guests=()
                )
                return Ok(nothing)
            try:
                await asyncio.wait_for(woken.wait(), min(left_s, LOOK_AGAIN_S))
            except TimeoutError:
                continue


def _wishes(call: Call[AgentParts], host_id: str, since: int) -> HostWishes | None:
    """What is new, if anything. Raises HostNotFound, so that the agent introduces its host again."""
    found = call.parts.fleet.wishes_of(HostId(host_id), since=since)
    if found is None:
        with call.database.read() as db:
            if not hosts.generations(db, [HostId(host_id)]):
                raise HostNotFound(host_id)
    return found


def _number(call: Call[Any], name: str, default: float) -> float:
    text = call.one(name)
    try:
        number = default if text is None else float(text)
    except ValueError as error:
        raise Bad("it is not a number.", where=name) from error
    if not (math.isfinite(number) and 0 <= number < 2**53):
        raise Bad("it is out of range.", where=name)
    return number


def report_guests(call: Call[AgentParts], ask: FactsReport, host_id: str) -> Answer:
    """What is true of some guests of a host."""
    _admit(call)
    with call.database.read() as db:
        if not hosts.generations(db, [HostId(host_id)]):
            raise HostNotFound(host_id)
    call.parts.fleet.report_fleet({HostId(host_id): ask.facts})
    return NoContent()


async def answer(call: Call[AgentParts], host_id: str, question_id: str) -> Answer:
    """The answer to a question, as plain bytes."""
    _admit(call)
    pieces: list[bytes] = []
    async for piece in call.chunks():
        pieces.append(piece)
        if sum(map(len, pieces)) > LONGEST_ANSWER_BYTES:
            raise Bad(f"an answer has at most {LONGEST_ANSWER_BYTES} bytes.")
    call.parts.fleet.answer(HostId(host_id), question_id, b"".join(pieces))
    return NoContent()


@dataclass(eq=False)
class ImageNotThere(NotFound):
    """No such image, or it has no content."""

    code = "compute.image_not_there"
    image_id: str

    def __str__(self) -> str:
        return f"Image {self.image_id[:80]} has no content to send."


async def image_data(call: Call[AgentParts], image_id: str) -> Stream:
    """The bytes of an image, as they were uploaded."""
    _admit(call)
    image = await call.in_thread(_find_image, call, image_id)
    return Stream(call.parts.images.read(image), image.size_bytes)


def _find_image(call: Call[AgentParts], image_id: str) -> BootImage:
    with call.database.read() as db:
        found = call.parts.images.find_bootable(db, [ImageId(image_id)])
    if image_id not in found:
        raise ImageNotThere(image_id)
    return found[ImageId(image_id)]


ROUTES = (
    Route("PUT", "/v1/hosts/{host_id}", report_host, PUBLIC, REPORT),
    Route("GET", "/v1/hosts/{host_id}/wishes", wishes, PUBLIC),
    Route("POST", "/v1/hosts/{host_id}/facts", report_guests, PUBLIC, FACTS, max_body_bytes=MOST_FACTS_BYTES),
    Route("POST", "/v1/hosts/{host_id}/answers/{question_id}", answer, PUBLIC, reads_stream=True),
    Route("GET", "/v1/images/{image_id}/data", image_data, PUBLIC),
)
