"""Registered limits and limits, as identity's own API keeps them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.services.identity.conftest import Site
from tests.support.asgi import AsgiClient, Reply

V3 = "/identity/v3"
KINDS, LIMITS = f"{V3}/registered_limits", f"{V3}/limits"
EVENTS = sa.text("SELECT action, kind FROM event WHERE kind IN ('limit', 'registered_limit') ORDER BY seq")


class Book:
    """A service with things to limit, and a project to limit them for."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.admin = site.as_user()
        self.service_id = site.make("service", type="gold-mine", name="mine")
        self.project_id = site.make("project", name="lab")

    def register(self, resource: str = "gold", default: int = 10, **more: Any) -> Reply:
        kind = {"service_id": self.service_id, "resource_name": resource, "default_limit": default, **more}
        return self.admin.post(KINDS, json={"registered_limits": [kind]})

    def registered(self, resource: str = "gold", **more: Any) -> dict[str, Any]:
        reply = self.register(resource, **more)
        assert reply.status == 201, reply
        (kind,) = reply.json["registered_limits"]
        return dict(kind)

    def ask(self, resource: str = "gold", limit: int = 5, **more: Any) -> dict[str, Any]:
        place = {} if "domain_id" in more else {"project_id": self.project_id}
        ask = {"service_id": self.service_id, "resource_name": resource, "resource_limit": limit}
        return ask | place | more

    def limit(self, *asks: dict[str, Any]) -> Reply:
        return self.admin.post(LIMITS, json={"limits": list(asks)})

    def limited(self, *asks: dict[str, Any]) -> list[dict[str, Any]]:
        reply = self.limit(*asks)
        assert reply.status == 201, reply
        return list(reply.json["limits"])


@pytest.fixture
def book(site: Site) -> Book:
    return Book(site)


def ids(reply: Reply) -> set[str]:
    assert reply.status == 200, reply
    return {each["id"] for each in reply.json.get("limits", reply.json.get("registered_limits"))}


def test_several_kinds_are_registered_at_once_or_none(book: Book):
    kinds = [
        {"service_id": book.service_id, "resource_name": name, "default_limit": 3} for name in ("gold", "tin")
    ]

    reply = book.admin.post(KINDS, json={"registered_limits": kinds})

    assert reply.status == 201
    assert [kind["resource_name"] for kind in reply.json["registered_limits"]] == ["gold", "tin"]
    fresh = [{**kinds[0], "resource_name": "lead"}, kinds[1]]
    assert book.admin.post(KINDS, json={"registered_limits": fresh}).status == 409
    assert len(ids(book.admin.get(f"{KINDS}?service_id={book.service_id}"))) == 2


def test_a_registered_limit_is_shown_filtered_changed_and_deleted(book: Book):
    gold = book.registered(description="heavy")
    tin = book.registered("tin", region_id="RegionOne")

    shown = book.admin.get(f"{KINDS}/{gold['id']}").json["registered_limit"]
    assert shown == gold
    assert (shown["region_id"], shown["default_limit"], shown["description"]) == (None, 10, "heavy")
    assert shown["links"]["self"].endswith(f"/v3/registered_limits/{gold['id']}")
    assert ids(book.admin.get(f"{KINDS}?region_id=RegionOne")) == {tin["id"]}
    assert ids(book.admin.get(f"{KINDS}?resource_name=gold&service_id={book.service_id}")) == {gold["id"]}

    ask = {"registered_limit": {"default_limit": 7, "resource_name": "silver", "region_id": "RegionOne"}}
    changed = book.admin.patch(f"{KINDS}/{gold['id']}", json=ask)
    assert changed.status == 200
    assert (
        changed.json["registered_limit"] | {"default_limit": 7, "resource_name": "silver"}
        == (changed.json["registered_limit"])
    )
    clash = book.admin.patch(f"{KINDS}/{gold['id']}", json={"registered_limit": {"resource_name": "tin"}})
    assert clash.status == 409
    assert book.admin.delete(f"{KINDS}/{gold['id']}").status == 204
    assert book.admin.get(f"{KINDS}/{gold['id']}").status == 404
    assert book.admin.delete(f"{KINDS}/{gold['id']}").status == 404


