"""Trusts: one user, the trustor, lets another, the trustee, use some of their roles on one project.

A trust may be handed on, so often as its `redelegation_count` says; what is handed on is never more than was had.
Source: Identity API v3 reference, "OS-TRUST API".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """With `impersonation`, a token from it names the trustor as its user, else the trustee.

    `remaining_uses` counts the tokens that may still be made from it; None is any number of them.
    """

    trust_id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str
    redelegated_trust_id: str | None = None
    impersonation: bool
    role_ids: tuple[str, ...]
    redelegation_count: int = 0
    remaining_uses: int | None = None
    expires_at: float | None = None
    deleted_at: float | None = None

    @property
    def user_id(self) -> str:
        """Whose name the tokens made from it bear."""
        return self.trustor_user_id if self.impersonation else self.trustee_user_id

    def usable(self, *, now: float) -> bool:
        """Whether a token can be made from it."""
        return (
            self.deleted_at is None
            and (self.expires_at is None or self.expires_at > now)
            and (self.remaining_uses is None or self.remaining_uses > 0)
        )


def depth_of(asked: int | None, *, allowed: bool, most: int, parent: Trust | None) -> int | str:
    """How often a new trust may be handed on; or, as a sentence, why it may not be made like that.

    `most` is the site's own bound; `parent` is the trust it is handed on from, if any.
    """
    if parent is not None and parent.redelegation_count < 1:
        return "This trust may not be handed on."
    bound = most if parent is None else min(most, parent.redelegation_count - 1)
    if not allowed or asked == 0:
        return 0
    if asked is None:
        return bound
    if asked > bound or (parent is not None and asked != bound):
        return f"The redelegation count {asked} should be {bound} or less."
    return asked


def beyond(trust: Trust, ancestors: Sequence[Trust]) -> str:
    """Why `trust` gives more than one of those it was handed on from; empty if it does not.

    Its roles are not asked about: what they imply may change, so that is for whoever uses it.
    """
    for had in ancestors:
        if trust.project_id != had.project_id:
            return "A trust is handed on for its own project only."
        if trust.impersonation and not had.impersonation:
            return "Impersonation is not allowed, because the trust it is handed on from does not allow it."
        if had.expires_at is not None and (trust.expires_at is None or trust.expires_at > had.expires_at):
            return "A trust may not outlast the one it is handed on from."
    return ""
