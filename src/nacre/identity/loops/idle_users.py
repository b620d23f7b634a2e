"""Disables users whom nobody has logged in as for as long as the site allows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from nacre.identity.authority import CHANGED
from nacre.identity.domain.passwords import PasswordRules
from nacre.identity.store.logins import disable_idle
from nacre.kernel.assembly import Kernel
from nacre.kernel.errors import Problem
from nacre.kernel.events import Event
from nacre.kernel.loops import AGAIN, SETTLED, Outcome, current_actor

AT_A_TIME = 100


@final
class IdleUserLoop:
    """Looks through all users at every full pass, if the site asks for it. An administrator can enable them again."""

    name = "idle-users"
    at_once = 1

    def __init__(self, kernel: Kernel, rules: PasswordRules) -> None:
        self._database = kernel.database
        self._rules = rules

    def reconcile(self, _key: str) -> Outcome:
        """One batch at a time. Tokens of who is disabled are void at once."""
        if not self._rules.idle_s:
            return SETTLED
        with self._database.write(current_actor(self.name)) as tx:
            user_ids = disable_idle(tx, idle_s=self._rules.idle_s, most=AT_A_TIME)
            for user_id in user_ids:
                after = {"enabled": False, "because": "nobody has logged in for too long"}
                tx.record(Event(action="update", kind="user", subject=user_id, after=after))
            if user_ids:
                tx.wake(CHANGED)
        return AGAIN if len(user_ids) == AT_A_TIME else SETTLED

    def all_keys(self) -> Iterable[str]:
        return ("all",) if self._rules.idle_s else ()

    def record_fault(self, key: str, problem: Problem) -> None:
        raise AssertionError(f"nobody is told of idle users: {key}: {problem}")
