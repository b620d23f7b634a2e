"""Whether the caller may do this to that: the route's policy, asked about the thing itself."""

from __future__ import annotations

from typing import Any

from nacre.kernel.http.call import Call
from nacre.kernel.policy import NotAllowed

_NOBODY = "\0nobody"
_NOTHING = {"user_id": _NOBODY, "project_id": _NOBODY, "domain_id": _NOBODY}


def demand(call: Call[Any], **target: str) -> None:
    """Raise NotAllowed unless the caller may do this to `target`. What is not named is nobody's."""
    call.route.policy.enforce(call.caller, _NOTHING | target)


def allowed(call: Call[Any], **target: str) -> bool:
    """Whether the caller may do this to `target`."""
    return call.may(_NOTHING | target)


def domain_in_sight(call: Call[Any]) -> str | None:
    """The one domain whose things a list may show to this caller; None for all of them. Raises NotAllowed."""
    if allowed(call):
        return None
    own = call.caller.domain_id
    if own and allowed(call, domain_id=own):
        return own
    raise NotAllowed(call.route.policy.name)
