"""Single sign-on with a provider within this process: who comes in, as whom, and until when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import sqlalchemy as sa

from nacre.identity.drivers.sign_on.fake import FakeSignOn
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import SignOnSettings
from tests.services.identity.conftest import Site, assembled_site
from tests.support.asgi import AsgiClient, Reply

BASE = "/identity/v3/OS-FEDERATION"
DOOR = f"{BASE}/identity_providers/lab/protocols/openid"
WEBSSO = "/identity/v3/auth/OS-FEDERATION/identity_providers/lab/protocols/openid/websso"
DASHBOARD = "https://dashboard.test/auth/websso/"
TRUSTED = SignOnSettings(trusted_dashboards=f"{DASHBOARD} http://localhost:9990/auth/websso/")
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


class Lab:
    """A site whose users a provider proves, and a group that may work on a project."""

    def __init__(self, site: Site, provider: FakeSignOn) -> None:
        self.site = site
        self.provider = provider
        admin = site.as_user()
        self.admin = admin
        self.put("identity_providers/lab", "identity_provider", enabled=True)
        self.put("mappings/m", "mapping", rules=RULES)
        self.put("identity_providers/lab/protocols/openid", "protocol", mapping_id="m")
        client = {"issuer": "https://idp.test", "client_id": "nacre", "client_secret": "s"}
        self.put("identity_providers/lab/protocols/openid/oidc", "oidc", **client)
        self.project_id = site.make("project", name="physics")
        self.group_id = site.make("group", name="staff")
        site.give("member", f"projects/{self.project_id}/groups/{self.group_id}")

    def put(self, path: str, key: str, **fields: Any) -> None:
        reply = self.admin.put(f"{BASE}/{path}", json={key: fields})
        assert reply.status in (200, 201), reply

    def change(self, path: str, key: str, **fields: Any) -> None:
        assert self.admin.patch(f"{BASE}/{path}", json={key: fields}).status == 200

    def claims(self, **more: Any) -> dict[str, Any]:
        now = self.site.clock.now()
        return {
            "iss": "https://idp.test", "sub": "42", "aud": "nacre", "exp": now + 300, "name": "ann",
            "email": "ann@lab.test", "groups": ["staff"], **more,
        }  # fmt: skip

    def come(self, **more: Any) -> Reply:
        """Come in with a token of the provider's."""
        bearer = self.provider.issue(self.claims(**more))
        return self.site.client().post(f"{DOOR}/auth", headers={"Authorization": f"Bearer {bearer}"})

    def rescoped(self, token: str) -> Reply:
        identity = {"methods": ["token"], "token": {"id": token}}
        auth = {"identity": identity, "scope": {"project": {"id": self.project_id}}}
        return self.site.client().post("/identity/v3/auth/tokens", json={"auth": auth})


@pytest.fixture
def lab(database_url: str, tmp_path: Path, clock: VirtualClock) -> Iterator[Lab]:
    provider = FakeSignOn(clock)
    site = assembled_site(database_url, state=tmp_path, clock=clock, signer=provider, sign_on=TRUSTED)
    yield Lab(site, provider)
    site.close()


def test_whoever_the_provider_proves_is_a_user_like_anybody_else(lab: Lab):
    came = lab.come()

    token = came.json["token"]
    assert came.status == 201
    assert token["methods"] == ["openid"]
    assert token["user"]["name"] == "ann"
    assert token["user"]["OS-FEDERATION"] == {
        "identity_provider": {"id": "lab"}, "protocol": {"id": "openid"}, "groups": [{"id": lab.group_id}],
    }  # fmt: skip
    user = lab.admin.get(f"/identity/v3/users/{token['user']['id']}").json["user"]
    assert user["federated"] == [
        {"idp_id": "lab", "protocols": [{"protocol_id": "openid", "unique_id": "42"}]}
    ]
    assert user["email"] == "ann@lab.test"
    scoped = lab.rescoped(came.headers["x-subject-token"])
    assert [role["name"] for role in scoped.json["token"]["roles"]] == ["member", "reader"]
    assert scoped.json["token"]["user"]["OS-FEDERATION"] == token["user"]["OS-FEDERATION"]
    groups = lab.admin.get(f"/identity/v3/users/{user['id']}/groups").json["groups"]
    assert [group["id"] for group in groups] == [lab.group_id]
    assert lab.admin.head(f"/identity/v3/groups/{lab.group_id}/users/{user['id']}").status == 204
    mine = AsgiClient(lab.site.http, token=came.headers["x-subject-token"])
    assert [each["id"] for each in mine.get(f"{BASE}/projects").json["projects"]] == [lab.project_id]
    held = lab.admin.get(f"/identity/v3/role_assignments?effective&user.id={user['id']}").json
    assert {each["scope"]["project"]["id"] for each in held["role_assignments"]} == {lab.project_id}


