"""Passcodes by time: what a user's device shows for half a minute.

Source: RFC 6238 (TOTP) over RFC 4226 (HOTP), with SHA-1, six digits and 30 seconds, as devices have it.
"""

from __future__ import annotations

import base64
import binascii
import hmac

WINDOW_S = 30
_DIGITS = 6


def secret_of(text: str) -> bytes | None:
    """The bytes of a secret written in base 32, with or without padding; None if it is not."""
    text = "".join(text.split()).rstrip("=").upper()
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8)) or None
    except (binascii.Error, ValueError):
        return None


def passcode(secret: bytes, window: int) -> str:
    """The code of one window."""
    digest = hmac.digest(secret, window.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return str(number % 10**_DIGITS).zfill(_DIGITS)


def window_at(now: float) -> int:
    """The number of the window that is open."""
    return int(now // WINDOW_S)


def matching_window(secret: bytes, code: str, *, now: float, previous: int) -> int | None:
    """The window whose code this is: the present one, or one of `previous` before it. Takes as long if none."""
    found = None
    given = code.encode(errors="replace")
    for window in range(window_at(now) - previous, window_at(now) + 1):
        if hmac.compare_digest(passcode(secret, window).encode(), given):
            found = window
    return found
