"""A domain over a real LDAP server, from its configuration to tokens."""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nacre.identity.drivers.base import Directory
from nacre.identity.drivers.ldap import LdapDirectory
from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database, statements_so_far
from tests.services.identity.campus import Campus, with_directory
from tests.services.identity.conftest import Site, assembled_site
from tests.support.asgi import AsgiClient
from tests.support.slapd import SUFFIX, USERS, Slapd, slapd_server, user_dn
from tests.support.stores import lay_sqlite


@pytest.fixture
def server() -> Iterator[Slapd]:
    with slapd_server() as running:
        yield running


@pytest.fixture
def site(database_url: str, tmp_path: Path, clock: VirtualClock) -> Iterator[Site]:
    with running_site(database_url, tmp_path, clock) as made:
        yield made


@pytest.fixture
def lone_site(tmp_path: Path, clock: VirtualClock) -> Iterator[Site]:
    """Over SQLite alone, for what does not depend on the store."""
    with running_site(lay_sqlite(tmp_path / "store.db"), tmp_path, clock) as made:
        yield made


@contextlib.contextmanager
def running_site(url: str, state: Path, clock: VirtualClock) -> Iterator[Site]:
    opened: list[LdapDirectory] = []

    def open_ldap(options: Mapping[str, Any]) -> Directory:
        opened.append(LdapDirectory(options))
        return opened[-1]

    made = assembled_site(url, state=state, clock=clock, directories={"ldap": open_ldap})
    yield made
    for directory in opened:
        directory.close()
    made.close()


def campus_of(site: Site, server: Slapd, name: str = "campus", **options: object) -> Campus:
    """A domain with this directory, looked at once."""
    made = with_directory(site, name, server.options(connection_timeout=1, **options))
    made.look()
    return made


def findings(campus: Campus) -> list[dict[str, Any]]:
    door = AsgiClient(campus.site.http, local=True)
    reply = door.get(f"/directories/v1/domains/{campus.domain_id}")
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = reply.json["findings"]
    return found


def test_a_group_of_the_directory_gives_a_role_until_the_user_leaves_it(site, server):
    server.add_user("ann", password="right", mail="ann@site.example")
    server.add_user("bob")
    server.set_group("staff", [user_dn("ann"), user_dn("bob")], name="Staff")
    campus = campus_of(site, server)
    project_id = site.make("project", name="lab", domain_id="default")
    site.give("member", f"projects/{project_id}/groups/{campus.group_id('staff')}")
    assert campus.names("group") == {"Staff"}

    token = campus.token("ann", "right", scope={"project": {"id": project_id}})
    assert campus.counts(token)
    server.set_group("staff", [user_dn("bob")], name="Staff")
    campus.look()

    assert not campus.counts(token)
    assert campus.log_in("ann", "right").status == 201
    assert campus.log_in("ann", "right", scope={"project": {"id": project_id}}).status == 401


def test_logins_are_the_directorys_to_prove(site, server):
    server.add_user("ann", password="right")
    server.add_user("off", employeeType="FALSE")
    campus = campus_of(site, server)

    assert campus.log_in("ann", "right").status == 201
    assert campus.log_in("off").status == 401
    for wrong in ("wrong", "\u00ad", " right", "right "):
        assert campus.log_in("ann", wrong).status == 401
    who = {"name": "ann", "domain": {"id": campus.domain_id}, "password": ""}
    auth = {"identity": {"methods": ["password"], "password": {"user": who}}}
    assert site.client().post("/identity/v3/auth/tokens", json={"auth": auth}).status == 401


@pytest.mark.parametrize("name", ["*", "*)(uid=*", "ann)(|(cn=*", f"ann,{USERS}", "\\61nn"])
def test_a_name_cannot_break_out_of_its_question(lone_site, server, name):
    server.add_user("ann", password="right")
    campus = campus_of(lone_site, server)

    assert campus.log_in(name, "right").status == 401
    assert campus.names() == {"ann"}


