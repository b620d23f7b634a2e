"""EC2 credentials: a pair of keys, kept as the blob of a credential of type `ec2`."""

from __future__ import annotations

import hashlib

import msgspec


class Ec2Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of keys; and what they were made by, if that was a token of a trust or of an application credential.

    What is signed with them is good for no more than that.
    """

    access: str
    secret: str
    trust_id: str | None = None
    app_cred_id: str | None = None


def ec2_id(access: str) -> str:
    """The id of the credential with an access key: it is found by that, so it derives from it.

    Source: Identity API v3 reference, "Create credential".
    """
    return hashlib.sha256(access.encode()).hexdigest()
