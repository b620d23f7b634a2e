"""How one step towards a wish ended, for whoever drives steps: the loops of the store, and the agents."""

from __future__ import annotations

from enum import Enum

import msgspec


class Done(Enum):
    """The two ends of a step that need no words."""

    SETTLED = "settled"
    AGAIN = "again"


SETTLED = Done.SETTLED
AGAIN = Done.AGAIN


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do before `recheck_s` seconds or an earlier wake-up, for a reason that people can read."""

    recheck_s: float
    because: str


Outcome = Done | Wait