def test_the_same_user_comes_again_under_a_new_name(lab: Lab):
    first = lab.come().json["token"]["user"]

    second = lab.come(name="ann-marie").json["token"]["user"]

    assert second["id"] == first["id"]
    assert second["name"] == "ann-marie"
    assert len(lab.admin.get("/identity/v3/users?idp_id=lab").json["users"]) == 1


def test_two_of_one_name_are_told_apart(lab: Lab):
    first = lab.come().json["token"]["user"]

    second = lab.come(sub="43").json["token"]["user"]

    assert first["name"] == "ann"
    assert second["name"] == f"ann ({second['id'][:12]})"
    assert lab.come(sub="43").json["token"]["user"] == second


def test_groups_that_the_provider_takes_away_are_gone_with_the_next_login_at_once(lab: Lab):
    before = lab.rescoped(lab.come().headers["x-subject-token"]).headers["x-subject-token"]
    assert lab.site.client(before).get("/identity/v3/auth/projects").status == 200

    lab.come(groups=["others"])

    assert lab.site.client(before).get("/identity/v3/auth/projects").status == 401


def test_a_changed_mapping_takes_groups_away(lab: Lab):
    before = lab.rescoped(lab.come().headers["x-subject-token"]).headers["x-subject-token"]
    only_user = [{"local": RULES[0]["local"][:1], "remote": RULES[0]["remote"]}]

    lab.change("mappings/m", "mapping", rules=only_user)
    came = lab.come()

    assert came.json["token"]["user"]["OS-FEDERATION"]["groups"] == []
    assert lab.site.client(before).get("/identity/v3/auth/projects").status == 401
    assert lab.rescoped(came.headers["x-subject-token"]).status == 401


def test_groups_end_when_the_provider_said_so(lab: Lab):
    lab.change("identity_providers/lab", "identity_provider", authorization_ttl=10)
    unscoped = lab.come().headers["x-subject-token"]
    token = lab.rescoped(unscoped).headers["x-subject-token"]

    lab.site.clock.advance(599)
    assert lab.site.client(token).get("/identity/v3/auth/projects").status == 200
    lab.site.clock.advance(2)

    assert lab.site.client(token).get("/identity/v3/auth/projects").status == 401
    assert lab.site.client(unscoped).get("/identity/v3/auth/projects").json["projects"] == []


def test_groups_outlive_the_token_if_the_provider_says_so(lab: Lab):
    lab.change("identity_providers/lab", "identity_provider", authorization_ttl=600)
    token = lab.come().headers["x-subject-token"]
    scoped = lab.rescoped(token)
    user_id = scoped.json["token"]["user"]["id"]
    ask = {"application_credential": {"name": "robot"}}
    path = f"/identity/v3/users/{user_id}/application_credentials"
    robot = (
        lab.site.client(scoped.headers["x-subject-token"]).post(path, json=ask).json["application_credential"]
    )
    proof = {"id": robot["id"], "secret": robot["secret"]}
    auth = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": proof}}}

    lab.site.clock.advance(7200)
    while_it_lasts = lab.site.client().post("/identity/v3/auth/tokens", json=auth)
    lab.site.clock.advance(600 * 60)
    afterwards = lab.site.client().post("/identity/v3/auth/tokens", json=auth)

    assert (while_it_lasts.status, afterwards.status) == (201, 401)


