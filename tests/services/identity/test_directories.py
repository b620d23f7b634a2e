"""Domains whose users and groups come from a directory: what callers see, whatever the directory does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from nacre.identity.drivers.fake_directory import FakePeople
from nacre.identity.store.tables import MEMBERSHIP, MIRRORED
from nacre.kernel.clock import VirtualClock
from nacre.kernel.outcome import Wait
from tests.services.identity.campus import DOMAINS, Campus, opener, with_directory
from tests.services.identity.conftest import Site, assembled_site


@pytest.fixture
def people() -> FakePeople:
    """Who is in the first domain's directory: enough for one to leave without an alarm."""
    crowd = FakePeople(page_size=7)
    for number in range(20):
        crowd.add_user(f"u{number}", mail=f"u{number}@site.example")
    crowd.set_group("staff", ["user/u1", "user/u2"])
    return crowd


@pytest.fixture
def others() -> FakePeople:
    """Who is in the second domain's directory."""
    return FakePeople()


@pytest.fixture
def site(
    database_url: str, tmp_path: Path, clock: VirtualClock, people: FakePeople, others: FakePeople
) -> Iterator[Site]:
    made = assembled_site(database_url, state=tmp_path, clock=clock, directories=opener(people, others))
    yield made
    made.close()


@pytest.fixture
def campus(site: Site) -> Campus:
    """A domain that has been looked at once."""
    made = with_directory(site, "campus", {"url": "ldap://0"})
    made.look()
    return made


def events(campus: Campus) -> int:
    with campus.site.kernel.database.read() as db:
        return int(db.scalar(sa.text("SELECT COUNT(*) FROM event")))


# -- mirroring ---------------------------------------------------------------------------------------------


def test_users_and_groups_of_the_directory_are_listed_as_any_others(campus):
    assert campus.names() == {f"u{number}" for number in range(20)}
    assert campus.names("group") == {"staff"}
    assert campus.members("staff") == {"u1", "u2"}
    user = campus.user("u3")
    assert user["email"] == "u3@site.example"
    assert user["enabled"]
    assert len(user["id"]) == 64


def test_looking_again_writes_nothing(campus):
    before = events(campus)

    outcome = campus.look()

    assert events(campus) == before
    assert outcome == Wait(recheck_s=300.0, because="")


def test_what_changes_there_changes_here_at_the_next_look(campus, people):
    people.add_user("u1", name="u1", mail="new@site.example", enabled=False)
    people.add_user("u20")
    people.set_group("staff", ["user/u2", "user/u20"], name="personnel")

    campus.look()

    assert campus.user("u1")["email"] == "new@site.example"
    assert campus.user("u1")["enabled"] is False
    assert campus.names("group") == {"personnel"}
    assert campus.members("staff") == {"u2", "u20"}


def test_a_user_who_is_renamed_keeps_the_id_and_the_roles(campus, people):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/users/{campus.user_id('u1')}")

    people.add_user("u1", name="married", password="pw")
    campus.look()

    assert campus.user("u1")["name"] == "married"
    assert campus.token("married", "pw", scope={"project": {"id": project_id}})
    assert campus.log_in("u1", "pw").status == 401


def test_users_who_swap_their_names_have_them_after_one_look(campus, people):
    people.add_user("u1", name="u2")
    people.add_user("u2", name="u1")

    campus.look()

    assert campus.user("u1")["name"] == "u2"
    assert campus.user("u2")["name"] == "u1"
    assert len(campus.names()) == 20


def test_a_name_that_is_given_to_somebody_new_does_not_give_the_roles_of_who_had_it(campus, people):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/users/{campus.user_id('u1')}")

    people.remove_user("u1")
    people.add_user("another", name="u1", password="pw")
    campus.look()

    assert campus.user("another")["name"] == "u1"
    assert campus.user("u1")["enabled"] is False
    assert campus.log_in("u1", "pw", scope={"project": {"id": project_id}}).status == 401
    assert campus.log_in("u1", "pw").status == 201


def test_two_of_one_name_are_told_and_the_rest_is_mirrored(campus, people):
    people.add_user("twin", name="u5")
    people.add_user("new")

    outcome = campus.look()

    assert "'u5'" in outcome.because
    assert "new" in campus.names()
    assert campus.user("twin") is None
    assert campus.state()["trouble"] == outcome.because


