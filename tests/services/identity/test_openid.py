"""Single sign-on with a real OpenID provider, over the network."""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from joserfc import jwk, jws

from nacre.identity.drivers.sign_on.oidc import OpenIdConnect
from nacre.kernel.clock import VirtualClock
from tests.services.identity.conftest import Site, assembled_site
from tests.services.identity.test_sign_on import BASE, DASHBOARD, DOOR, TRUSTED, WEBSSO
from tests.support.asgi import Reply
from tests.support.openid_provider import CLIENT, NEEDS_PROVIDER, SECRET, OpenIdProvider, openid_provider
from tests.support.served import CLIENTS, NEEDS_CLIENTS, served
from tests.support.stores import lay_sqlite

pytestmark = NEEDS_PROVIDER

REDIRECT = "http://cloud.test/identity/v3/auth/OS-FEDERATION/oidc/callback"
RULES: list[Any] = [
    {
        "local": [
            {"user": {"id": "{0}", "name": "{1}", "email": "{2}"}},
            {"groups": "{3}", "domain": {"id": "default"}},
        ],
        "remote": [
            {"type": "OIDC-sub"}, {"type": "OIDC-name"}, {"type": "OIDC-email"}, {"type": "OIDC-groups"},
        ],
    }
]  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider(REDIRECT) as provider:
        provider.add_user("ann", "staff", "guests")
        yield provider


class Cloud:
    """A site whose users a real provider proves."""

    def __init__(self, site: Site, provider: OpenIdProvider) -> None:
        self.site = site
        self.provider = provider
        admin = site.as_user()
        for path, ask in (
            ("identity_providers/lab", {"identity_provider": {"enabled": True}}),
            ("mappings/m", {"mapping": {"rules": RULES}}),
            ("identity_providers/lab/protocols/openid", {"protocol": {"mapping_id": "m"}}),
        ):
            assert admin.put(f"{BASE}/{path}", json=ask).status == 201
        self.be_client()
        self.project_id = site.make("project", name="physics")
        group_id = site.make("group", name="staff")
        site.give("member", f"projects/{self.project_id}/groups/{group_id}")

    def be_client(self, **more: Any) -> None:
        client = {"issuer": self.provider.issuer, "client_id": CLIENT, "client_secret": SECRET,
                  "scopes": ["openid", "profile"], "clients": [CLIENT], **more}  # fmt: skip
        made = self.site.as_user().put(f"{DOOR}/oidc", json={"oidc": client})
        assert made.status == 200, made

    def come(self, bearer: str) -> Reply:
        return self.site.client().post(f"{DOOR}/auth", headers={"Authorization": f"Bearer {bearer}"})

    def rescoped(self, token: str) -> Reply:
        identity = {"methods": ["token"], "token": {"id": token}}
        auth = {"identity": identity, "scope": {"project": {"id": self.project_id}}}
        return self.site.client().post("/identity/v3/auth/tokens", json={"auth": auth})


@pytest.fixture
def cloud(tmp_path: Path, provider: OpenIdProvider) -> Iterator[Cloud]:
    clock = VirtualClock(time.time())
    driver = OpenIdConnect(clock, timeout_s=5.0)
    url = lay_sqlite(tmp_path / "nacre.db")
    site = assembled_site(url, state=tmp_path, clock=clock, signer=driver, sign_on=TRUSTED)
    yield Cloud(site, provider)
    driver.close()
    site.close()


