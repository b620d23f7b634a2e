"""Whether the caller may do this to that: the route's policy, asked about the thing itself.

A stranger is refused alike whether the thing exists or not: `known` asks the policy about nothing in particular
before it lets a NotFound through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from nacre.identity.errors import Missing
from nacre.kernel.http.call import Call
from nacre.kernel.policy import NotAllowed

T = TypeVar("T")


def demand(call: Call[Any], **target: Any) -> None:
    """Raise NotAllowed unless the caller may do this to `target`. What is not named is nobody's."""
    call.route.policy.enforce(call.caller, target)


def allowed(call: Call[Any], **target: Any) -> bool:
    """Whether the caller may do this to `target`."""
    return call.may(target)


def known(call: Call[Any], load: Callable[[], T], target_of: Callable[[T], Mapping[str, Any]]) -> T:
    """What `load` gives, if the caller may do this to it. Raises NotAllowed, and the NotFound of `load`."""
    try:
        thing = load()
    except Missing:
        demand(call)
        raise
    demand(call, **target_of(thing))
    return thing


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What a list may show: all, what is in one domain, or only who is asked for by name, and briefly."""

    domain_id: str | None = None
    brief: bool = False


def sight(call: Call[Any]) -> Sight:
    """What a list may show to this caller. Raises NotAllowed.

    A token for a domain shows what is in it, whatever else its user may see. Somebody who may not list may still
    be allowed to look up one by name.
    """
    own = call.caller.domain_id
    if own and allowed(call, domain_id=own):
        return Sight(domain_id=own)
    if allowed(call):
        return Sight()
    if call.one("name") and allowed(call, by_name=True):
        return Sight(brief=True)
    raise NotAllowed(call.route.policy.name)


def domain_in_sight(call: Call[Any]) -> str | None:
    """The one domain whose things a list may show to this caller; None for all of them. Raises NotAllowed."""
    return sight(call).domain_id