def test_who_is_removed_or_renamed_there_is_so_here(lone_site, server):
    for number in range(4):
        server.add_user(f"u{number}")
    campus = campus_of(lone_site, server)
    tokens = [campus.token("u1"), campus.token("u2")]

    server.remove_user("u1")
    server.set_user("u2", cn="renamed")
    campus.look()

    assert [campus.counts(token) for token in tokens] == [False, True]
    assert campus.user("u1")["enabled"] is False
    assert campus.user("u2")["name"] == "renamed"
    assert campus.log_in("renamed", "u2").json["token"]["user"]["id"] == campus.user_id("u2")


def test_a_server_that_is_killed_in_the_middle_of_a_look_takes_nobodys_access(lone_site, server, monkeypatch):
    for number in range(6):
        server.add_user(f"u{number}")
    campus = campus_of(lone_site, server, page_size=2)
    token = campus.token("u1")
    server.remove_user("u1")
    directory = campus.loop.directories.find(campus.domain_id)
    assert isinstance(directory, LdapDirectory)
    whole = directory.observe_users

    def killed() -> Iterator[Any]:
        for page in whole():
            yield page
            server.kill()

    monkeypatch.setattr(directory, "observe_users", killed)
    outcome = campus.look()

    assert "does not answer" in outcome.because
    assert campus.counts(token)
    assert campus.names() == {f"u{number}" for number in range(6)}

    monkeypatch.undo()
    server.start()
    assert campus.look().because == ""
    assert not campus.counts(token)


def test_a_server_that_is_killed_or_hangs_in_the_middle_of_a_login_is_a_503(lone_site, server):
    server.add_user("ann")
    campus = campus_of(lone_site, server)
    assert campus.log_in("ann").status == 201

    with server.frozen():
        assert campus.log_in("ann").status == 503
    lone_site.clock.advance(3)
    assert campus.log_in("ann").status == 201
    server.kill()
    assert campus.log_in("ann").status == 503

    server.start()
    lone_site.clock.advance(3)
    assert campus.log_in("ann").status == 201


@pytest.mark.slow
def test_thousands_are_mirrored_with_few_statements_and_little_memory(lone_site, server):
    count, at_once = 5_000, 500
    server.load(
        "".join(
            f"dn: {user_dn(f'u{number}')}\nobjectClass: inetOrgPerson\nuid: u{number}\ncn: User {number}\n"
            f"sn: {number}\nmail: u{number}@site.example\n\n"
            for number in range(count)
        )
    )
    server.set_group("everybody", [user_dn(f"u{number}") for number in range(count)])
    campus = with_directory(lone_site, "campus", server.options(page_size=at_once))

    before, _ = statements_so_far(), tracemalloc.start()
    assert campus.look().because == ""
    spent, (_, peak) = statements_so_far() - before, tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert campus.state()["users"] == count
    assert len(campus.members("everybody")) == count
    assert spent <= 12 * (count / at_once) + 60
    assert peak < 40 << 20

    before = statements_so_far()
    assert campus.look().because == ""
    assert statements_so_far() - before <= 4 * (count / at_once) + 30, "nothing has changed"


def test_two_domains_with_a_directory_each_and_the_same_names_in_both(lone_site, server):
    with slapd_server() as another:
        server.add_user("ann", password="here")
        another.add_user("ann", password="there")
        here, there = campus_of(lone_site, server), campus_of(lone_site, another, "faculty")
        lone_site.make("user", name="ann", password="ours")

        assert [here.log_in("ann", word).status for word in ("here", "there", "ours")] == [201, 401, 401]
        assert [there.log_in("ann", word).status for word in ("here", "there", "ours")] == [401, 201, 401]
        own = [
            lone_site.log_in("ann", password=word, scope=None).status for word in ("here", "there", "ours")
        ]
        assert own == [401, 401, 201]
        assert here.user_id("ann") != there.user_id("ann")


# -- encryption --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secret_server() -> Iterator[Slapd]:
    with slapd_server(tls=True) as running:
        running.add_user("ann", password="right")
        yield running


