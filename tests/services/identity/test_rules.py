"""Rules of policy: read, overridden at once on every node, given back, and tried before they are."""

from __future__ import annotations

import threading

import pytest

from tests.services.identity.conftest import Site, assembled_site

POLICIES = "/identity/v3/nacre/policies"
CHECKS = "/identity/v3/nacre/policy_checks"
LIST_USERS = f"{POLICIES}/identity:list_users"
USERS = "/identity/v3/users"


def set_rule(client, name: str, rule: str):
    return client.put(f"{POLICIES}/{name}", json={"policy": {"rule": rule}})


def check(client, **ask):
    reply = client.post(CHECKS, json={"check": ask})
    assert reply.status == 200, reply
    return reply.json["check"]


def test_every_rule_is_shown_with_its_default_and_as_it_stands(site: Site):
    rules = {each["name"]: each for each in site.as_user().get(POLICIES).json["policies"]}

    assert rules["admin"]["rule"] == "role:admin"
    assert rules["identity:list_users"]["overridden"] is False
    assert rules["identity:list_users"]["default"] == rules["identity:list_users"]["rule"]
    assert site.as_user().get(LIST_USERS).json["policy"] == rules["identity:list_users"]
    assert site.as_user().get(f"{POLICIES}/identity:none").status == 404


def test_an_override_counts_at_once_for_tokens_that_are_in_use(site: Site):
    admin, demo = site.as_user(), site.as_user("demo")
    assert demo.get(USERS).status == 403

    reply = set_rule(admin, "identity:list_users", "rule:member")

    assert reply.status == 200, reply
    assert reply.json["policy"]["overridden"] is True
    assert demo.get(USERS).status == 200

    assert admin.delete(LIST_USERS).json["policy"]["overridden"] is False
    assert demo.get(USERS).status == 403


def test_an_override_of_a_base_rule_counts_for_all_that_refer_to_it(site: Site):
    admin, demo = site.as_user(), site.as_user("demo")

    assert set_rule(admin, "system_reader", "rule:admin or user_domain_id:default").status == 200

    assert demo.get(USERS).status == 200
    assert demo.get("/identity/v3/services").status == 200


def test_an_override_reaches_the_other_nodes_and_outlives_a_restart(site: Site, tmp_path):
    url = site.kernel.database.url.render_as_string(hide_password=False)
    other = assembled_site(url, state=tmp_path, clock=site.clock)
    demo = other.client(site.token("demo"))
    assert demo.get(USERS).status == 403

    set_rule(site.as_user(), "identity:list_users", "rule:member")
    other.kernel.wakes.wake(["identity"])

    assert demo.get(USERS).status == 200
    other.close()
    site.restart()
    assert site.as_user("demo").get(USERS).status == 200


def test_every_former_rule_is_kept_with_who_set_it_and_when(site: Site):
    admin = site.as_user()
    set_rule(admin, "identity:list_users", "rule:member")
    site.clock.advance(60)
    set_rule(admin, "identity:list_users", "rule:manager")
    admin.delete(LIST_USERS)

    changes = admin.get(f"{LIST_USERS}/history").json["changes"]

    assert [each["rule"] for each in changes] == [None, "rule:manager", "rule:member"]
    assert [each["edition"] for each in changes] == [3, 2, 1]
    me = site.log_in().json["token"]["user"]["id"]
    assert {each["set_by"] for each in changes} == {f"user:{me}"}
    assert changes[1]["set_at"] > changes[2]["set_at"]


BAD_RULES = {
    "rule:member and": "ends where a check",
    "colour:blue": "nothing is known of",
    "rule:nobody_named_it": "there is no rule",
    "rule:identity:list_users": "leads back to itself",
    "http://elsewhere/": "nothing is known of",
    "": "",
    "   ": "",
    "@" * 5000: "",
}


@pytest.mark.parametrize("rule", BAD_RULES, ids=lambda rule: rule[:12] or "empty")
def test_a_rule_that_cannot_stand_is_refused_and_changes_nothing(site: Site, rule: str):
    admin = site.as_user()

    reply = set_rule(admin, "identity:list_users", rule)

    assert reply.status == 400
    assert BAD_RULES[rule] in reply.json["error"]["message"]
    assert admin.get(f"{LIST_USERS}/history").json["changes"] == []


LOCKING = [
    ("admin", "!"),
    ("admin", "role:emperor"),
    ("admin", "rule:admin"),
    ("nacre:policies:set", "!"),
    ("nacre:policies:set", "rule:service"),
    ("nacre:policies:show", "not rule:admin"),
    ("nacre:policies:set", "domain_id:default"),
]


@pytest.mark.parametrize(("name", "rule"), LOCKING)
def test_nobody_locks_administrators_out_of_the_policy_api(site: Site, name: str, rule: str):
    admin = site.as_user()

    assert set_rule(admin, name, rule).status == 400

    assert set_rule(admin, name, "role:admin or role:emperor").status == 200
    assert admin.delete(f"{POLICIES}/{name}").status == 200


def test_who_sets_a_rule_keeps_the_right_to_set_rules(site: Site):
    lab = site.make("project", name="lab")
    site.make("role", name="steward")
    site.make_user("ada", role="steward", project_id=lab)
    assert set_rule(site.as_user(), "nacre:policies:set", "rule:admin or role:steward").status == 200
    assert set_rule(site.as_user(), "nacre:policies:show", "rule:admin or role:steward").status == 200
    ada = site.as_user("ada", scope={"project": {"id": lab}})

    assert set_rule(ada, "nacre:policies:set", "rule:admin").status == 400
    assert set_rule(ada, "identity:list_users", "role:steward").status == 200


