"""Tokens by OAuth 2: an application credential as a client, for programs that know nothing else.

Sources: RFC 6749, section 4.4, "Client Credentials Grant"; Identity API v3 reference, "OS-OAUTH2".
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qsl, unquote_plus

from nacre.identity.api.parts import Parts
from nacre.identity.api.proving import Claimed, credential_claim
from nacre.identity.api.scoping import Aim
from nacre.identity.api.tokens import new_token
from nacre.identity.errors import LoginRefused
from nacre.identity.store.application_credentials import find_secret_by_id
from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.routes import Route
from nacre.kernel.policy import PUBLIC

_LONGEST_FORM = 16_384
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


async def token(call: Call[Parts]) -> Answer:
    """A token for an application credential, as RFC 6749 has it: its answers and its refusals are of that shape."""
    form = await _form(call)
    if form is None:
        return _refusal(400, "invalid_request", "The request is no form, or names a field twice.")
    grant = form.get("grant_type", "")
    if grant != "client_credentials":
        code = "unsupported_grant_type" if grant else "invalid_request"
        return _refusal(400, code, "The grant type must be client_credentials.")
    client = _client(call, form)
    if client is None:
        return _refusal(401, "invalid_client", "Client authentication failed.")
    try:
        return await _granted(call, *client)
    except LoginRefused:
        return _refusal(401, "invalid_client", "Client authentication failed.")


async def _granted(call: Call[Parts], client_id: str, secret: str) -> Answer:
    claim = await call.in_thread(_claim, call, client_id, secret)
    right = await call.parts.passwords.secret_matches(secret, claim.known)
    proof = claim.proof
    if proof is None or proof.only_scope is None or not right:
        raise LoginRefused
    aim = Aim(user_id=proof.user_id, scope=proof.only_scope, bound=proof.bound)
    text, admitted = await call.in_thread(new_token, call, aim, proof)
    body = {
        "access_token": text,
        "expires_in": int(admitted.claims.expires_at - call.now),
        "token_type": "Bearer",
    }
    return Answer(body, 200, dict(_HEADERS))


def _claim(call: Call[Parts], client_id: str, secret: str) -> Claimed:
    with call.database.read() as db:
        return credential_claim(call, find_secret_by_id(db, client_id), secret)


async def _form(call: Call[Parts]) -> dict[str, str] | None:
    """The fields of the form; None if it is none, or says something twice."""
    pieces: list[bytes] = []
    async for piece in call.chunks():
        pieces.append(piece)
        if sum(map(len, pieces)) > _LONGEST_FORM:
            return None
    try:
        pairs = parse_qsl(
            b"".join(pieces).decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict"
        )
    except (UnicodeError, ValueError):
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) and not any("\0" in value for _, value in pairs) else None


def _client(call: Call[Parts], form: dict[str, str]) -> tuple[str, str] | None:
    """The id and the secret of the client: in the header, or in the form."""
    kind, _, encoded = call.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return (
            (form["client_id"], form["client_secret"])
            if {"client_id", "client_secret"} <= form.keys()
            else None
        )
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    if not colon or "\0" in client_id:
        return None
    return unquote_plus(client_id), unquote_plus(secret)


def _refusal(status: int, code: str, words: str) -> Answer:
    """A refusal in the shape that RFC 6749, section 5.2, asks for."""
    headers = dict(_HEADERS)
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="identity"'
    return Answer({"error": code, "error_description": words}, status, headers)


ROUTES = (Route("POST", "/v3/OS-OAUTH2/token", token, PUBLIC, reads_stream=True),)