def test_a_user_of_our_own_keeps_the_name_and_the_password(site):
    domain_id = site.make("domain", name="mixed")
    site.make("user", name="u1", password="ours", domain_id=domain_id)
    config = {"identity": {"driver": "ldap"}, "ldap": {"url": "ldap://0"}}
    site.as_user().put(f"{DOMAINS}/{domain_id}/config", json={"config": config})
    mixed = Campus(site, domain_id)

    outcome = mixed.look()

    assert "'u1'" in outcome.because
    assert mixed.user("u1") is None
    assert mixed.log_in("u1", "ours").status == 201
    assert mixed.log_in("u1", "u1").status == 401
    assert mixed.log_in("u2").status == 201


# -- who is gone -------------------------------------------------------------------------------------------


def test_who_has_left_loses_access_at_once_and_gets_it_back_with_every_role(campus, people):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/users/{campus.user_id('u1')}")
    token = campus.token("u1")
    people.remove_user("u1")

    campus.look()

    assert not campus.counts(token)
    assert campus.log_in("u1").status == 401
    assert campus.user("u1")["enabled"] is False
    assert campus.members("staff") == {"u2"}

    people.add_user("u1")
    campus.look()

    assert not campus.counts(token), "a token that is void stays so"
    assert campus.token("u1", scope={"project": {"id": project_id}})
    assert campus.members("staff") == {"u1", "u2"}


def test_who_has_been_gone_for_long_is_forgotten(campus, people):
    people.remove_user("u1")
    campus.look()
    campus.site.clock.advance(2_592_000)

    campus.look()

    assert campus.user("u1") is None
    with campus.site.kernel.database.read() as db:
        assert db.row(sa.select(MIRRORED).where(MIRRORED.c.subject_id == campus.user_id("u1"))) is None


def test_a_role_of_a_group_goes_when_the_user_leaves_it(campus, people):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/groups/{campus.group_id('staff')}")
    token = campus.token("u1", scope={"project": {"id": project_id}})
    other = campus.token("u2", scope={"project": {"id": project_id}})

    people.set_group("staff", ["user/u2"])
    campus.look()

    assert not campus.counts(token)
    assert campus.counts(other)


def test_a_group_that_is_gone_gives_nothing_any_more(campus, people):
    people.set_group("admins", ["user/u3"])
    campus.look()
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/groups/{campus.group_id('admins')}")
    token = campus.token("u3", scope={"project": {"id": project_id}})

    people.remove_group("admins")
    campus.look()

    assert not campus.counts(token)


@pytest.mark.parametrize("answers", range(4))
def test_a_directory_that_breaks_off_takes_nothing_from_anybody(campus, people, answers):
    token = campus.token("u1")
    people.remove_user("u1")
    people.set_group("staff", [])
    people.answers_left = answers

    outcome = campus.look()

    assert "went away" in outcome.because
    assert campus.state()["trouble"] == outcome.because
    # Its users were told to their end only after three pages.
    assert campus.counts(token) is (answers < 3)
    assert campus.names() == {f"u{number}" for number in range(20)}


def test_a_directory_that_is_suddenly_empty_takes_nothing_until_an_operator_says_so(campus, people):
    token = campus.token("u1")
    people.forget()

    outcome = campus.look()

    assert "20 of 20 users are gone" in outcome.because
    assert campus.state()["trouble"] == outcome.because
    assert campus.counts(token)
    assert campus.members("staff") == {"u1", "u2"}

    campus.operate(accept_losses=True)
    assert campus.look() == Wait(recheck_s=300.0, because="")

    assert not campus.counts(token)
    assert campus.state()["trouble"] == ""
    assert not campus.state()["accept_losses"], "what is accepted is accepted once"


def test_a_directory_that_loses_a_third_takes_nothing_and_recovers_by_itself(site, others):
    for number in range(40):
        others.add_user(f"v{number}")
    campus = with_directory(site, "campus", {"url": "ldap://1"})
    campus.look()
    for number in range(15):
        others.remove_user(f"v{number}")

    assert "15 of 40" in campus.look().because
    assert campus.user("v1")["enabled"]

    for number in range(15):
        others.add_user(f"v{number}")
    assert campus.look().because == ""


def test_memberships_that_are_suddenly_hidden_are_kept(campus, people):
    people.set_group("staff", [f"user/u{number}" for number in range(20)])
    campus.look()
    people.set_group("staff", [])

    outcome = campus.look()

    assert "20 of 20 memberships are gone" in outcome.because
    assert len(campus.members("staff")) == 20


def test_who_came_in_while_the_directory_was_being_read_is_not_taken_for_gone(campus, people):
    def newcomer() -> None:
        people.pause = lambda: None
        people.add_user("late")
        assert campus.log_in("late").status == 201
        del people.users["late"]  # The list that is being read is older than the newcomer.

    people.pause = newcomer
    campus.site.clock.advance(1)
    campus.loop.reconcile(campus.domain_id)

    assert campus.user("late")["enabled"]


