"""Receipts, for users who must prove themselves by several methods: given for the first, taken with the last.

Source: Identity API v3 reference, "Multi-factor authentication".
"""

from __future__ import annotations

import msgspec

from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import Proof
from nacre.identity.domain.receipts import Receipt, read_receipt, rules_of, satisfied, sign_receipt
from nacre.identity.domain.scopes import UNSCOPED
from nacre.identity.domain.tokens import BadToken
from nacre.identity.standing import Standing, refused
from nacre.kernel.clock import iso_micro
from nacre.kernel.http.call import Answer, Call

HEADER = "Openstack-Auth-Receipt"


def with_receipt(call: Call[Parts], proof: Proof) -> Proof:
    """The proof with the methods of the receipt that comes with the request, if one does. Raises LoginRefused."""
    text = call.headers.get(HEADER.lower())
    if text is None:
        return proof
    try:
        receipt = read_receipt(text, call.parts.authority.keys())
    except (BadToken, msgspec.MsgspecError) as error:
        raise refused(f"the receipt is not ours: {error}") from error
    if receipt.user_id != proof.user_id or receipt.expires_at <= call.now:
        raise refused("the receipt is another user's, or has expired")
    if receipt.epoch != _standing(call, proof).epoch:
        raise refused("the password has been changed since the receipt was issued")
    return msgspec.structs.replace(proof, methods=(*receipt.methods, *proof.methods))


def receipt_for(call: Call[Parts], proof: Proof) -> Answer | None:
    """None if the proof satisfies the user's rules; else a 401 with a receipt for what is proven so far.

    Raises LoginRefused for a user who may not log in at all.
    """
    if proof.options is not None and satisfied(rules_of(proof.options), proof.methods):
        return None
    standing = _standing(call, proof)
    user = standing.access.user
    rules = rules_of(user.options)
    if satisfied(rules, proof.methods):
        return None
    receipt = Receipt(
        user_id=user.user_id,
        methods=tuple(dict.fromkeys(proof.methods)),
        epoch=standing.epoch,
        issued_at=call.now,
        expires_at=call.now + call.parts.auth.receipt_lifetime_s,
    )
    body = {
        "receipt": {
            "methods": receipt.methods,
            "user": {
                "id": user.user_id,
                "name": user.name,
                "domain": {
                    "id": standing.access.user_domain.project_id,
                    "name": standing.access.user_domain.name,
                },
            },
            "issued_at": iso_micro(receipt.issued_at),
            "expires_at": iso_micro(receipt.expires_at),
        },
        "required_auth_methods": rules,
    }
    return Answer(body, 401, {HEADER: sign_receipt(receipt, call.parts.authority.signing_key())})


def _standing(call: Call[Parts], proof: Proof) -> Standing:
    """The standing of whoever has proven to be somebody: as far as is known of them before they name a scope."""
    return call.parts.authority.standing(proof.user_id, proof.only_scope or UNSCOPED, proof.bound)
