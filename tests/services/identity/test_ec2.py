"""EC2 credentials, and the signatures of EC2 and S3 that are checked by them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from nacre.kernel.clock import iso_z
from tests.services.identity.conftest import Site
from tests.support.asgi import AsgiClient, Reply

EC2 = "/identity/v3/ec2tokens"
S3 = "/identity/v3/s3tokens"


@dataclass
class Keys:
    """Ada's pair of keys on her project."""

    site: Site
    project_id: str
    user_id: str
    access: str = ""
    secret: str = ""

    @property
    def path(self) -> str:
        return f"/identity/v3/users/{self.user_id}/credentials/OS-EC2"

    def as_ada(self) -> AsgiClient:
        return self.site.as_user("ada", scope={"project": {"id": self.project_id}})

    def make(self, client: AsgiClient | None = None) -> dict[str, Any]:
        reply = (client or self.as_ada()).post(self.path, json={"tenant_id": self.project_id})
        assert reply.status == 201, reply
        made: dict[str, Any] = reply.json["credential"]
        self.access, self.secret = made["access"], made["secret"]
        return made

    @property
    def now(self) -> str:
        return iso_z(self.site.clock.now())

    def check(self, door: str = EC2, /, **fields: Any) -> Reply:
        return self.site.as_user().post(door, json={"credentials": {"access": self.access} | fields})

    # -- signing, as clients do it --

    def mac(self, said: str, digest: str = "sha256") -> str:
        return base64.b64encode(hmac.digest(self.secret.encode(), said.encode(), digest)).decode()

    def version_0(self, at: str | None = None) -> dict[str, Any]:
        params = {"SignatureVersion": "0", "Action": "Describe", "Timestamp": at or self.now}
        signature = self.mac(params["Action"] + params["Timestamp"], "sha1")
        return {"host": "h", "verb": "GET", "path": "/", "params": params, "signature": signature}

    def version_1(self, at: str | None = None) -> dict[str, Any]:
        params = {"SignatureVersion": "1", "Action": "Describe", "Timestamp": at or self.now, "a": "b"}
        said = "".join(name + params[name] for name in sorted(params, key=str.lower))
        return {
            "host": "h",
            "verb": "GET",
            "path": "/",
            "params": params,
            "signature": self.mac(said, "sha1"),
        }

    def version_2(self, at: str | None = None, *, host: str = "cloud.test") -> dict[str, Any]:
        params = {
            "SignatureVersion": "2",
            "SignatureMethod": "HmacSHA256",
            "Action": "Describe instances",
            "Timestamp": at or self.now,
        }
        query = "&".join(f"{name}={quote(params[name], safe='-_~')}" for name in sorted(params))
        signature = self.mac(f"GET\n{host}\n/services\n{query}")
        return {
            "host": "cloud.test:8773",
            "verb": "GET",
            "path": "/services",
            "params": params,
            "signature": signature,
        }

    def version_4(self, at: str | None = None, *, day: str = "") -> dict[str, Any]:
        stamp = (at or self.now).replace("-", "").replace(":", "")
        scope = f"{day or stamp[:8]}/here/ec2/aws4_request"
        body_hash = hashlib.sha256(b"Action=Describe").hexdigest()
        canonical = f"POST\n/\n\nhost:cloud.test\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{body_hash}"
        said = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = self.seal(scope, said)
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, SignedHeaders=host;x-amz-date, "
            f"Signature={signature}"
        )
        headers = {"Host": "cloud.test", "X-Amz-Date": stamp, "Authorization": authorization}
        return {
            "host": "cloud.test", "verb": "POST", "path": "/", "params": {"Action": "Describe"},
            "headers": headers, "body_hash": body_hash, "signature": signature,
        }  # fmt: skip

    def seal(self, scope: str, said: str) -> str:
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()

    def s3_version_1(self) -> dict[str, Any]:
        said = f"GET\n\n\n{self.now}\n/bucket/thing"
        token = base64.urlsafe_b64encode(said.encode()).decode()
        return {"token": token, "signature": self.mac(said, "sha1")}

    def s3_version_4(self, at: str | None = None) -> dict[str, Any]:
        stamp = (at or self.now).replace("-", "").replace(":", "")
        scope = f"{stamp[:8]}/here/s3/aws4_request"
        said = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{'0' * 64}"
        token = base64.urlsafe_b64encode(said.encode()).decode()
        return {"token": token, "signature": self.seal(scope, said)}


