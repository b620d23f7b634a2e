"""The operator's doors: health and metrics for everybody on this address, state and audits on the unix socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import prometheus_client
import sqlalchemy as sa

from nacre import __version__
from nacre.kernel.assembly import Kernel
from nacre.kernel.database import Reader, Tx
from nacre.kernel.events import Actor
from nacre.kernel.http.app import Service, plain_envelope
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.kernel.loops import LoopEngine
from nacre.kernel.policy import PUBLIC

Explain = Callable[[Reader, str], Mapping[str, Any]]
"""Why a server, given by name or id, is where it is."""
ExplainDelete = Callable[[Reader, str, str], Mapping[str, Any]]
"""What hinders the delete of an object, given by its noun and name or id."""
Audit = Callable[[Reader], Sequence[str]]
"""Intent against reality: a sentence for each difference, none when all is well."""
Ailing = Callable[[Reader], Mapping[str, Sequence[str]]]
"""The hosts whose own part in the cloud is not well, and what is wrong with each."""
Repair = Callable[[Tx], None]
"""Lets a service mend what its audit finds. It begins when the transaction ends."""


@dataclass(frozen=True)
class Parts:
    """What the operator's doors look at."""

    kernel: Kernel
    engine: LoopEngine
    explain: Explain
    explain_delete: ExplainDelete
    ailing: Ailing
    audits: Mapping[str, Audit]
    repairs: Mapping[str, Repair]
    began_at: float


def health(call: Call[Parts]) -> Answer:
    """200 while requests are answered from the store; the answer to an unreachable store is a 503."""
    with call.database.read() as db:
        db.scalar(sa.text("SELECT 1"))
    return Ok({"status": "ok", "version": __version__})


def metrics(_call: Call[Parts]) -> Answer:
    """Prometheus text."""
    return Answer(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


def status(call: Call[Parts]) -> Answer:
    """What runs, which hosts ail, what each loop owes, and which keys are in trouble with what."""
    with call.database.read() as db:
        ailing = call.parts.ailing(db)
    return Ok(
        {
            "version": __version__,
            "listen": call.parts.kernel.settings.listen,
            "hosts": call.parts.kernel.settings.hosts,
            "database": call.parts.kernel.database.url.get_backend_name(),
            "up_s": round(time.monotonic() - call.parts.began_at, 1),
            "ailing_hosts": ailing,
            **call.parts.engine.status(),
        }
    )


def explain(call: Call[Parts], name_or_id: str) -> Answer:
    """Why a server is where it is, or nowhere."""
    with call.database.read() as db:
        return Ok(call.parts.explain(db, name_or_id))


def explain_delete(call: Call[Parts], noun: str, name_or_id: str) -> Answer:
    """What an object of networks could not be deleted for, and what clears it. Errors: Bad, the noun's NotFound."""
    with call.database.read() as db:
        return Ok(call.parts.explain_delete(db, noun, name_or_id))


def audit(call: Call[Parts]) -> Answer:
    """Every difference between what is wanted and what is, by service."""
    with call.database.read() as db:
        return Ok({name: list(look(db)) for name, look in call.parts.audits.items()})


def repair(call: Call[Parts]) -> Answer:
    """Begin to mend what audits find, in the services that can; audits tell how far it is. The answer names them."""
    with call.database.write(Actor("operator")) as tx:
        for ask in call.parts.repairs.values():
            ask(tx)
    return Ok({"services": list(call.parts.repairs)})


ROOT = (
    Route("GET", "/healthz", health, PUBLIC),
    Route("GET", "/metrics", metrics, PUBLIC),
)
ADMIN = (
    Route("GET", "/v1/status", status, PUBLIC),
    Route("GET", "/v1/explain/{name_or_id}", explain, PUBLIC),
    Route("GET", "/v1/explain/{noun}/{name_or_id}", explain_delete, PUBLIC),
    Route("GET", "/v1/audit", audit, PUBLIC),
    Route("POST", "/v1/audit/repair", repair, PUBLIC),
)


def doors(
    kernel: Kernel,
    engine: LoopEngine,
    *,
    explain: Explain,
    explain_delete: ExplainDelete,
    ailing: Ailing,
    audits: Mapping[str, Audit],
    repairs: Mapping[str, Repair],
) -> Sequence[Service]:
    """The two services of this module. The one that tells secrets of the cloud is local: file rights guard it."""
    parts = Parts(kernel, engine, explain, explain_delete, ailing, audits, repairs, time.monotonic())
    return (
        Service("root", "/", ROOT, parts, plain_envelope),
        Service("admin", "/admin", ADMIN, parts, plain_envelope, local_only=True),
    )
