"""What all ways to let others act share: who may not do so, and until when it is."""

from __future__ import annotations

from nacre.identity.authority import Admitted
from nacre.identity.errors import NotPossible
from nacre.identity.standing import Bound
from nacre.kernel.clock import parse_iso
from nacre.kernel.errors import Bad

_YEAR_10000 = 253_402_300_800.0


def demand_undelegated(admitted: Admitted) -> None:
    """Raise NotPossible for a token of a program, unless its credential is unrestricted, and for one from a trust.

    What such a token made would outlive what it was made by.
    """
    credential = admitted.standing.credential
    if credential is not None and not credential.unrestricted:
        raise NotPossible("This application credential may not manage credentials or trusts.")
    if admitted.standing.trust is not None:
        raise NotPossible("A token made from a trust may not manage credentials.")


def bound_to(admitted: Admitted) -> Bound:
    """What a key made with this token must be bound by. Raises NotPossible for one that may make none."""
    credential, trust = admitted.standing.credential, admitted.standing.trust
    if credential is not None:
        demand_undelegated(admitted)
    return Bound(
        credential_id=credential.credential_id if credential else "", trust_id=trust.trust_id if trust else ""
    )


def later(text: str | None, *, now: float, where: str) -> float | None:
    """A moment to come, as it is asked for. Raises Bad."""
    if text is None:
        return None
    try:
        moment = parse_iso(text)
    except (ValueError, OverflowError) as error:
        raise Bad("This is not a time.", where=where) from error
    if moment <= now:
        raise Bad("It would have expired already.", where=where)
    if moment >= _YEAR_10000:
        raise Bad("This is beyond the calendar.", where=where)
    return moment