@pytest.fixture
def keys(site: Site) -> Keys:
    project_id = site.make("project", name="lab")
    keys = Keys(site, project_id, site.make_user("ada", role="manager", project_id=project_id))
    keys.make()
    return keys


def counts(site: Site, token: str) -> bool:
    return site.client(token).get("/identity/v3/auth/projects").status == 200


# -- signatures --------------------------------------------------------------------------------------------

VERSIONS = ["version_0", "version_1", "version_2", "version_4"]


@pytest.mark.parametrize("version", VERSIONS)
def test_who_has_signed_a_request_to_ec2_is_known_by_it(keys: Keys, version: str):
    reply = keys.check(**getattr(keys, version)())

    assert reply.status == 200, reply
    token = reply.json["token"]
    assert token["user"]["id"] == keys.user_id
    assert token["project"]["id"] == keys.project_id
    assert token["methods"] == ["ec2credential"]
    assert {role["name"] for role in token["roles"]} == {"manager", "member", "reader"}
    assert counts(keys.site, reply.headers["x-subject-token"])


def test_the_port_may_be_missing_from_what_was_signed_or_not(keys: Keys):
    assert keys.check(**keys.version_2(host="cloud.test")).status == 200
    assert keys.check(**keys.version_2(host="cloud.test:8773")).status == 200
    assert keys.check(**keys.version_2(host="elsewhere")).status == 401


@pytest.mark.parametrize("version", VERSIONS)
def test_a_signature_that_is_wrong_old_or_of_the_future_is_refused(keys: Keys, version: str):
    sign = getattr(keys, version)
    now = keys.site.clock.now()
    wrong = sign()
    changed = wrong | {"signature": wrong["signature"][:-2] + "00"}

    assert keys.check(**changed).status == 401
    assert keys.check(**sign(iso_z(now - 901))).status == 401
    assert keys.check(**sign(iso_z(now + 901))).status == 401
    assert keys.check(**sign("yesterday")).status == 401
    assert keys.check(**sign(iso_z(now - 899))).status == 200


def test_version_4_is_for_its_own_day(keys: Keys):
    assert keys.check(**keys.version_4(day="20200101")).status == 401


@pytest.mark.parametrize("version", ["s3_version_1", "s3_version_4"])
def test_who_has_signed_a_request_to_s3_is_known_by_it(keys: Keys, version: str):
    signed = getattr(keys, version)()

    reply = keys.check(S3, **signed)

    assert reply.status == 200, reply
    assert reply.json["token"]["user"]["id"] == keys.user_id
    assert keys.check(S3, **signed | {"signature": "x"}).status == 401
    assert keys.check(S3, **signed | {"token": "AAAA"}).status == 401
    assert keys.check(S3, **signed | {"token": "\N{SNOWMAN}"}).status == 401


def test_a_request_to_s3_from_last_week_is_refused(keys: Keys):
    old = keys.s3_version_4(iso_z(keys.site.clock.now() - 8 * 86_400))
    assert keys.check(S3, **old).status == 401


NONSENSE: list[dict[str, Any]] = [
    {"signature": "x"},
    {"signature": "x", "params": {"SignatureVersion": "3"}},
    {"signature": "x", "params": {"X-Amz-Algorithm": "AWS4-HMAC-SHA256"}},
    {"signature": "x", "headers": {"Authorization": "AWS4-HMAC-SHA256 nonsense"}},
    {"signature": "x", "params": {"SignatureVersion": "2"}, "access": "nobody's"},
]


