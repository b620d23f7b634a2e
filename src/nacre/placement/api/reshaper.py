"""Moving inventories and allocations between providers at once."""

from __future__ import annotations

from nacre.kernel.errors import NotImplementedHere
from nacre.kernel.http.call import Answer, Call
from nacre.placement.api.access import Parts


class NoReshaper(NotImplementedHere):
    """The operation is left out."""

    def __str__(self) -> str:
        return "POST /reshaper is left out: nothing here changes the shape of a provider that is in use."


def reshape(_call: Call[Parts]) -> Answer:
    """Always refused. Errors: NoReshaper."""
    raise NoReshaper
