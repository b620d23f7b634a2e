"""Users as a whole: what may be changed, how thousands are listed, and what goes with one who is deleted."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from nacre.identity.api.proving import guesses_of
from nacre.identity.domain.passwords import PasswordRules
from nacre.identity.store.logins import count_failure
from nacre.identity.store.tables import USER
from nacre.kernel.database import Reader
from nacre.kernel.events import Actor
from nacre.kernel.schema import METADATA
from tests.services.identity.conftest import Site

USERS = "/identity/v3/users"
OF_A_USER = {"user_id", "actor_id", "trustor_user_id", "trustee_user_id", "subject", "creator_id"}
"""Columns that name a user."""


def add_users(site: Site, count: int) -> None:
    rows = [
        {
            "user_id": f"{at:032x}",
            "domain_id": "default",
            "name": f"user{at:05}",
            "enabled": True,
            "options": {},
            "extra": {},
            "created_at": 0.0,
        }
        for at in range(count)
    ]
    with site.kernel.database.engine.connect() as connection:
        connection.execute(sa.insert(USER), rows)


def test_a_user_is_changed_field_by_field_and_what_is_for_life_stays(site: Site):
    user_id = site.make("user", name="ada", email="ada@example.org", description="likes trees")
    admin, path = site.as_user(), f"{USERS}/{user_id}"

    def patched(**fields: Any) -> int:
        return admin.patch(path, json={"user": fields}).status

    assert patched(email=None, description="likes seas") == 200
    assert patched(name="eve", options={"lock_password": True}) == 200
    assert patched(options={"ignore_password_expiry": True}) == 200
    assert patched(id=user_id, links={"self": "x"}, password_expires_at="never") == 200
    user = admin.get(path).json["user"]
    refused = [
        patched(),
        patched(id="0" * 32),
        patched(domain_id="0" * 32),
        patched(enabled="perhaps"),
        patched(name=""),
        patched(options={"ignore_password_expiry": "perhaps"}),
        patched(options={"made_up": True}),
        patched(password=7),
        patched(default_project_id="not an id"),
    ]

    assert refused == [400] * len(refused)
    assert patched(name="demo") == 409
    assert admin.get(path).json["user"] == user
    assert user == {
        "id": user_id,
        "name": "eve",
        "domain_id": "default",
        "enabled": True,
        "description": "likes seas",
        "options": {"lock_password": True, "ignore_password_expiry": True},
        "password_expires_at": None,
        "links": {"self": f"http://cloud.test{path}"},
    }


def test_users_are_filtered_sorted_and_paged(site: Site):
    add_users(site, 25)
    other = site.make("domain", name="other")
    site.make("user", name="elsewhere", domain_id=other, enabled=False)
    admin = site.as_user()

    def names(query: str) -> list[str]:
        return [user["name"] for user in admin.get(f"{USERS}?{query}").json["users"]]

    assert names("name=user00007") == ["user00007"]
    assert names(f"domain_id={other}") == ["elsewhere"]
    assert names("enabled=False") == ["elsewhere"]
    assert names("name=nobody") == []
    assert names("sort_key=name&sort_dir=desc&limit=2") == ["user00024", "user00023"]
    seen, url = [], f"{USERS}?limit=10"
    while url:
        page = admin.get(url.removeprefix("http://cloud.test")).json
        seen += [user["name"] for user in page["users"]]
        url = page["links"]["next"]
    assert seen == sorted(seen)
    assert len(set(seen)) == len(seen) == 28
    for bad in ("enabled=perhaps", "limit=many", "marker=nobody", "sort_key=password_hash"):
        assert admin.get(f"{USERS}?{bad}").status == 400, bad


def test_a_list_of_users_costs_the_same_however_long_it_is(site: Site, monkeypatch: pytest.MonkeyPatch):
    admin = site.as_user()
    add_users(site, 3000)
    admin.get(f"{USERS}?limit=1")
    sent: list[str] = []
    run = Reader._run

    def noted(reader: Reader, statement: Any, parameters: Any) -> Any:
        sent.append(str(statement))
        return run(reader, statement, parameters)

    monkeypatch.setattr(Reader, "_run", noted)

    assert len(admin.get(USERS).json["users"]) == 3002
    assert len(sent) <= 2, "\n".join(sent)


def test_a_deleted_user_leaves_nothing_but_events_behind(site: Site, monkeypatch: pytest.MonkeyPatch):
    admin = site.as_user()
    user_id = site.make("user", name="ada", password="ada")
    project_id, group_id = site.make("project", name="lab"), site.make("group", name="staff")
    site.give("member", f"projects/{project_id}/users/{user_id}")
    assert admin.put(f"/identity/v3/groups/{group_id}/users/{user_id}").status == 204
    ada = site.as_user("ada", scope={"project": {"id": project_id}})
    for at in range(3):
        ask = {"application_credential": {"name": f"c{at}"}}
        assert ada.post(f"{USERS}/{user_id}/application_credentials", json=ask).status == 201
        ec2 = ada.post(f"{USERS}/{user_id}/credentials/OS-EC2", json={"tenant_id": project_id})
        assert ec2.status == 201
    demo_id = site.log_in("demo").json["token"]["user"]["id"]
    trust = {"trustor_user_id": user_id, "trustee_user_id": demo_id, "impersonation": False}
    made = ada.post(
        "/identity/v3/OS-TRUST/trusts",
        json={"trust": {**trust, "project_id": project_id, "roles": [{"name": "member"}]}},
    )
    assert made.status == 201, made
    assert _rows_naming(site, user_id) >= {"identity_user", "identity_credential", "identity_trust"}
    _fail_logins(site, user_id)
    bare_id = site.make("user", name="bare")
    sent: list[str] = []
    run = Reader._run

    def noted(reader: Reader, statement: Any, parameters: Any) -> Any:
        sent.append(str(statement))
        return run(reader, statement, parameters)

    monkeypatch.setattr(Reader, "_run", noted)

    def spent_on(each: str) -> int:
        admin.get(f"{USERS}/{each}")  # So that nothing is read again for the token.
        sent.clear()
        assert admin.delete(f"{USERS}/{each}").status == 204
        return len(sent)

    assert spent_on(user_id) == spent_on(bare_id) <= 7, "as many as kinds of things, however many things"
    monkeypatch.undo()

    assert _rows_naming(site, user_id) == set()
    assert ada.get(f"{USERS}/{user_id}").status == 401


def _rows_naming(site: Site, user_id: str) -> set[str]:
    """The tables that hold a row which names a user, events aside."""
    found = set()
    with site.kernel.database.read() as db:
        there = set(sa.inspect(site.kernel.database.engine).get_table_names())
        for table in METADATA.sorted_tables:
            columns = [c for c in table.c if c.name in OF_A_USER]
            if table.name == "event" or table.name not in there or not columns:
                continue
            named = sa.or_(*[sa.cast(column, sa.Text).contains(user_id) for column in columns])
            if db.scalar(sa.select(sa.func.count()).select_from(table).where(named)):
                found.add(table.name)
    return found


def _fail_logins(site: Site, user_id: str) -> None:
    with site.kernel.database.write(Actor("test")) as tx:
        for subject in (user_id, guesses_of(user_id)):
            count_failure(tx, subject, PasswordRules(most_failures=3), user_id=user_id)


def test_users_in_a_deleted_domain_leave_nothing_behind_either(site: Site):
    domain_id = site.make("domain", name="campus")
    user_id = site.make("user", name="ada", password="ada", domain_id=domain_id)
    admin = site.as_user()
    _fail_logins(site, user_id)
    assert _rows_naming(site, user_id) == {"identity_user", "identity_login_failure"}

    assert admin.patch(f"/identity/v3/domains/{domain_id}", json={"domain": {"enabled": False}}).status == 200
    assert admin.delete(f"/identity/v3/domains/{domain_id}").status == 204

    assert _rows_naming(site, user_id) == set()