def test_nonsense_is_refused_by_name_of_nothing(keys: Keys):
    bodies = {keys.check(**fields).body for fields in NONSENSE}
    assert len(bodies) == 1
    assert keys.check(**NONSENSE[0]).status == 401
    assert keys.site.as_user().post(EC2, json={}).status == 401
    assert keys.site.as_user().post(EC2, json={"credentials": {"access": 7}}).status == 400


def test_signatures_are_checked_for_services_alone(keys: Keys):
    signed = {"credentials": {"access": keys.access} | keys.version_2()}
    assert keys.site.client().post(EC2, json=signed).status == 401
    assert keys.as_ada().post(EC2, json=signed).status == 403
    assert keys.as_ada().post(S3, json=signed).status == 403


# -- what a pair of keys hangs on --------------------------------------------------------------------------


def test_keys_end_with_the_role_the_user_and_themselves(keys: Keys):
    held = f"projects/{keys.project_id}/users/{keys.user_id}/roles/{keys.site.role_id('manager')}"
    token = keys.check(**keys.version_2()).headers["x-subject-token"]

    assert keys.site.as_user().delete(f"/identity/v3/{held}").status == 204
    assert not counts(keys.site, token)
    assert keys.check(**keys.version_2()).status == 401
    assert keys.site.as_user().put(f"/identity/v3/{held}").status == 204
    assert keys.check(**keys.version_2()).status == 200

    assert keys.as_ada().delete(f"{keys.path}/{keys.access}").status == 204
    assert keys.check(**keys.version_2()).status == 401


