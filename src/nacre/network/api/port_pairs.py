"""Allowed address pairs of ports, added and taken away without naming the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nacre.kernel.errors import Bad
from nacre.kernel.http.call import Answer, Call, Ok
from nacre.kernel.http.routes import Route
from nacre.network import policy
from nacre.network.api.attributes import ANY_BODY, Given, Whole, read, unwrap
from nacre.network.api.parts import Parts
from nacre.network.api.ports import MOST_PAIRS, PORTS
from nacre.network.domain.ports import AddressPair
from nacre.network.errors import HTTPBadRequest

Pairs = Sequence[AddressPair]
_NAME = "allowed_address_pairs"


def add(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a port send from these addresses too; those it has already stay. Errors: as of a change of the port."""
    return _edited(
        call, ask, object_id, lambda had, said: [*had, *(each for each in said if each not in had)]
    )


def remove(call: Call[Parts], ask: Whole, object_id: str) -> Answer:
    """Let a port send from these addresses no more; absent is success. Errors: as of a change of the port."""
    return _edited(call, ask, object_id, lambda had, said: [each for each in had if each not in said])


def _edited(call: Call[Parts], ask: Whole, object_id: str, edit: Callable[[Pairs, Pairs], Pairs]) -> Answer:
    raw = unwrap(ask, PORTS.name)
    if raw.keys() != {_NAME}:
        raise HTTPBadRequest(f"The port must hold '{_NAME}' and nothing else.")
    said = read(call, PORTS.known, raw, action=policy.PORT_UPDATE).said[_NAME]
    with call.database.write(call.actor) as tx:
        port = PORTS.lock_for(call, tx, object_id)
        named = [AddressPair(each.ip_address, each.mac_address or port.mac_address) for each in said]
        pairs = tuple(edit(port.allowed_address_pairs, named))
        if len(pairs) > MOST_PAIRS:
            raise Bad(f"A port has at most {MOST_PAIRS} pairs.", where=_NAME)
        port = PORTS.change(call, tx, port, Given({_NAME: pairs}))
        return Ok({PORTS.name: PORTS.view(call, tx, port)})


ROUTES = tuple(
    Route("PUT", f"/v2.0/ports/{{object_id}}/{verb}_{_NAME}", handler, policy.PORT_UPDATE, ANY_BODY)
    for verb, handler in (("add", add), ("remove", remove))
)
