"""Tokens: who proved what, and for which scope, under a signature.

    base64url( key id: 4 bytes | claims: MessagePack | HMAC-SHA256 of all before: 32 bytes )

A token says nothing of roles. It is readable by its holder, and cannot be made or changed without the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

import msgspec

from nacre.identity.domain.scopes import UNSCOPED, Scope
from nacre.kernel.ids import UserId

LONGEST_TOKEN = 2048
_KEY_ID_BYTES = 4
_MAC_BYTES = 32
_KEY_BYTES = 32


class Voucher(msgspec.Struct, frozen=True, array_like=True):
    """By which identity provider, and how, somebody has been proven to be who they are."""

    idp_id: str
    protocol_id: str


class Claims(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a token says. Fields may be added at the end, with defaults; never moved.

    `epoch` is the user's at the time of issue, or the sum of those of all whom a trust concerns: raising one
    voids every token of theirs. The first of
    `audit_ids` names this token, a second one the token it was made from. Times are seconds since the epoch.
    """

    user_id: UserId
    scope: Scope = UNSCOPED
    methods: tuple[str, ...]
    epoch: int
    issued_at: float
    expires_at: float
    audit_ids: tuple[str, ...]
    credential_id: str = ""
    """The application credential whose roles bound those of the token, if any."""
    trust_id: str = ""
    """The trust it was made from, if any. `user_id` is the trustor's or the trustee's, as the trust says."""
    voucher: Voucher | None = None


class TokenKey(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key. A new one signs only from `signs_from` on, when every node has heard of it."""

    key_id: int
    secret: bytes
    signs_from: float


class BadToken(Exception):
    """Not a token that one of our keys has signed."""


def new_audit_id() -> str:
    """A random name for a token, as identity shows it: 22 characters that fit a URL."""
    return secrets.token_urlsafe(16)


def new_secret() -> bytes:
    """The secret of a key to be."""
    return secrets.token_bytes(_KEY_BYTES)


def signing_key(keys: Sequence[TokenKey], *, now: float) -> TokenKey:
    """The newest key that signs already; the very first signs whatever the clock says."""
    ready = [key for key in keys if key.signs_from <= now]
    return max(ready or keys[:1], key=lambda key: key.key_id)


_write_claims = msgspec.msgpack.Encoder().encode
_read_claims = msgspec.msgpack.Decoder(Claims).decode


def sign(claims: Claims, key: TokenKey) -> str:
    """The token that says `claims`."""
    return signed(_write_claims(claims), key)


def read(token: str, keys: Mapping[int, TokenKey]) -> Claims:
    """What a token says, once its signature holds. Whether it still counts is for others. Raises BadToken."""
    return _read_claims(checked(token, keys))


def signed(said: bytes, key: TokenKey, *, purpose: bytes = b"") -> str:
    """Bytes under a signature that holds for one purpose only; tokens have none."""
    said = key.key_id.to_bytes(_KEY_ID_BYTES, "big") + said
    return base64.urlsafe_b64encode(said + _mac(key.secret, purpose + said)).rstrip(b"=").decode()


def checked(text: str, keys: Mapping[int, TokenKey], *, purpose: bytes = b"") -> bytes:
    """The bytes again, once their signature holds. Raises BadToken."""
    if len(text) > LONGEST_TOKEN:
        raise BadToken("too long")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadToken("not base64") from error
    said, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    key = keys.get(int.from_bytes(said[:_KEY_ID_BYTES], "big"))
    if key is None or not hmac.compare_digest(_mac(key.secret, purpose + said), mac):
        raise BadToken("no key of ours has signed it")
    return said[_KEY_ID_BYTES:]


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, said, hashlib.sha256)
