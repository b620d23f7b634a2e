"""Tokens as values: what is signed is read back, and nothing else is."""

from __future__ import annotations

import base64

import pytest

from nacre.identity.domain.scopes import Scope, ScopeKind
from nacre.identity.domain.tokens import (
    BadToken,
    Claims,
    TokenKey,
    new_audit_id,
    new_secret,
    read,
    sign,
    signing_key,
)
from nacre.kernel.ids import UserId

KEY = TokenKey(key_id=7, secret=b"k" * 32, signs_from=0.0)
CLAIMS = Claims(
    user_id=UserId("a" * 32),
    scope=Scope(ScopeKind.PROJECT, "b" * 32),
    methods=("password", "token"),
    epoch=3,
    issued_at=1_800_000_000.25,
    expires_at=1_800_003_600.25,
    audit_ids=(new_audit_id(), new_audit_id()),
    credential_id="c" * 32,
)


def test_what_was_signed_is_read_back_and_fits_a_header():
    token = sign(CLAIMS, KEY)

    assert read(token, {7: KEY}) == CLAIMS
    assert len(token) < 400
    assert token.isascii()
    assert not set(token) & set("+/= ")


def test_another_key_of_the_same_number_reads_nothing():
    with pytest.raises(BadToken):
        read(sign(CLAIMS, KEY), {7: TokenKey(key_id=7, secret=b"x" * 32, signs_from=0.0)})


def test_a_forgotten_key_reads_nothing():
    with pytest.raises(BadToken):
        read(sign(CLAIMS, KEY), {8: KEY})


def test_the_number_of_the_key_is_signed_too():
    raw = bytearray(base64.urlsafe_b64decode(sign(CLAIMS, KEY) + "=="[: -len(sign(CLAIMS, KEY)) % 4]))
    raw[3] = 8
    moved = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    with pytest.raises(BadToken):
        read(moved, {7: KEY, 8: TokenKey(key_id=8, secret=KEY.secret, signs_from=0.0)})


@pytest.mark.parametrize("token", ["", "A", "AAAA", "A" * 48, "A" * 3000, "ü", "a b", "\0"])
def test_garbage_is_refused(token: str):
    with pytest.raises(BadToken):
        read(token, {0: KEY, 7: KEY})


def test_a_new_key_waits_until_every_node_knows_it():
    old = TokenKey(key_id=1, secret=new_secret(), signs_from=0.0)
    new = TokenKey(key_id=2, secret=new_secret(), signs_from=100.0)

    assert signing_key([old, new], now=99.0) is old
    assert signing_key([old, new], now=100.0) is new
    assert signing_key([new], now=0.0) is new


def test_claims_may_grow_at_the_end():
    class Older(Claims, frozen=True, kw_only=True, array_like=True):
        later: str = "default"

    import msgspec

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(CLAIMS), type=Older).later == "default"
