"""Key pairs: fingerprints of given keys, and new ones."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from nacre.compute.errors import BadPublicKey

_KIND = re.compile(r"[a-z0-9@.-]{3,100}")


class Keypair(msgspec.Struct, frozen=True):
    """A user's public key. `kind` is `ssh` or `x509`; `number` orders them by age."""

    number: int
    user_id: str
    name: str
    kind: str
    fingerprint: str
    public_key: str
    created_at: float


class NewKeys(msgspec.Struct, frozen=True):
    """A key pair made here. The private half is shown once and kept nowhere."""

    public_key: str
    private_key: str
    fingerprint: str


def fingerprint_of(public_key: str, kind: str) -> str:
    """The fingerprint clients compare: MD5 of an ssh key's bytes, SHA-1 of a certificate's. Raises BadPublicKey."""
    return _ssh_fingerprint(public_key) if kind == "ssh" else _x509_fingerprint(public_key)


def _ssh_fingerprint(public_key: str) -> str:
    words = public_key.strip().split(None, 2)
    if len(words) < 2 or "\n" in public_key.strip():
        raise BadPublicKey("an ssh key is one line of type, base64 and comment")
    try:
        data = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPublicKey("its second word is not base64") from error
    length = int.from_bytes(data[:4], "big")
    kind = data[4 : 4 + length].decode("ascii", "replace")
    if len(data) < 16 or kind != words[0] or not _KIND.fullmatch(kind):
        raise BadPublicKey("its type and its bytes do not match")
    return _colons(hashlib.md5(data, usedforsecurity=False).hexdigest())


def _x509_fingerprint(certificate: str) -> str:
    try:
        parsed = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as error:
        raise BadPublicKey("it is no PEM certificate") from error
    return _colons(parsed.fingerprint(hashes.SHA1()).hex())  # noqa: S303 - The API's own fingerprint.


def _colons(digits: str) -> str:
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def new_keys(name: str, kind: str) -> NewKeys:
    """A key pair of `kind`. RSA with 2048 bits: what every guest image understands."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = _ssh_public(private) if kind == "ssh" else _certificate(private, name)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL
        if kind == "ssh"
        else serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return NewKeys(public, pem.decode(), fingerprint_of(public, kind))


def _ssh_public(private: rsa.RSAPrivateKey) -> str:
    text = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return text.decode() + " Generated-by-Nacre"


def _certificate(private: rsa.RSAPrivateKey, name: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    begin = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