def test_one_resource_is_registered_once_for_each_region(book: Book):
    book.registered()
    book.registered(region_id="RegionOne")

    assert book.register().status == 409
    assert book.register(region_id="RegionOne").status == 409


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_limit": -2},
        {"default_limit": 1 << 31},
        {"default_limit": "many"},
        {"resource_name": ""},
        {"service_id": "nothing"},
        {"region_id": "nowhere"},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_registered_is_refused_and_changes_nothing(book: Book, wrong: dict[str, Any]):
    kind = {"service_id": book.service_id, "resource_name": "gold", "default_limit": 1, **wrong}

    assert book.admin.post(KINDS, json={"registered_limits": [kind]}).status == 400
    assert ids(book.admin.get(f"{KINDS}?service_id={book.service_id}")) == set()
    assert book.admin.post(KINDS, json={"registered_limits": []}).status == 400


def test_limits_are_set_for_projects_and_domains(book: Book):
    book.registered()
    book.registered("tin")

    first, second = book.limited(book.ask(description="for ada"), book.ask("tin", -1, domain_id="default"))

    assert (first["project_id"], first["domain_id"]) == (book.project_id, None)
    assert (first["resource_limit"], first["region_id"], first["description"]) == (5, None, "for ada")
    assert (second["project_id"], second["domain_id"], second["resource_limit"]) == (None, "default", -1)
    assert book.admin.get(f"{LIMITS}/{first['id']}").json["limit"] == first
    assert ids(book.admin.get(f"{LIMITS}?project_id={book.project_id}")) == {first["id"]}
    assert ids(book.admin.get(f"{LIMITS}?domain_id=default")) == {second["id"]}
    assert ids(book.admin.get(f"{LIMITS}?resource_name=tin")) == {second["id"]}
    assert ids(book.admin.get(f"{LIMITS}?service_id={book.service_id}")) == {first["id"], second["id"]}
    assert ids(book.admin.get(f"{LIMITS}?region_id=RegionOne")) == set()


def test_a_domain_given_as_a_project_is_a_domain(book: Book):
    book.registered()

    (limit,) = book.limited(book.ask(project_id="default"))

    assert (limit["project_id"], limit["domain_id"]) == (None, "default")


def test_limits_are_refused_alike_as_elsewhere(book: Book):
    book.registered()
    book.limited(book.ask())

    assert book.limit(book.ask()).status == 409
    assert book.limit(book.ask("silver")).status == 403
    assert book.limit(book.ask(region_id="RegionOne")).status == 403
    assert book.limit(book.ask(project_id="nobody")).status == 400
    assert book.limit(book.ask(domain_id="nobody")).status == 400
    assert book.limit(book.ask(domain_id="default", project_id=book.project_id)).status == 400
    assert book.limit({**book.ask(), "project_id": None}).status == 400
    assert book.limit(book.ask(limit=-2)).status == 400
    assert book.limit().status == 400
    assert book.limit(book.ask(domain_id="default"), book.ask()).status == 409
    assert len(ids(book.admin.get(LIMITS))) == 1


def test_a_limit_is_changed_in_its_amount_and_nothing_else(book: Book):
    book.registered()
    (limit,) = book.limited(book.ask())
    path = f"{LIMITS}/{limit['id']}"

    changed = book.admin.patch(path, json={"limit": {"resource_limit": 1, "description": None}})

    assert changed.json["limit"] == limit | {"resource_limit": 1}
    for wrong in ({"resource_name": "tin"}, {"project_id": "x"}, {"resource_limit": None}):
        assert book.admin.patch(path, json={"limit": wrong}).status == 400
    assert book.admin.delete(path).status == 204
    for reply in (book.admin.get(path), book.admin.delete(path), book.admin.patch(path, json={"limit": {}})):
        assert reply.status == 404


def test_what_limits_refer_to_stays_but_its_default_may_change(book: Book):
    kind = book.registered()
    (limit,) = book.limited(book.ask())
    path = f"{KINDS}/{kind['id']}"

    assert book.admin.delete(path).status == 403
    assert book.admin.patch(path, json={"registered_limit": {"resource_name": "tin"}}).status == 403
    assert book.admin.patch(path, json={"registered_limit": {"default_limit": 1}}).status == 200

    book.admin.delete(f"{LIMITS}/{limit['id']}")
    assert book.admin.delete(path).status == 204


