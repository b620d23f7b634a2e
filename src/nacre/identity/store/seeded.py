"""What the first start made, so that a later one does not make again what an operator has taken away."""

from __future__ import annotations

import msgspec

from nacre.identity.store.shelf import Shelf
from nacre.identity.store.tables import SEEDED


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """`what` was made (`user:admin`), as `subject_id`; `value` is what it said, where that may change."""

    what: str
    subject_id: str
    value: str = ""


SEEDS = Shelf(SEEDED, Seeded, key="what")
