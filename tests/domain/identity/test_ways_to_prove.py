"""Passcodes, signatures, receipts and what may be handed on: pure decisions, by their sources' own examples."""

from __future__ import annotations

import pytest

from nacre.identity.domain.passcodes import matching_window, passcode, secret_of
from nacre.identity.domain.receipts import Receipt, read_receipt, rules_of, satisfied, sign_receipt
from nacre.identity.domain.signatures import SignedRequest, ec2_signature_holds, signed_at
from nacre.identity.domain.tokens import BadToken, TokenKey, read
from nacre.identity.domain.trusts import Trust, beyond, depth_of

# RFC 6238, appendix B, SHA-1; the last six of its eight digits.
RFC_6238 = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("moment_s", "code"), RFC_6238)
def test_passcodes_are_those_of_the_rfc(moment_s: int, code: str):
    secret = b"12345678901234567890"
    assert passcode(secret, moment_s // 30) == code
    assert matching_window(secret, code, now=moment_s, previous=0) == moment_s // 30
    assert matching_window(secret, code, now=moment_s + 30, previous=0) is None
    assert matching_window(secret, code, now=moment_s + 30, previous=1) == moment_s // 30


def test_a_secret_is_read_as_people_write_it():
    assert secret_of("GEZD GNBV") == secret_of("gezdgnbv") == b"12345"
    assert secret_of("GEZA====") == secret_of("GEZA")
    for text in ("", "1", "!!", "\N{SNOWMAN}"):
        assert secret_of(text) is None


def test_a_signature_is_that_of_amazons_own_example():
    """AWS General Reference, "Signature Version 4", the example of a GET of ListUsers."""
    request = SignedRequest(
        host="iam.amazonaws.com",
        verb="GET",
        path="/",
        params={"Action": "ListUsers", "Version": "2010-05-08"},
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "host": "iam.amazonaws.com",
            "x-amz-date": "20150830T123600Z",
            "authorization": (
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                "SignedHeaders=content-type;host;x-amz-date, Signature=..."
            ),
        },
        body_hash="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )
    signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

    assert ec2_signature_holds(secret, signature, request)
    assert not ec2_signature_holds(secret + "x", signature, request)
    assert signed_at(request) == 1440938160


KEYS = {1: TokenKey(key_id=1, secret=b"k" * 32, signs_from=0)}


def test_a_receipt_is_no_token_and_no_other_receipt():
    receipt = Receipt(user_id="ada", methods=("password",), epoch=3, issued_at=1, expires_at=2)
    text = sign_receipt(receipt, KEYS[1])

    assert read_receipt(text, KEYS) == receipt
    with pytest.raises(BadToken):
        read(text, KEYS)
    with pytest.raises(BadToken):
        read_receipt(("A" if text[0] != "A" else "B") + text[1:], KEYS)


def test_rules_of_a_user_are_sets_of_methods_of_which_one_is_enough():
    options = {
        "multi_factor_auth_enabled": True,
        "multi_factor_auth_rules": [["password", "totp"], [], ["mapped"]],
    }
    rules = rules_of(options)
    assert satisfied(rules, ["totp", "token", "password"])
    assert satisfied(rules, ["mapped"])
    assert not satisfied(rules, ["password"])
    assert satisfied(rules_of(options | {"multi_factor_auth_enabled": False}), ["password"])
    assert satisfied(rules_of({}), ["password"])


def trust(**fields: object) -> Trust:
    base = {
        "trust_id": "t", "trustor_user_id": "a", "trustee_user_id": "b", "project_id": "p",
        "impersonation": False, "role_ids": ("r",),
    }  # fmt: skip
    return Trust(**(base | fields))  # type: ignore[arg-type]


DEPTHS = [
    # what is asked, whether it is allowed, how often the parent may be handed on, and what becomes of it
    (None, False, None, 0),
    (2, False, None, 0),
    (None, True, None, 3),
    (2, True, None, 2),
    (0, True, None, 0),
    (4, True, None, str),
    (None, True, 2, 1),
    (1, True, 2, 1),
    (2, True, 2, str),
    (None, True, 1, 0),
    (None, False, 0, str),
]


@pytest.mark.parametrize(("asked", "allowed", "parent", "found"), DEPTHS)
def test_a_trust_is_handed_on_less_often_each_time(asked, allowed, parent, found):
    had = None if parent is None else trust(redelegation_count=parent)
    depth = depth_of(asked, allowed=allowed, most=3, parent=had)
    assert isinstance(depth, str) if found is str else depth == found


def test_what_is_handed_on_is_within_every_one_it_came_through():
    fits = trust(expires_at=5.0)
    assert beyond(fits, [trust(expires_at=5.0), trust()]) == ""
    assert beyond(fits, [trust(), trust(expires_at=4.0)])
    assert beyond(trust(), [trust(expires_at=4.0)])
    assert beyond(fits, [trust(project_id="other")])
    assert beyond(trust(impersonation=True), [trust(impersonation=True), trust()])


def test_a_trust_is_usable_until_it_ends_or_is_used_up():
    assert trust().usable(now=1)
    assert not trust(expires_at=1.0).usable(now=1)
    assert not trust(remaining_uses=0).usable(now=1)
    assert not trust(deleted_at=0.5).usable(now=1)