def test_limits_go_with_their_project_domain_or_service(book: Book):
    domain_id = book.site.make("domain", name="other", enabled=False)
    kind = book.registered()
    book.limited(book.ask(), book.ask(domain_id=domain_id), book.ask(domain_id="default"))

    assert book.admin.delete(f"{V3}/projects/{book.project_id}").status == 204
    assert book.admin.delete(f"{V3}/domains/{domain_id}").status == 204
    assert [each["domain_id"] for each in book.admin.get(LIMITS).json["limits"]] == ["default"]
    assert book.admin.delete(f"{V3}/services/{book.service_id}").status == 204
    assert ids(book.admin.get(LIMITS)) == set()
    assert book.admin.get(f"{KINDS}/{kind['id']}").status == 404


def test_a_region_that_limits_are_registered_for_stays(book: Book):
    book.admin.put(f"{V3}/regions/far", json={"region": {}})
    book.registered(region_id="far")

    assert book.admin.delete(f"{V3}/regions/far").status == 409


def test_everybody_sees_what_is_registered_and_each_their_own_limits(book: Book):
    site = book.site
    kind = book.registered()
    own_domain = site.make("domain", name="other")
    inside = site.make("project", name="inside", domain_id=own_domain)
    reader = site.make("user", name="ines", password="ines", domain_id=own_domain)
    site.give("reader", f"domains/{own_domain}/users/{reader}")
    site.give("member", f"projects/{inside}/users/{reader}")
    theirs, own, domains = book.limited(
        book.ask(), book.ask(project_id=inside), book.ask(domain_id=own_domain)
    )
    who = {"user": "ines", "domain": own_domain}

    def check(client: AsgiClient, *seen: dict[str, Any]) -> None:
        assert ids(client.get(LIMITS)) == {each["id"] for each in seen}
        for each in (theirs, own, domains):
            expected = 200 if each in seen else 403
            assert client.get(f"{LIMITS}/{each['id']}").status == expected
        assert client.get(f"{LIMITS}/none").status == 403
        assert kind["id"] in ids(client.get(KINDS))
        assert client.get(f"{KINDS}/{kind['id']}").status == 200
        assert client.get(f"{LIMITS}/model").json["model"]["name"] == "strict_hierarchy"
        for path in (f"{LIMITS}/{own['id']}", f"{KINDS}/{kind['id']}", f"{LIMITS}/none"):
            assert client.delete(path).status == 403
        assert client.post(LIMITS, json={"limits": [book.ask()]}).status == 403

    check(site.as_user(**who, scope={"domain": {"id": own_domain}}), own, domains)
    check(site.as_user(**who, scope={"project": {"id": inside}}), own)
    check(site.as_user("demo"))
    assert ids(book.admin.get(LIMITS)) == {theirs["id"], own["id"], domains["id"]}


def test_an_admin_of_a_domain_sees_its_limits_and_sets_none(book: Book):
    book.registered()
    site = book.site
    admin_id = site.as_user().get(f"{V3}/users?name=admin").json["users"][0]["id"]
    site.give("admin", f"domains/default/users/{admin_id}")
    (limit,) = book.limited(book.ask())

    of_domain = site.as_user(scope={"domain": {"id": "default"}})

    assert ids(of_domain.get(LIMITS)) == {limit["id"]}
    assert of_domain.post(LIMITS, json={"limits": [book.ask(domain_id="default")]}).status == 403
    assert of_domain.patch(f"{LIMITS}/{limit['id']}", json={"limit": {"resource_limit": 9}}).status == 403
    assert of_domain.delete(f"{LIMITS}/{limit['id']}").status == 403


def test_every_change_of_limits_is_an_event(book: Book):
    kind = book.registered()
    (limit,) = book.limited(book.ask())
    book.admin.patch(f"{LIMITS}/{limit['id']}", json={"limit": {"resource_limit": 9}})
    book.admin.delete(f"{LIMITS}/{limit['id']}")
    book.admin.delete(f"{KINDS}/{kind['id']}")

    with book.site.kernel.database.read() as db:
        rows = db.rows(EVENTS)

    assert [tuple(row) for row in rows] == [
        ("create", "registered_limit"),
        ("create", "limit"),
        ("update", "limit"),
        ("delete", "limit"),
        ("delete", "registered_limit"),
    ]
