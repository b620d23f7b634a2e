"""Credentials and policies: what identity keeps for other services."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from nacre.identity.sealing import Seal, SealBroken
from tests.services.identity.conftest import Site

CREDENTIALS = "/identity/v3/credentials"
POLICIES = "/identity/v3/policies"


@pytest.fixture
def demo(site: Site):
    """The demo user's token, as a dict."""
    return site.log_in("demo").json["token"]


def test_a_credential_is_kept_sealed_and_shown_to_its_user(site: Site, demo, tmp_path: Path):
    client = site.as_user("demo")
    ask = {"type": "cert", "blob": "a very private key", "user_id": demo["user"]["id"]}

    made = client.post(CREDENTIALS, json={"credential": ask})

    credential = made.json["credential"]
    assert made.status == 201
    assert credential["blob"] == "a very private key"
    assert client.get(f"{CREDENTIALS}/{credential['id']}").json["credential"] == credential
    assert client.get(f"{CREDENTIALS}?type=cert").json["credentials"] == [credential]
    with site.kernel.database.read() as db:
        rows = [
            *db.rows(sa.text("SELECT * FROM identity_credential")),
            *db.rows(sa.text("SELECT * FROM event")),
        ]
    assert "very private" not in str(rows)
    assert (tmp_path / "identity-seal.keys").stat().st_mode & 0o777 == 0o600


def test_an_ec2_credential_is_named_after_its_access_key(site: Site, demo):
    client = site.as_user("demo")
    blob = json.dumps({"access": "abc", "secret": "def"})
    ask = {"type": "ec2", "blob": blob, "user_id": demo["user"]["id"], "project_id": demo["project"]["id"]}

    made = client.post(CREDENTIALS, json={"credential": ask})

    assert made.json["credential"]["id"] == hashlib.sha256(b"abc").hexdigest()
    assert client.post(CREDENTIALS, json={"credential": ask}).status == 409
    for wrong in ({"project_id": None}, {"blob": "abc"}, {"blob": "{}"}, {"project_id": "0" * 32}):
        assert (wrong, client.post(CREDENTIALS, json={"credential": ask | wrong}).status) == (wrong, 400)


def test_a_credential_is_out_of_everybody_elses_sight(site: Site, demo):
    admin, client = site.as_user(), site.as_user("demo")
    mine = {"type": "cert", "blob": "x", "user_id": demo["user"]["id"]}
    admins = {"type": "cert", "blob": "y", "user_id": site.log_in().json["token"]["user"]["id"]}
    hidden = admin.post(CREDENTIALS, json={"credential": admins}).json["credential"]["id"]
    own = client.post(CREDENTIALS, json={"credential": mine}).json["credential"]["id"]

    assert client.post(CREDENTIALS, json={"credential": admins}).status == 403
    for method, body in (("GET", b""), ("PATCH", b'{"credential":{"blob":"z"}}'), ("DELETE", b"")):
        seen = client.request(method, f"{CREDENTIALS}/{hidden}", body=body)
        absent = client.request(method, f"{CREDENTIALS}/none", body=body)
        assert (seen.status, seen.body) == (403, absent.body)
    assert [each["id"] for each in client.get(CREDENTIALS).json["credentials"]] == [own]
    assert client.get(f"{CREDENTIALS}?user_id={admins['user_id']}").status == 403
    give_away = {"credential": {"user_id": admins["user_id"]}}
    assert client.patch(f"{CREDENTIALS}/{own}", json=give_away).status == 403
    assert admin.get(f"{CREDENTIALS}/{own}").json["credential"]["user_id"] == demo["user"]["id"]
    assert (
        admin.patch(f"{CREDENTIALS}/{own}", json={"credential": {"blob": "new"}}).json["credential"]["blob"]
        == "new"
    )
    assert client.delete(f"{CREDENTIALS}/{own}").status == 204


def test_credentials_go_with_their_user(site: Site, demo):
    ask = {"type": "cert", "blob": "x", "user_id": demo["user"]["id"]}
    made = site.as_user("demo").post(CREDENTIALS, json={"credential": ask}).json["credential"]["id"]

    site.as_user().delete(f"/identity/v3/users/{demo['user']['id']}")

    assert site.as_user().get(f"{CREDENTIALS}/{made}").status == 404


def test_policies_are_kept_as_they_are(site: Site):
    admin = site.as_user()
    made = admin.post(POLICIES, json={"policy": {"type": "application/json", "blob": "{}"}})
    path = f"{POLICIES}/{made.json['policy']['id']}"

    assert made.status == 201
    assert admin.patch(path, json={"policy": {"blob": "[]"}}).json["policy"]["blob"] == "[]"
    assert admin.get(POLICIES).json["policies"] == [admin.get(path).json["policy"]]
    assert site.as_user("demo").get(path).status == 403
    assert admin.delete(path).status == 204
    assert admin.get(path).status == 404


def test_seals_outlive_a_rotation_and_nobody_elses_key_opens_them(tmp_path: Path):
    path = tmp_path / "seal.keys"
    old = Seal(path)
    sealed = old.seal("secret")
    path.write_text(Fernet.generate_key().decode() + "\n" + path.read_text())

    rotated = Seal(path)

    assert rotated.open(sealed) == "secret"
    assert rotated.open(rotated.seal("new")) == "new"
    assert old.open(rotated.seal("new")) == "new", "who runs on heeds the file as it is now"
    with pytest.raises(SealBroken):
        Seal(tmp_path / "other.keys").open(sealed)