def test_a_disabled_provider_lets_nobody_in_and_throws_out_who_is(lab: Lab):
    token = lab.come().headers["x-subject-token"]

    lab.change("identity_providers/lab", "identity_provider", enabled=False)

    assert lab.come().status == 401
    assert lab.site.client(token).get("/identity/v3/auth/projects").status == 401
    lab.change("identity_providers/lab", "identity_provider", enabled=True)
    assert lab.site.client(token).get("/identity/v3/auth/projects").status == 401
    assert lab.come().status == 201


@pytest.mark.parametrize("what", [DOOR, f"{BASE}/identity_providers/lab"])
def test_what_is_deleted_takes_its_tokens_along(lab: Lab, what: str):
    token = lab.come().headers["x-subject-token"]

    assert lab.admin.delete(what).status == 204

    assert lab.site.client(token).get("/identity/v3/auth/projects").status == 401
    assert lab.come().status == 401


def test_a_provider_that_comes_back_knows_its_users_again(lab: Lab):
    before = lab.come().json["token"]["user"]["id"]
    lab.admin.delete(f"{BASE}/identity_providers/lab")
    domain_id = lab.admin.get(f"/identity/v3/users/{before}").json["user"]["domain_id"]

    lab.put("identity_providers/lab", "identity_provider", enabled=True, domain_id=domain_id)
    lab.put("identity_providers/lab/protocols/openid", "protocol", mapping_id="m")
    client = {"issuer": "https://idp.test", "client_id": "nacre", "client_secret": "s"}
    lab.put("identity_providers/lab/protocols/openid/oidc", "oidc", **client)

    assert lab.come().json["token"]["user"]["id"] == before


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"}, {"iss": "https://evil.test"}, {"exp": 1.0}, {"sub": ""}, {"name": []},
        {"exp": None}, {"nbf": 9e12}, {"events": {}}, {"aud": None, "azp": "nacre"},
    ],
)  # fmt: skip
def test_who_is_not_proven_stays_out_in_the_same_words(lab: Lab, claims):
    refused = lab.come(**claims)

    assert refused.status == 401
    assert refused.json["error"]["message"] == "The request you have made requires authentication."
    assert lab.admin.get("/identity/v3/users?idp_id=lab").json["users"] == []


def test_access_tokens_without_an_audience_count_where_their_clients_are_named(lab: Lab):
    client = {"issuer": "https://idp.test", "client_id": "nacre", "client_secret": "s", "clients": ["cli"]}
    lab.put("identity_providers/lab/protocols/openid/oidc", "oidc", **client)

    assert lab.come(aud="account", azp="cli").status == 201
    assert lab.come(aud="account", azp="other").status == 401
    assert lab.come(aud="account", azp="cli", client_id="other").status == 401


def test_a_provider_must_call_itself_as_it_is_known(lab: Lab):
    lab.change("identity_providers/lab/protocols/openid", "protocol", remote_id_attribute="OIDC-iss")
    assert lab.come().status == 401

    lab.change("identity_providers/lab", "identity_provider", remote_ids=["https://idp.test"])

    assert lab.come().status == 201


def test_a_provider_that_is_away_is_said_so(lab: Lab):
    lab.provider.away = True

    away = lab.come()

    assert away.status == 503
    assert "https://idp.test does not answer" in away.json["error"]["message"]


def test_projects_are_made_on_first_use_with_their_roles(lab: Lab):
    projects = [{"name": "{1}'s own", "roles": [{"name": "member"}, {"name": "no such role"}]}]
    rules = [{"local": [RULES[0]["local"][0] | {"projects": projects}], "remote": RULES[0]["remote"]}]
    lab.change("mappings/m", "mapping", rules=rules)

    first, second = lab.come(), lab.come()

    mine = AsgiClient(lab.site.http, token=second.headers["x-subject-token"])
    (project,) = mine.get("/identity/v3/auth/projects").json["projects"]
    assert project["name"] == "ann's own"
    assert project["domain_id"] == first.json["token"]["user"]["domain"]["id"]