def claims_in(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def header_of(token: str) -> dict[str, Any]:
    part = token.split(".", maxsplit=1)[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header


def plain(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_secret(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    said = f"{plain(header)}.{plain(claims)}"
    mac = hmac.digest(secret, said.encode(), "sha256")
    return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
def test_a_token_of_the_providers_opens_the_door(cloud: Cloud, kind: str):
    came = cloud.come(cloud.provider.tokens_for("ann")[kind])

    assert came.status == 201, came
    assert came.json["token"]["user"]["name"] == "Ann"
    assert len(came.json["token"]["user"]["OS-FEDERATION"]["groups"]) == 1
    assert cloud.rescoped(came.headers["x-subject-token"]).status == 201


def test_a_browser_logs_in_there_and_returns_to_its_dashboard_with_a_token(cloud: Cloud):
    began = cloud.site.client().get(f"{WEBSSO}?origin={DASHBOARD}")
    cookie = {"Cookie": began.headers["set-cookie"].partition(";")[0]}

    back = urlsplit(cloud.provider.log_in("ann", began.headers["location"]))
    page = cloud.site.client().get(f"{back.path}?{back.query}", headers=cookie)

    assert page.status == 200, page
    found = re.search(r'name="token" value="([^"]+)"', page.body.decode())
    assert found
    assert cloud.rescoped(found[1]).status == 201
    again = cloud.site.client().get(f"{back.path}?{back.query}", headers=cookie)
    assert again.status == 401, "neither the state nor the code counts twice"


def test_a_code_is_worth_nothing_without_the_verifier(cloud: Cloud):
    began = cloud.site.client().get(f"{WEBSSO}?origin={DASHBOARD}")
    back = cloud.provider.log_in("ann", began.headers["location"])
    code = dict(part.split("=", 1) for part in urlsplit(back).query.split("&"))["code"]

    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": "x" * 64,
    }
    stolen = httpx.post(f"{cloud.provider.issuer}/token", data=form, auth=(CLIENT, SECRET), timeout=10)

    assert stolen.status_code != 200


def test_a_token_for_another_client_opens_nothing(cloud: Cloud):
    another = cloud.provider.tokens_for("ann", client_id="another")

    assert cloud.come(another["access_token"]).status == 401
    assert cloud.come(another["id_token"]).status == 401
    cloud.be_client(clients=[])
    assert cloud.come(cloud.provider.tokens_for("ann")["access_token"]).status == 401, "it names no audience"
    cloud.be_client(clients=[], audiences=["another"])
    assert cloud.come(another["id_token"]).status == 201


def test_an_expired_token_opens_nothing(cloud: Cloud):
    token = cloud.provider.tokens_for("ann")["id_token"]

    cloud.site.clock.advance(3600 + 120)

    assert cloud.come(token).status == 401


def test_what_is_forged_opens_nothing(cloud: Cloud):
    token = cloud.provider.tokens_for("ann")["id_token"]
    header, claims = header_of(token), claims_in(token) | {"sub": "somebody else"}
    payload = json.dumps(claims).encode()
    mine = jwk.RSAKey.generate_key(2048)
    truly = jwk.RSAKey.import_key(cloud.provider.private_key_pem)
    signature = token.rsplit(".", 1)[1]

    forged = {
        "signed by another key": jws.serialize_compact(header, payload, mine),
        "with a key of its own": jws.serialize_compact(header | {"jwk": mine.as_dict(private=False)}, payload, mine),
        "of an unknown key": jws.serialize_compact(header | {"kid": "unknown"}, payload, mine),
        "the public key as a secret": by_secret(header | {"alg": "HS256"}, claims, cloud.provider.public_key_pem),
        "no signature": f"{plain(header | {'alg': 'none'})}.{plain(claims)}.",
        "another's signature": f"{plain(header)}.{plain(claims)}.{signature}",
        "garbage": "a.b.c",
        "text": "é" * 10,
    }  # fmt: skip
    assert {why: cloud.come(each.encode().decode("latin-1")).status for why, each in forged.items()} == (
        dict.fromkeys(forged, 401)
    )
    rightly = jws.serialize_compact(header, json.dumps(claims_in(token)).encode(), truly)
    assert cloud.come(rightly).status == 201, "what is forged above is forged by one thing alone"
    never_ends = {name: value for name, value in claims_in(token).items() if name != "exp"}
    assert cloud.come(jws.serialize_compact(header, json.dumps(never_ends).encode(), truly)).status == 401
    other_issuer = claims_in(token) | {"iss": "https://evil.example"}
    assert cloud.come(jws.serialize_compact(header, json.dumps(other_issuer).encode(), truly)).status == 401


def test_unknown_keys_do_not_make_us_ask_again_and_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    stream = httpx.Client.stream

    def counted(self: httpx.Client, method: str, url: str, **options: Any) -> Any:
        asked.append(url)
        return stream(self, method, url, **options)

    monkeypatch.setattr(httpx.Client, "stream", counted)
    token = cloud.provider.tokens_for("ann")["id_token"]
    mine = jwk.RSAKey.generate_key(2048)
    for at in range(20):
        forged = jws.serialize_compact(header_of(token) | {"kid": f"k{at}"}, b"{}", mine)
        assert cloud.come(forged).status == 401

    assert len([url for url in asked if url.endswith("/jwks")]) == 1
    cloud.site.clock.advance(11)
    cloud.come(forged)
    assert len([url for url in asked if url.endswith("/jwks")]) == 2


def test_a_revoked_access_token_opens_nothing(cloud: Cloud):
    token = cloud.provider.tokens_for("ann")["access_token"]
    form = {"token": token}
    revoked = httpx.post(f"{cloud.provider.issuer}/revoke", data=form, auth=(CLIENT, SECRET), timeout=10)
    assert revoked.status_code == 200

    assert cloud.come(token).status == 401


def test_a_disabled_provider_lets_nobody_in(cloud: Cloud):
    came = cloud.come(cloud.provider.tokens_for("ann")["id_token"])

    off = {"identity_provider": {"enabled": False}}
    cloud.site.as_user().patch(f"{BASE}/identity_providers/lab", json=off)

    assert cloud.come(cloud.provider.tokens_for("ann")["id_token"]).status == 401
    assert cloud.rescoped(came.headers["x-subject-token"]).status == 404


def test_a_changed_mapping_takes_groups_away(cloud: Cloud):
    token = cloud.rescoped(
        cloud.come(cloud.provider.tokens_for("ann")["id_token"]).headers["x-subject-token"]
    ).headers["x-subject-token"]
    remote = [*RULES[0]["remote"][:3], {"type": "OIDC-groups", "blacklist": ["staff"]}]
    fewer = [{"local": RULES[0]["local"], "remote": remote}]

    cloud.site.as_user().patch(f"{BASE}/mappings/m", json={"mapping": {"rules": fewer}})
    came = cloud.come(cloud.provider.tokens_for("ann")["id_token"])

    assert came.json["token"]["user"]["OS-FEDERATION"]["groups"] == []
    assert cloud.site.client(token).get("/identity/v3/auth/projects").status == 401


def test_a_provider_that_is_away_is_said_so_and_found_again(cloud: Cloud):
    token = cloud.provider.tokens_for("ann")["id_token"]
    cloud.provider.stop()
    try:
        away = cloud.come(token)
    finally:
        cloud.provider.start()

    assert away.status == 503
    assert cloud.provider.issuer in away.json["error"]["message"]
    assert cloud.come(token).status == 201


# -- the unmodified client ---------------------------------------------------------------------------------


def asked_by_client(cloud: Cloud, url: str, *words: str, **options: str) -> Any:
    """What the client says, when it comes in by the provider."""
    given = {
        "auth-url": f"{url}/identity/v3",
        "identity-api-version": "3",
        "identity-provider": "lab",
        "protocol": "openid",
        "project-id": cloud.project_id,
        **options,
    }
    flags = [part for name, value in given.items() for part in (f"--os-{name}", value)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(cloud.provider.root), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [CLIENTS / "openstack", *flags, *words, "-f", "json"],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@NEEDS_CLIENTS
def test_the_openstack_client_comes_in_by_password_and_by_token(cloud: Cloud):
    endpoint = f"{cloud.provider.issuer}/token"
    by_password = {
        "auth-type": "v3oidcpassword", "client-id": CLIENT, "client-secret": SECRET,
        "access-token-endpoint": endpoint, "username": "ann", "password": "annann",
    }  # fmt: skip
    by_token = {
        "auth-type": "v3oidcaccesstoken",
        "access-token": cloud.provider.tokens_for("ann")["access_token"],
    }

    with served(cloud.site.http) as url:
        first = asked_by_client(cloud, url, "token", "issue", **by_password)
        second = asked_by_client(cloud, url, "token", "issue", **by_token)

    assert first["project_id"] == cloud.project_id
    assert second["user_id"] == first["user_id"]


@NEEDS_CLIENTS
def test_the_openstack_client_comes_in_as_a_program(cloud: Cloud):
    rules = [
        {
            "local": [{"user": {"name": "{0}"}, "group": {"name": "staff", "domain": {"id": "default"}}}],
            "remote": [{"type": "OIDC-client_id"}],
        }
    ]
    cloud.site.as_user().patch(f"{BASE}/mappings/m", json={"mapping": {"rules": rules}})
    by_secret = {
        "auth-type": "v3oidcclientcredentials", "client-id": CLIENT, "client-secret": SECRET,
        "openid-scope": "profile", "access-token-endpoint": f"{cloud.provider.issuer}/token",
    }  # fmt: skip

    with served(cloud.site.http) as url:
        told = asked_by_client(cloud, url, "token", "issue", **by_secret)

    assert told["project_id"] == cloud.project_id
