"""Identity providers, protocols, mappings and service providers as resources."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.services.identity.conftest import Site

BASE = "/identity/v3/OS-FEDERATION"
RULES = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "OIDC-sub"}]}]


def put(site: Site, path: str, key: str, **fields: Any):
    return site.as_user().put(f"{BASE}/{path}", json={key: fields})


def test_an_identity_provider_gets_a_domain_of_its_own_and_keeps_what_is_said_of_it(site: Site):
    made = put(site, "identity_providers/lab", "identity_provider", description="x", remote_ids=["b", "a"])

    provider = made.json["identity_provider"]
    assert made.status == 201
    assert provider["enabled"] is False
    assert provider["remote_ids"] == ["a", "b"]
    assert provider["links"]["protocols"].endswith("/identity_providers/lab/protocols")
    domain = site.as_user().get(f"/identity/v3/domains/{provider['domain_id']}").json["domain"]
    assert domain["enabled"] is True
    path = f"{BASE}/identity_providers/lab"
    assert site.as_user().get(path).json["identity_provider"] == provider
    changed = site.as_user().patch(
        path, json={"identity_provider": {"enabled": True, "authorization_ttl": 5}}
    )
    assert changed.json["identity_provider"] == provider | {"enabled": True, "authorization_ttl": 5}
    assert put(site, "identity_providers/lab", "identity_provider").status == 409
    listed = site.as_user().get(f"{BASE}/identity_providers?enabled=true&id=lab").json["identity_providers"]
    assert [each["id"] for each in listed] == ["lab"]
    assert site.as_user().delete(path).status == 204
    assert site.as_user().get(path).status == 404


def test_two_identity_providers_never_call_themselves_the_same(site: Site):
    put(site, "identity_providers/one", "identity_provider", remote_ids=["https://idp"])

    second = put(site, "identity_providers/two", "identity_provider", remote_ids=["https://idp"])

    assert second.status == 409
    assert site.as_user().get(f"{BASE}/identity_providers/two").status == 404
    twice = put(site, "identity_providers/two", "identity_provider", remote_ids=["x", "x"])
    assert twice.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"domain_id": "0" * 32},
        {"authorization_ttl": -1},
        {"remote_ids": "text"},
        {"enabled": "maybe"},
        {"surprise": 1},
    ],
)
def test_an_identity_provider_that_cannot_be_is_refused_and_leaves_nothing(site: Site, fields):
    before = site.as_user().get("/identity/v3/domains").json["domains"]

    assert put(site, "identity_providers/odd", "identity_provider", **fields).status in (400, 404)

    assert site.as_user().get(f"{BASE}/identity_providers").json["identity_providers"] == []
    assert site.as_user().get("/identity/v3/domains").json["domains"] == before


def test_a_protocol_needs_a_mapping_that_is_there(site: Site):
    put(site, "identity_providers/lab", "identity_provider")
    path = "identity_providers/lab/protocols/openid"
    assert put(site, path, "protocol", mapping_id="m").status == 400
    put(site, "mappings/m", "mapping", rules=RULES)
    put(site, "mappings/n", "mapping", rules=RULES)

    made = put(site, path, "protocol", mapping_id="m")

    assert made.status == 201
    assert made.json["protocol"]["idp_id"] == "lab"
    admin = site.as_user()
    assert admin.patch(f"{BASE}/{path}", json={"protocol": {"mapping_id": "gone"}}).status == 400
    changed = admin.patch(f"{BASE}/{path}", json={"protocol": {"mapping_id": "n"}})
    assert changed.json["protocol"]["mapping_id"] == "n"
    listed = admin.get(f"{BASE}/identity_providers/lab/protocols").json["protocols"]
    assert listed == [changed.json["protocol"]]
    assert put(site, "identity_providers/none/protocols/openid", "protocol", mapping_id="m").status == 404
    assert admin.delete(f"{BASE}/identity_providers/lab").status == 204
    assert admin.get(f"{BASE}/{path}").status == 404


def test_a_mapping_is_shown_as_it_was_given(site: Site):
    rules = [{"local": [{"user": {"name": "{0}"}}, {"group_ids": "{1}"}],
              "remote": [{"type": "a"}, {"type": "b", "whitelist": ["c"]}]}]  # fmt: skip

    made = put(site, "mappings/m", "mapping", rules=rules)

    assert made.status == 201
    assert made.json["mapping"]["rules"] == rules
    assert made.json["mapping"]["schema_version"] == "1.0"
    admin = site.as_user()
    assert admin.get(f"{BASE}/mappings").json["mappings"] == [made.json["mapping"]]
    two = {"mapping": {"rules": RULES, "schema_version": "2.0"}}
    assert admin.patch(f"{BASE}/mappings/m", json=two).json["mapping"]["schema_version"] == "2.0"
    assert admin.delete(f"{BASE}/mappings/m").status == 204
    assert admin.get(f"{BASE}/mappings/m").status == 404


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ({}, "rules"),
        ({"rules": []}, "at least one"),
        ({"rules": RULES, "schema_version": "3.0"}, "schema_version"),
        ({"rules": [{"local": []}]}, "remote"),
        ({"rules": [{"local": [{"user": {"nmae": "x"}}], "remote": [{"type": "a"}]}]}, "nmae"),
        ({"rules": [{"local": [{"user": {"name": "{7}"}}], "remote": [{"type": "a"}]}]}, "{7}"),
        ({"rules": [{"local": [], "remote": [{"type": "a", "regex": True}]}]}, "regex"),
    ],
)
def test_rules_that_can_never_be_meant_are_refused_by_name(site: Site, mapping, where):
    refused = put(site, "mappings/m", "mapping", **mapping)

    assert refused.status == 400
    assert where in refused.json["error"]["message"]
    assert site.as_user().get(f"{BASE}/mappings").json["mappings"] == []


def test_tokens_name_the_clouds_that_trust_this_one(site: Site):
    urls = {"auth_url": "https://other.example/v3", "sp_url": "https://other.example/sp"}
    made = put(site, "service_providers/other", "service_provider", **urls)
    assert made.json["service_provider"]["relay_state_prefix"] == "ss:mem:"
    assert "service_providers" not in site.log_in().json["token"]

    path = f"{BASE}/service_providers/other"
    site.as_user().patch(path, json={"service_provider": {"enabled": True}})

    assert site.log_in().json["token"]["service_providers"] == [{"id": "other", **urls}]
    assert put(site, "service_providers/odd", "service_provider", **(urls | {"sp_url": "odd"})).status == 400
    assert site.as_user().delete(path).status == 204
    assert "service_providers" not in site.log_in().json["token"]


def test_only_readers_of_the_system_see_and_only_admins_change(site: Site):
    put(site, "identity_providers/lab", "identity_provider")
    demo = site.as_user("demo")

    for path in (
        "identity_providers",
        "identity_providers/lab",
        "mappings",
        "service_providers",
        "mappings/m",
    ):
        assert demo.get(f"{BASE}/{path}").status == 403
    for path in ("identity_providers/lab", "identity_providers/none", "mappings/m", "service_providers/s"):
        assert demo.delete(f"{BASE}/{path}").status == 403


def test_the_secret_of_an_openid_client_is_never_shown_nor_kept_in_clear(site: Site):
    put(site, "identity_providers/lab", "identity_provider")
    put(site, "mappings/m", "mapping", rules=RULES)
    put(site, "identity_providers/lab/protocols/openid", "protocol", mapping_id="m")
    path = "identity_providers/lab/protocols/openid/oidc"
    told = {"issuer": "https://idp.example", "client_id": "nacre"}

    made = put(site, path, "oidc", **told, client_secret="very secret indeed")

    assert made.status == 200
    assert made.json["oidc"]["has_secret"] is True
    assert site.as_user().get(f"{BASE}/{path}").json == made.json
    assert put(site, path, "oidc", **told).json["oidc"]["has_secret"] is True, "it stays for the same client"
    other = put(site, path, "oidc", **(told | {"issuer": "https://evil.example"}))
    assert other.json["oidc"]["has_secret"] is False, "it goes to nobody else"
    with site.kernel.database.read() as db:
        kept = [
            *db.rows(sa.text("SELECT * FROM identity_oidc_client")),
            *db.rows(sa.text("SELECT * FROM event")),
        ]
    assert "very secret" not in f"{kept}{made.body!r}"
    for wrong in ({"issuer": "http://idp.example"}, {"scopes": ["profile"]}, {"client_id": ""}):
        assert put(site, path, "oidc", **(told | wrong)).status == 400
    assert site.as_user().delete(f"{BASE}/{path}").status == 204
    assert site.as_user().get(f"{BASE}/{path}").status == 404


def test_a_user_may_be_somebody_elsewhere(site: Site):
    put(site, "identity_providers/lab", "identity_provider")
    put(site, "mappings/m", "mapping", rules=RULES)
    put(site, "identity_providers/lab/protocols/openid", "protocol", mapping_id="m")
    elsewhere = [{"idp_id": "lab", "protocols": [{"protocol_id": "openid", "unique_id": "42"}]}]
    admin = site.as_user()

    made = admin.post("/identity/v3/users", json={"user": {"name": "ann", "federated": elsewhere}})

    user = made.json["user"]
    assert user["federated"] == elsewhere
    assert admin.get(f"/identity/v3/users/{user['id']}").json["user"] == user
    for query in ("idp_id=lab", "protocol_id=openid", "unique_id=42", "idp_id=lab&unique_id=42"):
        assert admin.get(f"/identity/v3/users?{query}").json["users"] == [user]
    assert admin.get("/identity/v3/users?unique_id=43").json["users"] == []
    taken = admin.post("/identity/v3/users", json={"user": {"name": "bob", "federated": elsewhere}})
    assert taken.status == 409
    nowhere = [{"idp_id": "none", "protocols": [{"protocol_id": "openid", "unique_id": "1"}]}]
    path = f"/identity/v3/users/{user['id']}"
    assert admin.patch(path, json={"user": {"federated": nowhere}}).status == 400
    assert admin.patch(path, json={"user": {"federated": []}}).json["user"].get("federated") is None
    assert admin.get("/identity/v3/users?name=bob").json["users"] == []


@pytest.mark.parametrize(
    ("path", "key", "fields"),
    [
        ("identity_providers/a", "identity_provider", {}),
        ("mappings/a", "mapping", {"rules": RULES, "schema_version": None}),
        ("service_providers/a", "service_provider", {"auth_url": "https://a", "sp_url": "https://a"}),
    ],
)
def test_clients_may_repeat_the_id_of_the_path(site: Site, path: str, key: str, fields: dict[str, Any]):
    assert put(site, path, key, id="b", **fields).status == 400
    assert put(site, path, key, id="a", **fields).status == 201
    ask = {key: {"id": "a", **fields}}
    assert site.as_user().patch(f"{BASE}/{path}", json=ask).json[key]["id"] == "a"
    assert site.as_user().patch(f"{BASE}/{path}", json={key: {"id": "b", **fields}}).status == 400