def test_a_local_user_is_whom_the_mapping_names(lab: Lab):
    user_id = lab.site.make_user("ben", role="reader", project_id=lab.project_id)
    local = {"user": {"name": "{0}", "type": "local", "domain": {"id": "default"}}}
    lab.change("mappings/m", "mapping", rules=[{"local": [local], "remote": [{"type": "OIDC-name"}]}])

    came = lab.come(name="ben")

    assert came.json["token"]["user"]["id"] == user_id
    assert lab.rescoped(came.headers["x-subject-token"]).status == 201
    assert lab.come(name="nobody").status == 401


# -- by a browser ------------------------------------------------------------------------------------------


def begun(lab: Lab, origin: str = DASHBOARD, path: str = WEBSSO) -> Reply:
    return lab.site.client().get(f"{path}?origin={origin}")


def finish(lab: Lab, began: Reply, *, cookie: str | None = None, **more: Any) -> Reply:
    asked = dict(parse_qsl(urlsplit(began.headers["location"]).query))
    code = lab.provider.log_in(asked, lab.claims(**more))
    sent = began.headers["set-cookie"].partition(";")[0] if cookie is None else cookie
    path = urlsplit(asked["redirect_uri"]).path
    return lab.site.client().get(f"{path}?code={code}&state={asked['state']}", headers={"Cookie": sent})


def token_in(page: Reply) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.body.decode())
    assert found, page
    return found[1]


def test_a_browser_returns_to_its_dashboard_with_a_token(lab: Lab):
    began = begun(lab)
    asked = dict(parse_qsl(urlsplit(began.headers["location"]).query))
    page = finish(lab, began)

    assert began.status == 302
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://cloud.test/identity/v3/auth/OS-FEDERATION/oidc/callback"
    assert "HttpOnly" in began.headers["set-cookie"]
    assert page.status == 200
    assert f'action="{DASHBOARD}"' in page.body.decode()
    assert "form-action https://dashboard.test;" in page.headers["content-security-policy"]
    assert lab.rescoped(token_in(page)).status == 201
    other = "/identity/v3/auth/OS-FEDERATION/websso/openid"
    assert finish(lab, begun(lab, path=other)).status == 200


@pytest.mark.parametrize("origin", ["", "https://evil.test/", DASHBOARD + "x", DASHBOARD[:-1], '"><script>'])
def test_no_browser_is_sent_with_a_token_to_anybody_else(lab: Lab, origin: str):
    assert begun(lab, origin).status == 401


def test_a_login_is_finished_once_in_its_own_browser_and_in_time(lab: Lab):
    began = begun(lab)
    assert finish(lab, began, cookie="").status == 401
    assert finish(lab, began, cookie="nacre-sign-on=other").status == 401
    assert finish(lab, began, nonce="of another login").status == 401

    once = begun(lab)
    assert finish(lab, once).status == 200
    assert finish(lab, once).status == 401, "the state has been used"

    late = begun(lab)
    lab.site.clock.advance(601)
    assert finish(lab, late).status == 401


def test_a_state_that_is_not_ours_or_has_no_code_is_refused(lab: Lab):
    path = "/identity/v3/auth/OS-FEDERATION/oidc/callback"
    began = begun(lab)
    asked = dict(parse_qsl(urlsplit(began.headers["location"]).query))
    cookie = {"Cookie": began.headers["set-cookie"].partition(";")[0]}

    for query in ("", "?state=x&code=y", f"?state={asked['state']}", f"?state={asked['state']}&error=denied"):
        assert lab.site.client().get(path + query, headers=cookie).status == 401
    assert "verifier" not in asked["state"]


def test_no_secret_of_a_login_reaches_the_log_of_events(lab: Lab):
    page = finish(lab, begun(lab))

    with lab.site.kernel.database.read() as db:
        events = str(db.rows(sa.text("SELECT * FROM event")))
    assert token_in(page) not in events


def test_a_second_login_spends_few_statements(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    from nacre.kernel.database import Reader

    lab.come()
    spent: list[str] = []
    run = Reader._run

    def counted(self: Reader, statement: Any, parameters: Any) -> Any:
        spent.append(str(statement))
        return run(self, statement, parameters)

    monkeypatch.setattr(Reader, "_run", counted)
    lab.come()

    assert len(spent) <= 6, "\n".join(spent)
