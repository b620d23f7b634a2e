"""Receipts: for a user whose rules ask for more methods than have been proven so far.

A receipt is signed like a token, and is none: its signature holds for nothing else.
Source: Identity API v3 reference, "Multi-factor authentication".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nacre.identity.domain.tokens import TokenKey, checked, signed

_PURPOSE = b"receipt"


class Receipt(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """By which methods somebody has proven to be a user. Fields may be added at the end, with defaults."""

    user_id: str
    methods: tuple[str, ...]
    epoch: int
    issued_at: float
    expires_at: float


_write = msgspec.msgpack.Encoder().encode
_read = msgspec.msgpack.Decoder(Receipt).decode


def sign_receipt(receipt: Receipt, key: TokenKey) -> str:
    """The receipt as its holder is given it."""
    return signed(_write(receipt), key, purpose=_PURPOSE)


def read_receipt(text: str, keys: Mapping[int, TokenKey]) -> Receipt:
    """What a receipt says, once its signature holds. Raises BadToken, MsgspecError."""
    return _read(checked(text, keys, purpose=_PURPOSE))


def rules_of(options: Mapping[str, Any]) -> Sequence[Sequence[str]]:
    """The sets of methods of which a user must prove one whole; none where one method is enough."""
    if not options.get("multi_factor_auth_enabled"):
        return []
    rules = options.get("multi_factor_auth_rules") or []
    return [rule for rule in rules if isinstance(rule, list) and rule]


def satisfied(rules: Sequence[Sequence[str]], methods: Sequence[str]) -> bool:
    """Whether `methods` are enough."""
    return not rules or any(set(rule) <= set(methods) for rule in rules)
