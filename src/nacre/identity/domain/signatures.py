"""Signatures of requests to EC2 and S3, as their services hand them on to be checked.

Sources: AWS, "Signature Version 2 signing process", "Signature Version 4 signing process"; Identity API v3
reference, "OS-EC2". Versions 0 and 1 live on in old clients.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from nacre.kernel.clock import parse_iso

_V4 = "AWS4-HMAC-SHA256"
_V4_END = "aws4_request"
_S3_SERVICES = ("s3", "iam", "sts")
S3_LONGEST_S = 7 * 86_400.0
"""How long a presigned S3 request is good for at most; whoever hands it on knows how long this one is."""


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed. `body_hash` is of the body, in hexadecimal; names in `headers` are in lower case."""

    host: str = ""
    verb: str = ""
    path: str = ""
    params: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body_hash: str = ""

    @property
    def is_v4(self) -> bool:
        said = self.params.get("X-Amz-Algorithm") or self.headers.get("authorization", "")
        return said.startswith(_V4)


# -- EC2 ---------------------------------------------------------------------------------------------------


def ec2_signature_holds(secret: str, signature: str, request: SignedRequest) -> bool:
    """Whether `secret` has signed the request, in any version. Takes as long either way."""
    if request.is_v4:
        return _same(_version_4(secret, request), signature)
    match request.params.get("SignatureVersion"):
        case "0":
            said = request.params.get("Action", "") + request.params.get("Timestamp", "")
            return _same(_base64(secret, said, "sha1"), signature)
        case "1":
            return _same(_base64(secret, _sorted_pairs(request.params), "sha1"), signature)
        case "2":
            # Some clients leave the port out of the host they sign.
            hosts = {request.host, request.host.partition(":")[0]}
            found = [_same(_version_2(secret, request, host), signature) for host in sorted(hosts)]
            return any(found)
        case _:
            return _same(None, signature)


def signed_at(request: SignedRequest) -> float | None:
    """When a request says that it was signed, in seconds since the epoch; None if it does not, or not readably."""
    if request.is_v4:
        text = request.headers.get("x-amz-date") or request.params.get("X-Amz-Date")
    else:
        text = request.params.get("Timestamp")
    return _moment(text)


def _sorted_pairs(params: Mapping[str, str]) -> str:
    names = sorted((name for name in params if name != "Signature"), key=str.lower)
    return "".join(name + params[name] for name in names)


def _query(params: Mapping[str, str]) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in params.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def _version_2(secret: str, request: SignedRequest, host: str) -> str:
    params = {name: value for name, value in request.params.items() if name != "Signature"}
    digest = "sha1" if params.get("SignatureMethod") == "HmacSHA1" else "sha256"
    said = f"{request.verb}\n{host}\n{request.path}\n{_query(params)}"
    return _base64(secret, said, digest)


def _version_4(secret: str, request: SignedRequest) -> str | None:
    credential = _v4_part(request, "Credential").split("/")
    date = request.headers.get("x-amz-date") or request.params.get("X-Amz-Date", "")
    if len(credential) != 5 or credential[4] != _V4_END or not date.startswith(credential[1]):
        return None
    signed_headers = _v4_part(request, "SignedHeaders")
    names = [name for name in signed_headers.split(";") if name in request.headers]
    params = {name: value for name, value in request.params.items() if name != "X-Amz-Signature"}
    canonical = "\n".join(
        (
            request.verb.upper(),
            request.path,
            # What a POST asks for is in its body, which is signed by its hash.
            "" if request.verb.upper() == "POST" else _query(params),
            "".join(f"{name}:{request.headers[name].strip()}\n" for name in names),
            signed_headers,
            request.body_hash,
        )
    )
    scope = credential[1:]
    said = "\n".join((_V4, date, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()))
    return _v4_seal(secret, scope, said.encode())


def _v4_part(request: SignedRequest, name: str) -> str:
    """A part of what version 4 says of itself, in the header or in the query."""
    header = request.headers.get("authorization")
    if header is None:
        return request.params.get(f"X-Amz-{name}", "")
    return header.partition(f"{name}=")[2].partition(",")[0].strip()


# -- S3 ----------------------------------------------------------------------------------------------------


def s3_signature_holds(secret: str, signature: str, said: bytes) -> bool:
    """Whether `secret` has signed the text `said`, in the first version or the fourth. Takes as long either way."""
    if not said.startswith(b"AWS4"):
        digest = hmac.digest(secret.encode(), said, "sha1")
        return _same(base64.b64encode(digest).decode(), signature)
    lines = said.split(b"\n")
    scope = lines[2].decode(errors="replace").split("/") if len(lines) == 4 else []
    fits = len(scope) == 4 and scope[3] == _V4_END and scope[2] in _S3_SERVICES and lines[0] == _V4.encode()
    return _same(_v4_seal(secret, scope, said) if fits else None, signature)


def s3_signed_at(said: bytes) -> float | None:
    """When it was signed, where the text says so: in the fourth version. None where it should and does not."""
    lines = said.split(b"\n")
    return _moment(lines[1].decode(errors="replace")) if len(lines) == 4 else None


def s3_text(token: str) -> bytes | None:
    """The text that was signed, from how it is handed on; None if it cannot be read."""
    try:
        return base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        return None


# -- both --------------------------------------------------------------------------------------------------


def _v4_seal(secret: str, scope: list[str], said: bytes) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def _base64(secret: str, said: str, digest: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), said.encode(), digest)).decode()


def _same(right: str | None, given: str) -> bool:
    return hmac.compare_digest((right or "").encode(), given.encode()) and right is not None


def _moment(text: str | None) -> float | None:
    try:
        return parse_iso(text) if text else None
    except (ValueError, OverflowError):
        return None