# -- logging in --------------------------------------------------------------------------------------------


def test_users_log_in_with_the_directorys_passwords(campus):
    assert campus.log_in("u1", "u1").status == 201
    assert campus.log_in("u1", "wrong").status == 401
    assert campus.log_in("nobody", "u1").status == 401


def test_an_empty_password_is_never_asked_about(campus, people):
    who = {"name": "u1", "domain": {"id": campus.domain_id}, "password": ""}
    auth = {"identity": {"methods": ["password"], "password": {"user": who}}}

    reply = campus.site.client().post("/identity/v3/auth/tokens", json={"auth": auth})

    assert reply.status == 401


def test_a_user_logs_in_by_id_too(campus):
    who = {"id": campus.user_id("u1"), "password": "u1"}
    auth = {"identity": {"methods": ["password"], "password": {"user": who}}}

    reply = campus.site.client().post("/identity/v3/auth/tokens", json={"auth": auth})

    assert reply.status == 201
    assert reply.json["token"]["user"]["name"] == "u1"
    assert reply.json["token"]["user"]["domain"]["id"] == campus.domain_id


def test_whoever_has_never_been_seen_is_mirrored_when_they_log_in(site, others):
    others.add_user("first", mail="first@site.example")
    others.set_group("crew", ["user/first"])
    campus = with_directory(site, "campus", {"url": "ldap://1"})

    assert campus.log_in("first").status == 201

    assert campus.user("first")["email"] == "first@site.example"


def test_a_login_brings_the_user_up_to_date(campus, people):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/groups/{campus.group_id('staff')}")
    people.set_group("staff", ["user/u2", "user/u3"])
    people.add_user("u3", mail="now@site.example")

    assert campus.log_in("u3", scope={"project": {"id": project_id}}).status == 201
    assert campus.log_in("u1", scope={"project": {"id": project_id}}).status == 401

    assert campus.user("u3")["email"] == "now@site.example"


def test_a_disabled_user_is_not_let_in_and_loses_the_tokens_of_before(campus, people):
    token = campus.token("u1")
    people.add_user("u1", enabled=False)

    assert campus.log_in("u1").status == 401
    assert not campus.counts(token), "the login has told us"


def test_a_refused_login_reads_like_any_other(campus):
    unknown, wrong = campus.log_in("nobody", "x"), campus.log_in("u1", "x")
    own = campus.site.log_in("admin", password="x")

    assert unknown.json == wrong.json == own.json


def test_a_directory_that_is_away_is_no_wrong_password(campus, people):
    people.away = "the network is down at 10.0.0.1"

    reply = campus.log_in("u1")

    assert reply.status == 503
    assert reply.headers["retry-after"]
    assert "10.0.0.1" not in reply.body.decode(), "callers learn nothing of the site's hosts"
    assert campus.site.log_in("admin").status == 201, "others are not held up"


def test_a_directory_that_was_away_is_asked_again_after_a_moment(campus, people):
    people.away = "down"
    assert campus.log_in("u1").status == 503
    people.away = ""

    assert campus.log_in("u1").status == 503, "those who wait are told at once"
    campus.site.clock.advance(3)
    assert campus.log_in("u1").status == 201


def test_tokens_live_on_while_the_directory_is_away(campus, people):
    token = campus.token("u1")
    people.away = "down"
    campus.look()

    assert campus.counts(token)


# -- what cannot be changed here ---------------------------------------------------------------------------


def test_users_and_groups_of_a_directory_are_only_read(campus):
    admin, user_id, group_id = campus.admin, campus.user_id("u1"), campus.group_id("staff")
    user, group = f"/identity/v3/users/{user_id}", f"/identity/v3/groups/{group_id}"
    refused = [
        admin.post("/identity/v3/users", json={"user": {"name": "x", "domain_id": campus.domain_id}}),
        admin.patch(user, json={"user": {"name": "x"}}),
        admin.patch(user, json={"user": {"password": "x"}}),
        admin.patch(user, json={"user": {"enabled": False}}),
        admin.patch(user, json={"user": {"email": "x"}}),
        admin.delete(user),
        admin.post("/identity/v3/groups", json={"group": {"name": "x", "domain_id": campus.domain_id}}),
        admin.patch(group, json={"group": {"name": "x"}}),
        admin.delete(group),
        admin.put(f"{group}/users/{campus.user_id('u5')}"),
        admin.delete(f"{group}/users/{user_id}"),
        campus.site.client().post(
            f"{user}/password", json={"user": {"original_password": "u1", "password": "new password"}}
        ),
    ]

    assert [reply.status for reply in refused] == [403] * len(refused), refused
    assert campus.names() == {f"u{number}" for number in range(20)}
    assert campus.names("group") == {"staff"}
    assert campus.members("staff") == {"u1", "u2"}
    assert campus.log_in("u1").status == 201


