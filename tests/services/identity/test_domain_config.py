"""What is configured for one domain: kept by option, its secret sealed and never shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nacre.identity.domain.domain_config import with_defaults
from nacre.identity.sealing import Seal
from nacre.identity.store.domain_config import CONFIG_CHANGED, load_config, load_drivers
from tests.services.identity.conftest import Site

DOMAINS = "/identity/v3/domains"
GIVEN = {
    "identity": {"driver": "ldap"},
    "ldap": {"url": "ldaps://directory.test", "password": "a bind secret", "page_size": "50"},
}
SHOWN = {"identity": {"driver": "ldap"}, "ldap": {"url": "ldaps://directory.test", "page_size": "50"}}


@pytest.fixture
def path(site: Site) -> str:
    """The configuration of a fresh domain."""
    return f"{DOMAINS}/{site.make('domain', name='lab')}/config"


def domain_id(path: str) -> str:
    return path.split("/")[-2]


def configured(site: Site, path: str):
    with site.kernel.database.read() as db:
        return load_config(
            db, domain_id(path), seal=Seal(site.kernel.settings.state_dir / "identity-seal.keys")
        )


def test_a_configuration_is_kept_whole_and_replaced_whole(site: Site, path: str):
    admin = site.as_user()
    assert admin.get(path).status == 404

    made = admin.put(path, json={"config": GIVEN})

    assert (made.status, made.json) == (201, {"config": SHOWN})
    assert admin.get(path).json == {"config": SHOWN}
    assert admin.get(f"{path}/ldap").json == {"config": {"ldap": SHOWN["ldap"]}}
    assert admin.get(f"{path}/ldap/url").json == {"config": {"url": "ldaps://directory.test"}}
    assert admin.head(f"{path}/ldap/url").status == 200
    again = admin.put(path, json={"config": {"identity": {"list_limit": 5}}})
    assert (again.status, again.json) == (200, {"config": {"identity": {"list_limit": 5}}})
    assert admin.get(f"{path}/ldap").status == 404


def test_parts_of_it_are_changed_and_taken_away(site: Site, path: str):
    admin = site.as_user()
    admin.put(path, json={"config": GIVEN})

    whole = admin.patch(path, json={"config": {"ldap": {"user_tree_dn": "ou=people"}}})
    group = admin.patch(f"{path}/identity", json={"config": {"identity": {"driver": "sql", "list_limit": 9}}})
    option = admin.patch(f"{path}/ldap/page_size", json={"config": {"page_size": 10}})

    assert whole.json["config"] == SHOWN | {"ldap": SHOWN["ldap"] | {"user_tree_dn": "ou=people"}}
    assert group.json == {"config": {"identity": {"driver": "sql", "list_limit": 9}}}
    assert option.json["config"]["ldap"]["page_size"] == 10
    assert admin.delete(f"{path}/identity/driver").status == 204
    assert admin.get(f"{path}/identity").json == {"config": {"identity": {"list_limit": 9}}}
    assert admin.delete(f"{path}/identity").status == 204
    assert admin.delete(f"{path}/identity").status == 404
    assert admin.delete(path).status == 204
    assert admin.get(path).status == 404
    assert admin.delete(path).status == 204


def test_the_secret_is_sealed_and_shown_nowhere(site: Site, path: str):
    admin = site.as_user()
    replies = [
        admin.put(path, json={"config": GIVEN}),
        admin.patch(f"{path}/ldap/password", json={"config": {"password": "another bind secret"}}),
        admin.get(path),
        admin.get(f"{path}/ldap"),
        admin.get(f"{path}/ldap/password"),
    ]

    assert [reply.status for reply in replies] == [201, 200, 200, 200, 404]
    assert "bind secret" not in str([reply.body for reply in replies])
    with site.kernel.database.read() as db:
        rows = [db.rows(sa.text(f"SELECT * FROM {table}")) for table in ("identity_domain_config", "event")]
    assert "bind secret" not in str(rows)
    assert configured(site, path)["ldap"]["password"] == "another bind secret"


def test_what_a_directory_is_reached_by_is_read_in_its_own_types(site: Site, path: str):
    given = {"url": "ldap://u:%(password)s@directory", "password": "p", "use_tls": "True", "page_size": "50"}
    lists = {"user_attribute_ignore": "a, b", "group_attribute_ignore": ["c"], "pool_retry_delay": 1}
    ask = {"identity": {"driver": "ldap"}, "ldap": given | lists}
    assert site.as_user().put(path, json={"config": ask}).status == 201

    config = configured(site, path)

    assert config["ldap"] == {
        "url": "ldap://u:p@directory",
        "password": "p",
        "use_tls": True,
        "page_size": 50,
        "user_attribute_ignore": ["a", "b"],
        "group_attribute_ignore": ["c"],
        "pool_retry_delay": 1.0,
    }
    assert with_defaults(config)["ldap"]["user_objectclass"] == "inetOrgPerson"
    assert with_defaults(config)["ldap"]["use_tls"] is True
    with site.kernel.database.read() as db:
        assert load_drivers(db) == {domain_id(path): "ldap"}


def test_whoever_remembers_a_configuration_hears_of_every_change(site: Site, path: str):
    heard: list[str] = []
    site.kernel.wakes.listen_to_all(heard.append)
    admin = site.as_user()

    for change in (
        lambda: admin.put(path, json={"config": GIVEN}),
        lambda: admin.patch(path, json={"config": {"identity": {"list_limit": 1}}}),
        lambda: admin.delete(f"{path}/ldap"),
    ):
        heard.clear()
        assert change().status < 300
        assert CONFIG_CHANGED in heard


REFUSED = [
    ("", {"": {"a": "b"}}, 403),
    ("", {"ldap": {"": "b"}}, 403),
    ("", {}, 403),
    ("", {"ldap": {}}, 403),
    ("", {"ldap": "all"}, 403),
    ("", {"paste": {"x": 1}}, 403),
    ("", {"ldap": {"colour": "red"}}, 403),
    ("", {"ldap": {"page_size": -1}}, 400),
    ("", {"ldap": {"page_size": "many"}}, 400),
    ("", {"ldap": {"page_size": 1e300}}, 400),
    ("", {"ldap": {"pool_retry_delay": "nan"}}, 400),
    ("", {"ldap": {"use_tls": 7}}, 400),
    ("", {"ldap": {"query_scope": "tree"}}, 400),
    ("", {"ldap": {"url": ["a"]}}, 400),
    ("", {"ldap": {"password": {"a": 1}}}, 400),
    ("", {"ldap": {"user_attribute_ignore": [1]}}, 400),
    ("/ldap", {"identity": {"driver": "sql"}}, 403),
    ("/ldap", {"ldap": {"url": "x"}, "identity": {"driver": "sql"}}, 403),
    ("/ldap/url", {"user": "x"}, 403),
    ("/ldap/user", {"user": "x"}, 404),
    ("/ldap/colour", {"colour": "red"}, 403),
    ("/paste", {"paste": {"x": 1}}, 403),
]


@pytest.mark.parametrize(("below", "config", "status"), REFUSED)
def test_what_cannot_be_configured_is_refused_and_changes_nothing(
    site: Site, path: str, below, config, status
):
    admin = site.as_user()
    admin.put(path, json={"config": GIVEN})
    before = configured(site, path)

    assert admin.patch(path + below, json={"config": config}).status == status
    if not below:
        assert admin.put(path, json={"config": config}).status == status

    assert configured(site, path) == before


def test_a_configuration_goes_with_its_domain(site: Site, path: str):
    admin = site.as_user()
    admin.put(path, json={"config": GIVEN})
    domain = path.removesuffix("/config")
    admin.patch(domain, json={"domain": {"enabled": False}})

    assert admin.delete(domain).status == 204

    assert admin.get(path).status == 404
    assert configured(site, path) == {}


def test_only_the_admin_configures_and_members_do_not_see(site: Site, path: str):
    member = site.as_user("demo")
    everywhere = (path, f"{path}/ldap", f"{path}/ldap/url", f"{DOMAINS}/none/config")
    assert {member.get(each).status for each in everywhere} == {403}
    assert member.put(path, json={"config": GIVEN}).status == 403
    assert member.delete(path).status == 403
    assert member.get(f"{DOMAINS}/config/default").status == 403
    assert site.as_user().get(f"{DOMAINS}/none/config").status == 404


def test_defaults_are_shown_apart_from_secrets(site: Site):
    admin = site.as_user()

    defaults = admin.get(f"{DOMAINS}/config/default").json["config"]

    assert defaults["identity"] == {"driver": "sql", "list_limit": None}
    assert "password" not in defaults["ldap"]
    assert admin.get(f"{DOMAINS}/config/ldap/default").json == {"config": {"ldap": defaults["ldap"]}}
    for option, value in defaults["ldap"].items():
        assert admin.get(f"{DOMAINS}/config/ldap/{option}/default").json == {"config": {option: value}}
    assert admin.get(f"{DOMAINS}/config/ldap/password/default").status == 403
    assert admin.get(f"{DOMAINS}/config/paste/default").status == 403


def test_everybody_may_read_what_the_site_asks_of_passwords(site: Site):
    path = "/identity/v3/domains/default/config/security_compliance"
    demo = site.as_user("demo")

    assert demo.get(path).json["config"]["security_compliance"]["password_regex"] is None
    assert demo.get(f"{path}/password_regex_description").json["config"] == {
        "password_regex_description": None
    }
    assert demo.get(f"{path}/lockout_duration").status == 403
    assert demo.get(path.replace("default", "elsewhere")).status == 403
