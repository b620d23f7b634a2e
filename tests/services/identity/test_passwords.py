"""Passwords: what a site asks of them, what wrong ones lead to, and hashes that are brought along."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from nacre.identity.loops.idle_users import IdleUserLoop
from nacre.identity.store.tables import LOGIN_FAILURE, USER
from nacre.kernel.clock import VirtualClock
from nacre.kernel.config import SecurityComplianceSettings
from nacre.kernel.database import Reader
from nacre.kernel.outcome import AGAIN, SETTLED
from tests.domain.identity.test_hashes import PASSWORD, SAMPLES
from tests.services.identity.conftest import CHEAP, Site, assembled_site
from tests.support.asgi import Reply

USERS = "/identity/v3/users"
DAY_S = 86_400


class CountingHasher(PasswordHasher):
    """Counts each time one hash is worked out."""

    worked = 0

    def hash(self, *args: Any, **kwargs: Any) -> str:
        type(self).worked += 1
        return super().hash(*args, **kwargs)

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        type(self).worked += 1
        return super().verify(*args, **kwargs)


@pytest.fixture
def site_with(database_url: str, tmp_path: Path, clock: VirtualClock) -> Iterator[Callable[..., Site]]:
    """Begins identity with security compliance options."""
    sites = []

    def begin(**asked: Any) -> Site:
        hasher = CountingHasher(time_cost=1, memory_cost=64, parallelism=1)
        options = SecurityComplianceSettings(**asked)
        site = assembled_site(
            database_url, state=tmp_path, clock=clock, hasher=hasher, security_compliance=options
        )
        sites.append(site)
        return site

    yield begin
    for site in sites:
        site.close()


def enter(site: Site, password: str, user: str = "ada") -> Reply:
    return site.log_in(user, password=password, scope=None)


def change(site: Site, user_id: str, before: str, after: str) -> Reply:
    ask = {"user": {"original_password": before, "password": after}}
    return site.client().post(f"{USERS}/{user_id}/password", json=ask)


def shown(site: Site, user_id: str) -> dict[str, Any]:
    user: dict[str, Any] = site.as_user().get(f"{USERS}/{user_id}").json["user"]
    return user


def hash_of(site: Site, user_id: str) -> str:
    with site.kernel.database.read() as db:
        return str(db.scalar(sa.select(USER.c.password_hash).where(USER.c.user_id == user_id)))


# -- hashes that are brought along -------------------------------------------------------------------------


@pytest.mark.parametrize("form", SAMPLES)
def test_a_hash_from_elsewhere_lets_its_user_in_and_is_renewed_on_the_way(site: Site, form: str):
    user_id = site.make("user", name="ada", password_hash=SAMPLES[form])
    assert enter(site, "wrong").status == 401
    assert hash_of(site, user_id) == SAMPLES[form]

    token = enter(site, PASSWORD).headers["x-subject-token"]

    assert hash_of(site, user_id).startswith("$argon2id$")
    assert site.client(token).get(f"{USERS}/{user_id}").status == 200, "the password has not changed"
    assert enter(site, PASSWORD).status == 201
    assert enter(site, "wrong").status == 401


def test_an_argon2_hash_that_is_too_weak_is_renewed_and_a_stronger_one_is_not(site: Site):
    weak = PasswordHasher(time_cost=1, memory_cost=16, parallelism=1).hash("tall trees")
    strong = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1).hash("tall trees")
    ada, eve = (
        site.make("user", name=name, password_hash=known) for name, known in (("ada", weak), ("eve", strong))
    )

    assert enter(site, "tall trees").status == 201
    assert enter(site, "tall trees", user="eve").status == 201

    assert not CHEAP.check_needs_rehash(hash_of(site, ada))
    assert hash_of(site, eve) == strong


def test_an_update_brings_a_hash_along_and_voids_what_was_before(site: Site):
    user_id = site.make_user("ada")
    token = site.token("ada", scope=None)

    reply = site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password_hash": SAMPLES["bcrypt"]}})

    assert reply.status == 200
    assert b"$2b$" not in reply.body
    assert site.client(token).get(f"{USERS}/{user_id}").status == 401
    assert enter(site, "ada").status == 401
    assert enter(site, PASSWORD).status == 201


def test_a_hash_that_cannot_be_used_is_refused_and_nothing_is_kept(site: Site):
    admin, user_id = site.as_user(), site.make_user("ada")
    before = hash_of(site, user_id)
    bad = ["", "plain", "$6$rounds=5000$salt$digest", "$2b$31$" + "x" * 53]

    for text in bad:
        assert admin.post(USERS, json={"user": {"name": "eve", "password_hash": text}}).status == 400
        assert admin.patch(f"{USERS}/{user_id}", json={"user": {"password_hash": text}}).status == 400
    both = {"name": "eve", "password": "x", "password_hash": SAMPLES["bcrypt"]}
    assert admin.post(USERS, json={"user": both}).status == 400

    assert admin.get(f"{USERS}?name=eve").json["users"] == []
    assert hash_of(site, user_id) == before


def test_a_stronger_hash_loses_against_a_newer_password(site: Site, monkeypatch: pytest.MonkeyPatch):
    user_id = site.make("user", name="ada", password_hash=SAMPLES["bcrypt"])
    passwords = site.assembled.services[0].parts.passwords
    renewed = type(passwords).renewed

    async def meanwhile(self: Any, password: str, known: str) -> str | None:
        found = await renewed(self, password, known)
        with site.kernel.database.engine.connect() as connection:
            newer = sa.update(USER).where(USER.c.user_id == user_id).values(password_hash=CHEAP.hash("newer"))
            connection.execute(newer)
        return found

    monkeypatch.setattr(type(passwords), "renewed", meanwhile)

    assert enter(site, PASSWORD).status == 201
    monkeypatch.undo()
    assert enter(site, "newer").status == 201
    assert enter(site, PASSWORD).status == 401


# -- strength, history, age --------------------------------------------------------------------------------


def test_new_passwords_must_be_as_strong_as_the_site_asks_whoever_sets_them(site_with):
    site = site_with(password_regex=r"^(?=.*\d).{7,}$", password_regex_description="seven signs and a digit")
    admin = site.as_user()
    refused = admin.post(USERS, json={"user": {"name": "ada", "password": "short"}})
    assert refused.status == 400
    assert "seven signs and a digit" in refused.json["error"]["message"]
    assert "short" not in refused.json["error"]["message"]

    user_id = site.make("user", name="ada", password="7 tall trees")
    assert admin.patch(f"{USERS}/{user_id}", json={"user": {"password": "short"}}).status == 400
    assert change(site, user_id, "7 tall trees", "short").status == 400

    assert enter(site, "7 tall trees").status == 201
    assert change(site, user_id, "7 tall trees", "8 tall trees").status == 204


def test_users_cannot_go_back_to_their_last_passwords_and_administrators_can(site_with):
    site = site_with(unique_last_password_count=3)
    user_id = site.make("user", name="ada", password="one")
    assert change(site, user_id, "one", "one").status == 400
    assert change(site, user_id, "one", "two").status == 204
    assert change(site, user_id, "two", "three").status == 204

    for used in ("one", "two", "three"):
        assert change(site, user_id, "three", used).status == 400, used
    assert change(site, user_id, "three", "four").status == 204
    assert change(site, user_id, "four", "one").status == 204

    assert site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": "four"}}).status == 200
    assert change(site, user_id, "four", "one").status == 400, (
        "what gave way to the administrator's counts too"
    )


def test_a_password_that_its_user_chose_must_be_kept_for_a_while(site_with):
    site = site_with(minimum_password_age=2)
    user_id = site.make("user", name="ada", password="one")
    assert change(site, user_id, "one", "two").status == 204, "the first one was the administrator's"

    refused = change(site, user_id, "two", "three")
    assert refused.status == 400
    assert "2 day" in refused.json["error"]["message"]
    assert enter(site, "two").status == 201

    assert site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": "four"}}).status == 200
    assert change(site, user_id, "four", "five").status == 204
    site.clock.advance(2 * DAY_S)
    assert change(site, user_id, "five", "six").status == 204


def test_a_locked_password_is_changed_by_administrators_alone(site: Site):
    user_id = site.make("user", name="ada", password="one", options={"lock_password": True})

    assert change(site, user_id, "one", "two").status == 400
    assert change(site, user_id, "wrong", "two").status == 401, "only who knows the password is told"
    assert site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": "two"}}).status == 200

    assert site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"options": {"lock_password": None}}})
    assert shown(site, user_id)["options"] == {}
    assert change(site, user_id, "two", "three").status == 204


# -- expiry ------------------------------------------------------------------------------------------------


def test_an_expired_password_is_good_only_to_be_changed(site_with):
    site = site_with(password_expires_days=30)
    user_id = site.make("user", name="ada", password="one")
    ends_at = shown(site, user_id)["password_expires_at"]
    assert ends_at == "2027-02-14T08:00:00.000000"
    assert enter(site, "one").json["token"]["user"]["password_expires_at"] == ends_at

    site.clock.advance(30 * DAY_S)
    refused = enter(site, "one")
    assert refused.status == 401
    told = f"The password is expired and needs to be changed for user: {user_id}."
    assert refused.json["error"]["message"] == told
    assert enter(site, "wrong").json["error"]["message"] != told, "only who knows the password is told"

    assert change(site, user_id, "one", "two").status == 204
    assert enter(site, "two").status == 201


def test_users_who_are_exempt_keep_their_password_for_ever(site_with):
    site = site_with(password_expires_days=1)
    user_id = site.make("user", name="ada", password="one", options={"ignore_password_expiry": True})
    assert shown(site, user_id)["password_expires_at"] is None

    late = site.make("user", name="eve", password="one")
    site.clock.advance(2 * DAY_S)
    assert enter(site, "one").status == 201
    assert enter(site, "one", user="eve").status == 401

    site.restart()
    site.as_user().patch(f"{USERS}/{late}", json={"user": {"options": {"ignore_password_expiry": True}}})
    assert enter(site, "one", user="eve").status == 201


def test_what_an_administrator_sets_must_be_changed_before_anything_else(site_with):
    site = site_with(change_password_upon_first_use=True)
    user_id = site.make("user", name="ada", password="one")
    robot = {"ignore_change_password_upon_first_use": True}
    site.make("user", name="robot", password="one", options=robot)
    assert enter(site, "one").status == 401
    assert enter(site, "one", user="robot").status == 201
    assert change(site, user_id, "one", "two").status == 204
    assert enter(site, "two").status == 201

    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": "three"}})

    assert enter(site, "three").status == 401


def test_users_are_listed_by_when_their_passwords_expire(site_with):
    site = site_with(password_expires_days=30)
    for name in ("ada", "eve"):
        site.make("user", name=name, password="x")
        site.clock.advance(DAY_S)
    site.make("user", name="without")
    admin = site.as_user()

    def listed(text: str) -> list[str]:
        reply = admin.get(f"{USERS}?password_expires_at={text}")
        assert reply.status == 200, reply
        return [user["name"] for user in reply.json["users"] if user["name"] not in ("admin", "demo")]

    assert listed("lt:2027-02-15T08:00:00Z") == ["ada"]
    assert listed("lte:2027-02-15T08:00:00Z") == ["ada", "eve"]
    assert listed("gt:2027-02-14T08:00:00Z") == ["eve"]
    assert listed("gte:2027-02-14T08:00:00Z") == ["ada", "eve"]
    assert listed("eq:2027-02-14T08:00:00Z") == ["ada"]
    assert listed("neq:2027-02-14T08:00:00Z") == ["eve"]
    for bad in ("2027-02-14T08:00:00Z", "lt:", "lt:soon", "near:2027-02-14T08:00:00Z", ""):
        assert admin.get(f"{USERS}?password_expires_at={bad}").status == 400, bad


# -- lockout -----------------------------------------------------------------------------------------------


def test_wrong_passwords_lock_an_account_for_a_while_and_right_ones_begin_anew(site_with):
    site = site_with(lockout_failure_attempts=3, lockout_duration=300)
    user_id = site.make("user", name="ada", password="right")
    for _ in range(2):
        assert enter(site, "wrong").status == 401
    assert enter(site, "right").status == 201
    for _ in range(3):
        assert enter(site, "wrong").status == 401

    locked = enter(site, "right")

    assert locked.status == 401
    assert locked.body == enter(site, "wrong").body == enter(site, "wrong", user="nobody").body
    assert change(site, user_id, "right", "other").status == 401
    site.clock.advance(299)
    assert enter(site, "right").status == 401
    site.clock.advance(1)
    assert enter(site, "right").status == 201, "what is tried meanwhile does not lengthen it"


def test_without_a_duration_only_an_administrator_unlocks(site_with):
    site = site_with(lockout_failure_attempts=1, lockout_duration=0)
    user_id = site.make("user", name="ada", password="right")
    robot = site.make("user", name="robot", password="x", options={"ignore_lockout_failure_attempts": True})
    assert enter(site, "wrong").status == 401
    assert enter(site, "wrong", user="robot").status == 401
    site.clock.advance(100 * DAY_S)
    assert enter(site, "right").status == 401
    assert enter(site, "x", user="robot").status == 201

    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"name": "ada"}})
    assert enter(site, "right").status == 401
    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"enabled": True}})
    assert enter(site, "right").status == 201

    assert enter(site, "wrong").status == 401
    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"password": "new"}})
    assert enter(site, "new").status == 201
    assert robot


def test_of_many_attempts_at_once_on_two_nodes_no_more_are_counted_than_one_by_one(site_with):
    nodes = [site_with(lockout_failure_attempts=5, lockout_duration=0) for _ in range(2)]
    user_id = nodes[0].make("user", name="ada", password="right")
    threads = [threading.Thread(target=enter, args=(nodes[at % 2], "wrong")) for at in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with nodes[0].kernel.database.read() as db:
        counted = db.scalar(sa.select(LOGIN_FAILURE.c.failures).where(LOGIN_FAILURE.c.subject == user_id))

    assert counted == 5
    assert [enter(node, "right").status for node in nodes] == [401, 401]


def test_the_event_log_says_who_was_locked_out_and_when(site_with):
    site = site_with(lockout_failure_attempts=2)
    user_id = site.make("user", name="ada", password="right")
    for _ in range(4):
        enter(site, "wrong")

    with site.kernel.database.read() as db:
        locks = db.rows(sa.text("SELECT subject FROM event WHERE action = 'lock'"))

    assert [row[0] for row in locks] == [user_id]


def test_every_refused_password_costs_the_same_work_and_reads_the_same(site_with, monkeypatch):
    site = site_with(lockout_failure_attempts=2, lockout_duration=0)
    site.make("user", name="known", password="right")
    site.make("user", name="disabled", password="right", enabled=False)
    site.make("user", name="passwordless")
    site.make("user", name="robot", password="right", options={"ignore_lockout_failure_attempts": True})
    site.make("user", name="locked", password="right")
    for _ in range(2):
        enter(site, "wrong", user="locked")
    enter(site, "wrong", user="nobody")  # The first time, there is one hash more to be made.
    sent: list[str] = []
    run = Reader._run

    def noted(reader: Reader, statement: Any, parameters: Any) -> Any:
        sent.append(str(statement).split()[0])
        return run(reader, statement, parameters)

    monkeypatch.setattr(Reader, "_run", noted)

    def cost(user: str, password: str) -> tuple[int, bytes, list[str]]:
        sent.clear()
        before = CountingHasher.worked
        reply = enter(site, password, user=user)
        assert reply.status == 401
        return CountingHasher.worked - before, reply.body, list(sent)

    costs = {
        (user, password): cost(user, password)
        for user, password in (
            ("unknown", "wrong"),
            ("known", "wrong"),
            ("disabled", "wrong"),
            ("disabled", "right"),
            ("passwordless", "wrong"),
            ("robot", "wrong"),
            ("locked", "wrong"),
            ("locked", "right"),
        )
    }

    assert {work for work, _, _ in costs.values()} == {1}
    assert len({body for _, body, _ in costs.values()}) == 1
    assert all("INSERT" in statements for _, _, statements in costs.values()), "each is counted somewhere"


def test_a_login_that_began_with_a_password_given_up_meanwhile_is_refused(site: Site, monkeypatch):
    user_id = site.make("user", name="ada", password="old")
    passwords = type(site.assembled.services[0].parts.passwords)
    matches = passwords.matches

    async def meanwhile(self: Any, password: str, known: str | None) -> bool:
        right = await matches(self, password, known)
        with site.kernel.database.engine.connect() as connection:
            raised = sa.update(USER).where(USER.c.user_id == user_id).values(epoch=USER.c.epoch + 1)
            connection.execute(raised)
        return right

    monkeypatch.setattr(passwords, "matches", meanwhile)

    assert enter(site, "old").status == 401
    assert change(site, user_id, "old", "new").status == 401


# -- accounts that lie idle --------------------------------------------------------------------------------


def idle_loop(site: Site) -> IdleUserLoop:
    (loop,) = (loop for loop in site.assembled.loops if loop.name == "idle-users")
    assert isinstance(loop, IdleUserLoop)
    return loop


def test_users_whom_nobody_logs_in_as_are_disabled_until_they_are_enabled_again(site_with):
    site = site_with(disable_user_account_days_inactive=10)
    user_id = site.make("user", name="ada", password="x")
    spared = site.make("user", name="robot", password="x", options={"ignore_user_inactivity": True})
    active = site.make("user", name="eve", password="x")
    loop = idle_loop(site)
    assert list(loop.all_keys()) == ["all"]
    site.clock.advance(9 * DAY_S)
    assert loop.reconcile("all") is SETTLED
    token = site.token("eve", password="x", scope=None)
    site.token("admin")

    site.clock.advance(1 * DAY_S)
    assert loop.reconcile("all") is SETTLED

    assert [shown(site, each)["enabled"] for each in (user_id, spared, active)] == [False, True, True]
    assert enter(site, "x").status == 401
    assert "ada" in [user["name"] for user in site.as_user().get(f"{USERS}?enabled=false").json["users"]]
    assert site.client(token).get(f"{USERS}/{active}").status == 401, "it has lasted for its hour"
    site.as_user().patch(f"{USERS}/{user_id}", json={"user": {"enabled": True}})
    assert loop.reconcile("all") is SETTLED
    assert enter(site, "x").status == 201


def test_many_idle_users_are_disabled_in_bounded_steps(site_with):
    site = site_with(disable_user_account_days_inactive=1)
    with site.kernel.database.engine.connect() as connection:
        connection.execute(
            sa.insert(USER),
            [
                {
                    "user_id": f"u{at}",
                    "domain_id": "default",
                    "name": f"u{at}",
                    "enabled": True,
                    "options": {},
                    "extra": {},
                    "created_at": 0.0,
                }
                for at in range(150)
            ],
        )

    assert idle_loop(site).reconcile("all") is AGAIN
    assert idle_loop(site).reconcile("all") is SETTLED

    assert len(site.as_user().get(f"{USERS}?enabled=false").json["users"]) == 150


def test_without_the_option_nobody_is_looked_at(site: Site):
    loop = idle_loop(site)
    site.clock.advance(10_000 * DAY_S)

    assert list(loop.all_keys()) == []
    assert loop.reconcile("all") is SETTLED
    assert site.log_in("demo").status == 201


# -- what it costs -----------------------------------------------------------------------------------------


def test_with_every_rule_in_force_no_route_of_users_spends_more_than_it_may(site_with, monkeypatch):
    site = site_with(
        lockout_failure_attempts=9, password_expires_days=9, unique_last_password_count=3, password_regex="."
    )
    user_id = site.make("user", name="ada", password="one")
    admin = site.as_user()
    enter(site, "one")
    counted = [0]
    run = Reader._run

    def count(reader: Reader, statement: Any, parameters: Any) -> Any:
        counted[0] += 1
        return run(reader, statement, parameters)

    monkeypatch.setattr(Reader, "_run", count)

    def cost(work: Callable[[], Reply]) -> int:
        admin.get(f"{USERS}/{user_id}")  # So that nothing is read again for the token.
        counted[0] = 0
        assert work().status < 500
        return counted[0]

    path, body = f"{USERS}/{user_id}", {"user": {"password": "two"}}
    costs = {
        "login": cost(lambda: enter(site, "one")),
        "wrong login": cost(lambda: enter(site, "wrong")),
        "login after a wrong one": cost(lambda: enter(site, "one")),
        "reset": cost(lambda: admin.patch(path, json=body)),
        "own change": cost(lambda: change(site, user_id, "two", "three")),
        "create": cost(lambda: admin.post(USERS, json={"user": {"name": "eve", "password": "x"}})),
    }

    # More for a reset: who may not do it is told before time is spent on a hash, and the answer says all of the user.
    assert {what: spent for what, spent in costs.items() if spent > (8 if what == "reset" else 6)} == {}