@pytest.mark.parametrize("way", ["ldaps", "starttls"])
@pytest.mark.parametrize("authority", ["ca", "other-ca"])
def test_an_encrypted_directory_must_be_the_one_that_is_meant(lone_site, secret_server, way, authority):
    ways: dict[str, dict[str, object]] = {
        "ldaps": {"url": f"ldaps://127.0.0.1:{secret_server.port + 1}"},
        "starttls": {"use_tls": True},
    }
    cacert = str(secret_server.root / f"{authority}.pem")
    campus = campus_of(lone_site, secret_server, tls_cacertfile=cacert, **ways[way])

    reply = campus.log_in("ann", "right")

    assert reply.status == (201 if authority == "ca" else 503)
    assert campus.names() == ({"ann"} if authority == "ca" else set())
    told = findings(campus)
    assert all(finding["good"] for finding in told) is (authority == "ca")
    if authority != "ca":
        assert "TLS: certificate verify failed" in told[-1]["what"]


def test_a_certificate_for_another_name_is_not_accepted(lone_site, secret_server):
    url = f"ldaps://localhost:{secret_server.port + 1}"
    cacert = str(secret_server.root / "ca.pem")

    campus = campus_of(lone_site, secret_server, tls_cacertfile=cacert, url=url)

    assert campus.log_in("ann", "right").status == 503
    assert "is not valid for 'localhost'" in findings(campus)[-1]["what"]


def test_an_authority_is_demanded_unless_the_site_says_otherwise(lone_site, secret_server):
    url = f"ldaps://127.0.0.1:{secret_server.port + 1}"
    strict = campus_of(lone_site, secret_server, url=url)
    assert strict.log_in("ann", "right").status == 503

    lenient = campus_of(lone_site, secret_server, "lenient", url=url, tls_req_cert="never")
    assert lenient.log_in("ann", "right").status == 201


# -- what is wrong, in words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told", "cure"),
    [
        ({}, "with 1 memberships", ""),
        ({"url": "ldap://127.0.0.1:1"}, "Connection refused", "url"),
        ({"url": "http://127.0.0.1"}, "begins with none of", "configuration"),
        ({"password": "wrong"}, "is refused", "password"),
        ({"user_tree_dn": f"ou=nowhere,{SUFFIX}"}, "there is no such tree", "user_tree_dn"),
        ({"user_objectclass": "posixAccount"}, "There are no users below", "user_objectclass"),
        ({"user_filter": "(title="}, "filter", "user_filter"),
        ({"group_members_are_ids": True}, "is one of the users", "group_members_are_ids"),
        ({"group_tree_dn": f"ou=nowhere,{SUFFIX}"}, "there is no such tree", "group_tree_dn"),
        ({"user": "", "password": ""}, "with 1 memberships", ""),
    ],
)
def test_what_is_wrong_with_a_directory_is_told_in_words(lone_site, server, options, told, cure):
    server.add_user("ann")
    server.set_group("staff", [user_dn("ann")])
    campus = with_directory(lone_site, "campus", server.options(connection_timeout=1, **options))

    last = findings(campus)[-1]

    assert told in last["what"]
    assert cure in last["cure"]
    assert last["good"] is (not cure)


def test_a_missing_name_attribute_is_told_with_an_example(lone_site, server):
    server.add_user("ann")
    campus = with_directory(lone_site, "campus", server.options(user_name_attribute="title"))

    (wrong,) = (finding for finding in findings(campus) if "no name" in finding["what"])

    assert user_dn("ann") in wrong["what"]
    assert "user_name_attribute (title)" in wrong["cure"]


def test_the_password_of_the_service_is_told_to_nobody(lone_site, server, caplog):
    campus = campus_of(lone_site, server, password="a very secret word")

    shown = campus.admin.get(f"/identity/v3/domains/{campus.domain_id}/config")
    campus.log_in("ann", "another secret word")

    assert "very secret" not in shown.body.decode()
    assert "secret word" not in caplog.text
    assert "secret word" not in str(findings(campus))
    assert "secret word" not in str(campus.state())
    assert "secret word" not in _everything_in(lone_site.kernel.database)


def _everything_in(database: Database) -> str:
    from sqlalchemy import select

    from nacre.kernel.schema import METADATA

    tables = [
        table for table in METADATA.sorted_tables if table.name.startswith(("identity", "event", "due"))
    ]
    with database.read() as db:
        return str([db.rows(select(table)) for table in tables])