def test_keys_made_by_a_program_are_no_better_than_it(keys: Keys):
    path = f"/identity/v3/users/{keys.user_id}/application_credentials"
    ask = {"name": "program", "unrestricted": True, "roles": [{"name": "member"}]}
    made = keys.as_ada().post(path, json={"application_credential": ask}).json["application_credential"]
    method = {"id": made["id"], "secret": made["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": method}
    token = keys.site.client().post("/identity/v3/auth/tokens", json={"auth": {"identity": identity}})
    program = keys.site.client(token.headers["x-subject-token"])

    keys.make(program)
    reply = keys.check(**keys.version_4())
    assert [role["name"] for role in reply.json["token"]["roles"]] == ["member", "reader"]
    assert reply.json["token"]["application_credential"]["id"] == made["id"]

    own = {"access": "own", "secret": "own"}
    body = {"type": "ec2", "user_id": keys.user_id, "project_id": keys.project_id, "blob": _json(own)}
    kept = program.post("/identity/v3/credentials", json={"credential": body}).json["credential"]
    assert msgspec.json.decode(kept["blob"])["app_cred_id"] == made["id"]

    assert keys.as_ada().delete(f"{path}/{made['id']}").status == 204
    assert keys.check(**keys.version_4()).status == 401


def test_keys_made_by_a_trust_are_no_better_than_it(keys: Keys):
    bob_id = keys.site.make_user("bob")
    trust = {
        "trustor_user_id": keys.user_id,
        "trustee_user_id": bob_id,
        "project_id": keys.project_id,
        "impersonation": True,
        "roles": [{"name": "member"}],
    }
    trust_id = keys.as_ada().post("/identity/v3/OS-TRUST/trusts", json={"trust": trust}).json["trust"]["id"]
    bob = keys.site.as_user("bob", scope={"OS-TRUST:trust": {"id": trust_id}})

    assert keys.make(bob)["trust_id"] == trust_id
    token = keys.check(**keys.version_1())
    assert token.json["token"]["OS-TRUST:trust"]["id"] == trust_id
    assert [role["name"] for role in token.json["token"]["roles"]] == ["member", "reader"]

    assert keys.as_ada().delete(f"/identity/v3/OS-TRUST/trusts/{trust_id}").status == 204
    assert not counts(keys.site, token.headers["x-subject-token"])
    assert keys.check(**keys.version_1()).status == 401


def test_nobody_frees_keys_of_what_binds_them_or_binds_them_to_anothers(keys: Keys):
    ada = keys.as_ada()
    path = f"/identity/v3/credentials/{hashlib.sha256(keys.access.encode()).hexdigest()}"
    for blob in (
        {"access": keys.access, "secret": "other", "trust_id": "a-trust-of-others"},
        {"access": keys.access, "secret": "other", "app_cred_id": "a program of others"},
    ):
        assert ada.patch(path, json={"credential": {"blob": _json(blob)}}).status == 400
        assert ada.patch(path, json={"credential": {"type": "x", "blob": _json(blob)}}).status == 400
    other = {"type": "x", "user_id": keys.user_id, "project_id": keys.project_id, "blob": "{}"}
    made = ada.post("/identity/v3/credentials", json={"credential": other}).json["credential"]["id"]
    change = {"type": "ec2", "blob": _json({"access": "a", "secret": "s", "trust_id": "t"})}
    assert ada.patch(f"/identity/v3/credentials/{made}", json={"credential": change}).status == 400


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# -- the pairs themselves ----------------------------------------------------------------------------------


def test_a_user_makes_lists_shows_and_deletes_pairs_of_keys(keys: Keys):
    ada = keys.as_ada()
    second = keys.make()
    assert second["user_id"] == keys.user_id
    assert second["tenant_id"] == keys.project_id
    assert second["trust_id"] is None
    assert second["links"]["self"].endswith(f"/credentials/OS-EC2/{second['access']}")

    assert len(ada.get(keys.path).json["credentials"]) == 2
    assert ada.get(f"{keys.path}/{second['access']}").json["credential"] == second
    assert ada.delete(f"{keys.path}/{second['access']}").status == 204
    assert ada.get(f"{keys.path}/{second['access']}").status == 404
    assert ada.delete(f"{keys.path}/{second['access']}").status == 404


def test_pairs_of_others_are_nobodys_business(keys: Keys):
    bob_id = keys.site.make_user("bob", role="member", project_id=keys.project_id)
    bob = keys.site.as_user("bob", scope={"project": {"id": keys.project_id}})

    assert bob.get(keys.path).status == 403
    for access in (keys.access, "no-such-key"):
        assert bob.get(f"{keys.path}/{access}").status == 403
        assert bob.delete(f"{keys.path}/{access}").status == 403
        assert bob.get(f"/identity/v3/users/{bob_id}/credentials/OS-EC2/{access}").status == 404
    assert bob.post(keys.path, json={"tenant_id": keys.project_id}).status == 403
    admin = keys.site.as_user()
    assert admin.get(f"{keys.path}/{keys.access}").status == 200
    assert admin.get(f"/identity/v3/users/{bob_id}/credentials/OS-EC2/{keys.access}").status == 200
    keys.site.make_user("rita", role="reader", project_id=keys.project_id)
    rita = keys.site.as_user("rita", scope={"project": {"id": keys.project_id}})
    own = f"/identity/v3/users/{keys.site.identity.authenticate(rita.token).user_id}/credentials/OS-EC2"
    assert rita.post(own, json={"tenant_id": keys.project_id}).status == 403, "to read is not to act"
    assert rita.get(own).json["credentials"] == []
    assert admin.post(keys.path, json={"tenant_id": "no-such-project"}).status == 404
    assert admin.post(keys.path, json={}).status == 400


def test_who_may_look_at_everybodys_is_told_what_is_not_there_and_deletes_nothing(keys: Keys):
    site = keys.site
    site.give("reader", f"system/users/{site.make_user('auditor')}")
    auditor = site.as_user("auditor", scope={"system": {"all": True}})

    statuses = [auditor.delete(f"{keys.path}/{access}").status for access in (keys.access, "f" * 32)]

    assert statuses == [403, 404]
    assert auditor.get(f"{keys.path}/{keys.access}").status == 200


def test_a_secret_is_not_in_the_database_in_clear(keys: Keys):
    import sqlalchemy as sa

    with keys.site.kernel.database.read() as db:
        rows = db.rows(sa.text("SELECT sealed_blob FROM identity_credential"))
        events = db.rows(sa.text("SELECT before, after FROM event"))
    assert keys.secret not in repr(rows)
    assert keys.secret not in repr(events)
