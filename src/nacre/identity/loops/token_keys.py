"""Replaces the key that signs tokens, by period."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import final

from nacre.identity.keys import new_sealed_secret, read_for_s, rotate_keys
from nacre.identity.sealing import Seal
from nacre.identity.store.tokens import load_keys
from nacre.kernel.assembly import Kernel
from nacre.kernel.database import Duplicate
from nacre.kernel.errors import Problem
from nacre.kernel.loops import SETTLED, Outcome, current_actor

THE_KEY = "newest"


@final
class TokenKeyLoop:
    """Lets a new key sign once the newest is `token.key_period_s` old; the full pass asks often enough."""

    name = "token-keys"
    at_once = 1

    def __init__(self, kernel: Kernel, seal: Seal) -> None:
        self._database = kernel.database
        self._settings = kernel.settings
        self._seal = seal

    def reconcile(self, _key: str) -> Outcome:
        """Safe on several nodes at once: two keys of the same number cannot be."""
        if not self._is_due():
            return SETTLED
        sealed = new_sealed_secret(self._seal)
        with contextlib.suppress(Duplicate), self._database.write(current_actor(self.name)) as tx:
            rotate_keys(tx, sealed, lifetime_s=read_for_s(self._settings))
        return SETTLED

    def _is_due(self) -> bool:
        period_s = self._settings.token.key_period_s
        with self._database.read() as db:
            keys = load_keys(db)
        return bool(period_s and keys) and keys[-1].signs_from + period_s <= self._database.clock.now()

    def all_keys(self) -> Iterable[str]:
        return (THE_KEY,)

    def record_fault(self, key: str, problem: Problem) -> None:
        raise AssertionError(f"the rotation of keys has no owner to tell: {key}: {problem}")
