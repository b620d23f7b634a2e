"""Password hashes as OpenStack sites bring them along: read and checked, never made. Ours are argon2id.

    $2b$12$SALT+DIGEST                         bcrypt, of the password's first 72 bytes
    $bcrypt-sha256$v=2,t=2b,r=12$SALT$DIGEST   bcrypt of an HMAC-SHA256 of the password, keyed with the salt
    $bcrypt-sha256$2b,12$SALT$DIGEST           the same as it was before: of a plain SHA256
    $scrypt$ln=16,r=8,p=1$SALT$DIGEST          scrypt; base64 without padding
    $pbkdf2-sha512$25000$SALT$DIGEST           PBKDF2 with SHA512; base64 with `.` for `+`, without padding

A hash that asks for far more work than a site would choose is refused, for checking it holds up other logins.
Source: the documentation of passlib, whose forms Keystone keeps.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

import argon2
import bcrypt
import msgspec

MOST_BCRYPT_ROUNDS = 15
MOST_BYTES = 256 << 20
MOST_PBKDF2_ROUNDS = 2_000_000
MOST_ARGON2_PASSES = 64
LONGEST = 512
_BCRYPT_READS = 72
_OPTIONS = re.compile(r"ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})")
_BCRYPT = re.compile(r"(\$2[aby]\$(\d\d)\$)([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})")
_BCRYPT_SHA256 = re.compile(
    r"\$bcrypt-sha256\$(v=2,t=)?(2[ab]),(r=)?(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})"
)


class Unreadable(ValueError):
    """Not a hash of a form we know, or one that costs too much to check. Never holds the hash itself."""


class Bcrypt(msgspec.Struct, frozen=True):
    """bcrypt of what `digest` makes of a password and the salt."""

    setting: bytes
    expected: bytes
    digest: Callable[[bytes, bytes], bytes]

    def matches(self, password: bytes) -> bool:
        salt = self.setting[-22:]
        found = bcrypt.hashpw(self.digest(password, salt), self.setting)
        return hmac.compare_digest(found, self.expected)


class Scrypt(msgspec.Struct, frozen=True):
    n: int
    r: int
    p: int
    salt: bytes
    expected: bytes

    def matches(self, password: bytes) -> bool:
        found = hashlib.scrypt(
            password,
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=2 * MOST_BYTES,
            dklen=len(self.expected),
        )
        return hmac.compare_digest(found, self.expected)


class Pbkdf2Sha512(msgspec.Struct, frozen=True):
    rounds: int
    salt: bytes
    expected: bytes

    def matches(self, password: bytes) -> bool:
        found = hashlib.pbkdf2_hmac("sha512", password, self.salt, self.rounds, len(self.expected))
        return hmac.compare_digest(found, self.expected)


class Argon2(msgspec.Struct, frozen=True):
    """argon2 with any parameters. Whoever makes such hashes checks them too."""

    text: str
    parameters: argon2.Parameters


Hash = Argon2 | Bcrypt | Scrypt | Pbkdf2Sha512


def read(text: str) -> Hash:
    """The hash that `text` writes down. Raises Unreadable."""
    scheme = text.split("$")[1] if text.count("$") >= 2 and text.startswith("$") else ""
    reader = _READERS.get(scheme)
    if reader is None or len(text) > LONGEST:
        raise Unreadable("its form is not known")
    return reader(text)


def _read_argon2(text: str) -> Hash:
    try:
        parameters = argon2.extract_parameters(text)
    except (argon2.exceptions.InvalidHashError, ValueError) as error:
        raise Unreadable("it is not argon2") from error
    too_large = parameters.memory_cost * 1024 > 4 * MOST_BYTES or parameters.time_cost > MOST_ARGON2_PASSES
    if too_large or parameters.parallelism > MOST_ARGON2_PASSES:
        raise Unreadable("it costs too much to check")
    return Argon2(text, parameters)


def _read_bcrypt(text: str) -> Hash:
    found = _BCRYPT.fullmatch(text)
    if found is None:
        raise Unreadable("it is not bcrypt")
    prefix, rounds, salt, _ = found.groups()
    _check_rounds(int(rounds))
    return Bcrypt((prefix + salt).encode(), text.encode(), _first_bytes)


def _read_bcrypt_sha256(text: str) -> Hash:
    found = _BCRYPT_SHA256.fullmatch(text)
    if found is None or bool(found[1]) is not bool(found[3]):
        raise Unreadable("it is not bcrypt-sha256")
    version, ident, _, rounds, salt, digest = found.groups()
    _check_rounds(int(rounds))
    setting = f"${ident}${int(rounds):02}${salt}"
    return Bcrypt(setting.encode(), (setting + digest).encode(), _hmac_sha256 if version else _sha256)


def _check_rounds(rounds: int) -> None:
    if not 4 <= rounds <= MOST_BCRYPT_ROUNDS:
        raise Unreadable("it costs too much to check" if rounds > MOST_BCRYPT_ROUNDS else "it is not bcrypt")


def _first_bytes(password: bytes, _salt: bytes) -> bytes:
    return password[:_BCRYPT_READS]


def _hmac_sha256(password: bytes, salt: bytes) -> bytes:
    return base64.b64encode(hmac.digest(salt, password, hashlib.sha256))


def _sha256(password: bytes, _salt: bytes) -> bytes:
    return base64.b64encode(hashlib.sha256(password).digest())


def _read_scrypt(text: str) -> Hash:
    options, salt, expected = _three_parts(text)
    found = _OPTIONS.fullmatch(options)
    if found is None:
        raise Unreadable("it is not scrypt")
    ln, r, p = map(int, found.groups())
    if not (ln and r and p):
        raise Unreadable("it is not scrypt")
    if (128 * r * p) << ln > MOST_BYTES:
        raise Unreadable("it costs too much to check")
    return Scrypt(1 << ln, r, p, _unpadded(salt), _unpadded(expected))


def _read_pbkdf2(text: str) -> Hash:
    rounds, salt, expected = _three_parts(text)
    if not rounds.isascii() or not rounds.isdigit() or len(rounds) > 9 or not int(rounds):
        raise Unreadable("it is not pbkdf2")
    if int(rounds) > MOST_PBKDF2_ROUNDS:
        raise Unreadable("it costs too much to check")
    plain = (part.replace(".", "+") for part in (salt, expected))
    return Pbkdf2Sha512(int(rounds), *map(_unpadded, plain))


def _three_parts(text: str) -> list[str]:
    parts = text.split("$")[2:]
    if len(parts) != 3:
        raise Unreadable("it has not three parts")
    return parts


def _unpadded(text: str) -> bytes:
    """What base64 without its padding says; never nothing."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("its base64 is broken") from error
    if not raw:
        raise Unreadable("it has no salt or no digest")
    return raw


_READERS: Mapping[str, Callable[[str], Hash]] = {
    "argon2id": _read_argon2,
    "argon2i": _read_argon2,
    "argon2d": _read_argon2,
    "2a": _read_bcrypt,
    "2b": _read_bcrypt,
    "2y": _read_bcrypt,
    "bcrypt-sha256": _read_bcrypt_sha256,
    "scrypt": _read_scrypt,
    "pbkdf2-sha512": _read_pbkdf2,
}
