"""Access rules: the requests that an application credential is narrowed to."""

from __future__ import annotations

import hashlib

import msgspec


class AccessRule(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of request. A user has each at most once, however often it is given."""

    rule_id: str
    user_id: str
    service: str
    method: str
    path: str


def new_rule(user_id: str, *, service: str, method: str, path: str) -> AccessRule:
    """A rule whose id derives from whose it is and what it says: giving it twice is giving it once."""
    said = "\0".join((user_id, service, method, path))
    rule_id = hashlib.sha256(said.encode()).hexdigest()[:32]
    return AccessRule(rule_id=rule_id, user_id=user_id, service=service, method=method, path=path)