def test_a_wrong_password_does_not_say_whose_it_would_be_to_change(campus):
    ask = {"user": {"original_password": "wrong", "password": "new password"}}

    reply = campus.site.client().post(f"/identity/v3/users/{campus.user_id('u1')}/password", json=ask)

    assert reply.status == 401


def test_what_is_ours_of_a_directorys_user_can_be_changed_and_stays(campus):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/users/{campus.user_id('u1')}")
    user = f"/identity/v3/users/{campus.user_id('u1')}"

    reply = campus.admin.patch(user, json={"user": {"default_project_id": project_id}})
    assert reply.status == 200, reply
    campus.look()

    assert campus.user("u1")["default_project_id"] == project_id
    assert campus.log_in("u1").json["token"]["project"]["id"] == project_id


def test_an_application_credential_of_a_directorys_user_needs_no_directory_and_ends_with_the_user(
    campus, people
):
    project_id = campus.site.make("project", name="lab", domain_id="default")
    campus.site.give("member", f"projects/{project_id}/users/{campus.user_id('u1')}")
    client = campus.site.client(campus.token("u1", scope={"project": {"id": project_id}}))
    path = f"/identity/v3/users/{campus.user_id('u1')}/application_credentials"
    made = client.post(path, json={"application_credential": {"name": "script"}}).json[
        "application_credential"
    ]
    method = {"id": made["id"], "secret": made["secret"]}
    auth = {"identity": {"methods": ["application_credential"], "application_credential": method}}

    people.away = "down"
    assert campus.site.client().post("/identity/v3/auth/tokens", json={"auth": auth}).status == 201

    people.away = ""
    people.remove_user("u1")
    campus.look()
    assert campus.site.client().post("/identity/v3/auth/tokens", json={"auth": auth}).status == 401


# -- domains beside each other -----------------------------------------------------------------------------


def test_two_directories_with_the_same_names_and_our_own_users_beside_them(campus, others):
    others.add_user("u1", password="elsewhere")
    other = with_directory(campus.site, "other", {"url": "ldap://1"})
    other.look()
    campus.site.make("user", name="u1", password="ours")

    for domain_id, password in (
        (campus.domain_id, "u1"),
        (other.domain_id, "elsewhere"),
        ("default", "ours"),
    ):
        for tried in ("u1", "elsewhere", "ours"):
            reply = campus.site.log_in("u1", password=tried, domain=domain_id, scope=None)
            assert reply.status == (201 if tried == password else 401)
    assert campus.user_id("u1") != other.user_id("u1")
    assert other.names() == {"u1"}


def test_a_domain_that_parts_from_its_directory_lets_nobody_of_it_in(campus):
    token = campus.token("u1")

    assert campus.admin.delete(f"{DOMAINS}/{campus.domain_id}/config").status == 204
    campus.look()

    assert not campus.counts(token)
    assert campus.log_in("u1").status == 401
    campus.site.clock.advance(2_592_001)
    campus.look()
    assert campus.names() == set()
    assert campus.state() is None


def test_a_domain_that_is_deleted_takes_all_of_it_along(campus):
    admin = campus.admin
    admin.patch(f"{DOMAINS}/{campus.domain_id}", json={"domain": {"enabled": False}})
    assert admin.delete(f"{DOMAINS}/{campus.domain_id}").status == 204

    campus.look()

    with campus.site.kernel.database.read() as db:
        assert db.rows(sa.select(MIRRORED)) == []
        assert db.rows(sa.select(MEMBERSHIP)) == []


def test_a_driver_nobody_knows_is_told_and_lets_nobody_in(site):
    domain_id = site.make("domain", name="campus")
    config = {"identity": {"driver": "scroll"}}
    site.as_user().put(f"{DOMAINS}/{domain_id}/config", json={"config": config})
    campus = Campus(site, domain_id)

    assert "no driver 'scroll'" in campus.look().because
    assert campus.log_in("u1").status == 503


def test_a_change_of_configuration_is_looked_at_at_once(campus, others):
    with campus.site.kernel.database.read() as db:
        assert db.scalar(sa.text("SELECT COUNT(*) FROM due WHERE loop = 'directories'")) == 1
    assert set(campus.loop.all_keys()) == {campus.domain_id}
