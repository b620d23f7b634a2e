"""A look at a directory that is killed anywhere: the next one ends where an undisturbed one would have."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nacre.identity.drivers.fake_directory import FakePeople
from nacre.identity.store.tables import GROUP, MEMBERSHIP, MIRRORED, USER
from nacre.kernel.clock import VirtualClock
from tests.services.identity.campus import Campus, opener, with_directory
from tests.services.identity.conftest import assembled_site
from tests.support.crash import Killed, Reaper, kill_around_commits
from tests.support.stores import lay_sqlite

COLUMNS = (
    (USER, ("user_id", "name", "enabled", "epoch", "extra")),
    (GROUP, ("group_id", "name")),
    (MEMBERSHIP, ("user_id", "group_id")),
    (MIRRORED, ("subject_id", "print")),
)


def crowd() -> FakePeople:
    people = FakePeople(page_size=4)
    for number in range(14):
        people.add_user(f"u{number}")
    people.set_group("staff", ["user/u1", "user/u2"])
    people.set_group("left", ["user/u3"])
    return people


def upset(people: FakePeople) -> None:
    """Some of everything: somebody new, changed, disabled, gone, two who swap names, a name given on, groups too."""
    people.add_user("new")
    people.add_user("u4", mail="u4@site.example")
    people.add_user("u5", enabled=False)
    people.remove_user("u6")
    people.add_user("heir", name="u6")
    people.add_user("u7", name="u8")
    people.add_user("u8", name="u7")
    people.set_group("staff", ["user/u2", "user/new", "user/u8"], name="personnel")
    people.remove_group("left")


def outcome(state: Path, patch: pytest.MonkeyPatch, reaper: Reaper) -> list[Any]:
    """What is in the store after one look that may be killed, and another one that is not."""
    people, clock = crowd(), VirtualClock()
    url = lay_sqlite(state / "store.db")
    drivers = opener(people)
    site = assembled_site(url, state=state, clock=clock, directories=drivers)
    campus = with_directory(site, "campus", {"url": "ldap://0"}, explicit_domain_id="c" * 32)
    campus.look()
    upset(people)
    with patch.context() as patched, contextlib.suppress(Killed):
        kill_around_commits(patched, reaper)
        with reaper.watching():
            campus.look()
    site.close()

    # The process that begins anew has nothing in memory.
    site = assembled_site(url, state=state, clock=clock, directories=drivers)
    Campus(site, campus.domain_id).look()
    Campus(site, campus.domain_id).look()
    ids = {campus.user_id(key) for key in (*people.users, "u6")}
    ids |= {campus.group_id(key) for key in (*people.groups, "left")}
    with site.kernel.database.read() as db:
        found = [db.rows(sa.select(*(table.c[name] for name in columns))) for table, columns in COLUMNS]
    site.close()
    return [sorted((tuple(row) for row in rows if row[0] in ids), key=str) for rows in found]


def test_a_look_may_be_killed_around_every_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reaper = Reaper()
    undisturbed = outcome(tmp_path / "undisturbed", monkeypatch, reaper)
    assert len(reaper.passed) >= 10, "there are places to die"
    assert [len(rows) for rows in undisturbed] == [16, 2, 3, 18]

    for place in range(len(reaper.passed)):
        killed = Reaper(at=place)
        assert outcome(tmp_path / str(place), monkeypatch, killed) == undisturbed, killed.passed[-1]