def test_only_administrators_change_rules_and_strangers_do_not_see_them(site: Site):
    demo = site.as_user("demo")

    for name in ("identity:list_users", "identity:none"):
        assert set_rule(demo, name, "@").status == 403
        assert demo.get(f"{POLICIES}/{name}").status == 403
        assert demo.delete(f"{POLICIES}/{name}").status == 403
    assert demo.post(CHECKS, json={"check": {"policy": "admin", "user_id": "a"}}).status == 403


def test_a_dry_run_tells_which_part_decides(site: Site):
    admin = site.as_user()
    token = site.log_in("demo").json["token"]
    who = {"user_id": token["user"]["id"], "scope": {"project_id": token["project"]["id"]}}

    own = check(admin, policy="own_member", target={"project_id": token["project"]["id"]}, **who)
    foreign = check(admin, policy="own_member", target={"project_id": "another"}, **who)

    assert own["allowed"] is True
    assert [each["part"] for each in own["reasons"]] == ["role:member", "project_id:%(project_id)s"]
    assert foreign["allowed"] is False
    assert [each["holds"] for each in foreign["reasons"]] == [False, False]
    assert "another" in foreign["reasons"][1]["why"]
    assert foreign["reasons"][0]["through"] == ["admin"]


def test_a_proposed_rule_is_tried_without_being_set(site: Site):
    admin = site.as_user()
    token = site.log_in("demo").json["token"]
    who = {"user_id": token["user"]["id"], "scope": {"project_id": token["project"]["id"]}}

    tried = check(admin, policy="identity:list_users", rule="rule:member", **who)

    assert (tried["allowed"], tried["proposed"], tried["rule"]) == (True, True, "rule:member")
    assert check(admin, policy="identity:list_users", **who)["allowed"] is False
    assert (
        check(admin, policy="identity:list_users", rule="rule:member", user_id=who["user_id"])["allowed"]
        is False
    )
    bad = {"policy": "identity:list_users", "rule": "rule:none", **who}
    assert admin.post(CHECKS, json={"check": bad}).status == 400


def test_a_dry_run_knows_the_path_of_a_project(site: Site):
    admin = site.as_user()
    top = site.make("project", name="top")
    leaf = site.make("project", name="leaf", parent_id=top)
    ada = site.make_user("ada", role="manager", project_id=top)
    ask = {"policy": "subtree_manager", "user_id": ada, "scope": {"project_id": top}}

    assert check(admin, **ask, target={"project_id": leaf})["allowed"] is True
    elsewhere = site.log_in("demo").json["token"]["project"]["id"]
    assert check(admin, **ask, target={"project_id": elsewhere})["allowed"] is False


IMPOSSIBLE = [
    {"user_id": "0" * 32},
    {"scope": {"project_id": "0" * 32}},
    {"scope": {"domain_id": "default"}},
    {"scope": {"system": True}},
    {"scope": {"system": True, "domain_id": "default"}},
    {"policy": "identity:none"},
    {"target": {"project_id": 7}},
]


@pytest.mark.parametrize("ask", IMPOSSIBLE, ids=str)
def test_a_dry_run_that_cannot_be_is_refused(site: Site, ask):
    demo = site.log_in("demo").json["token"]["user"]["id"]
    whole = {"policy": "admin", "user_id": demo} | ask

    assert site.as_user().post(CHECKS, json={"check": whole}).status in (400, 404)


def test_of_two_changes_at_one_moment_each_is_checked_against_the_other(site: Site):
    clients = [site.as_user(), site.as_user()]
    pairs = [
        ("identity:list_users", "rule:identity:list_groups"),
        ("identity:list_groups", "rule:identity:list_users"),
    ]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda c=client, p=pair: statuses.append(set_rule(c, *p).status))
        for client, pair in zip(clients, pairs, strict=True)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) in ([200, 400], [200, 409]), "both together would lead in a circle"


def test_the_operator_of_the_machine_gets_in_without_a_token(site: Site):
    from tests.support.asgi import AsgiClient

    operator = AsgiClient(site.http, local=True)
    path = "/policy/policies/identity:list_users"

    assert operator.put(path, json={"policy": {"rule": "rule:member"}}).status == 200
    assert site.as_user("demo").get(USERS).status == 200
    assert operator.get(f"{path}/history").json["changes"][0]["set_by"] == "operator"
    assert operator.put("/policy/policies/admin", json={"policy": {"rule": "!"}}).status == 400
    assert operator.delete(path).status == 200
    assert AsgiClient(site.http).get(path).status == 404, "the socket's file rights are what guards it"


def test_a_change_of_a_rule_leaves_a_line_in_the_log(site: Site):
    import sqlalchemy as sa

    from nacre.kernel.events import EVENT

    set_rule(site.as_user(), "identity:list_users", "rule:member")

    with site.kernel.database.read() as db:
        row = db.row(sa.select(EVENT).where(EVENT.c.kind == "policy-rule"))
    assert row is not None
    assert (row.action, row.subject, row.after) == ("set", "identity:list_users", '{"rule":"rule:member"}')
