"""Which policy an endpoint follows: its own, its service's in a region around it, or its service's."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.services.identity.conftest import Site
from tests.support.asgi import AsgiClient

V3 = "/identity/v3"


@dataclass
class Place:
    """A service with an endpoint in a town, which lies in a country."""

    site: Site
    admin: AsgiClient
    service: str
    endpoint: str

    def policy(self, blob: str) -> str:
        ask = {"policy": {"type": "text/plain", "blob": blob}}
        return str(self.admin.post(f"{V3}/policies", json=ask).json["policy"]["id"])

    def path(self, policy: str, below: str) -> str:
        return f"{V3}/policies/{policy}/OS-ENDPOINT-POLICY/{below}"

    def effective(self) -> str | None:
        reply = self.admin.get(f"{V3}/endpoints/{self.endpoint}/OS-ENDPOINT-POLICY/policy")
        return reply.json["policy"]["blob"] if reply.status == 200 else None

    def covered(self, policy: str) -> list[str]:
        return [each["id"] for each in self.admin.get(self.path(policy, "endpoints")).json["endpoints"]]


@pytest.fixture
def place(site: Site) -> Place:
    admin = site.as_user()
    for region, parent in (("country", None), ("town", "country")):
        assert (
            admin.post(f"{V3}/regions", json={"region": {"id": region, "parent_region_id": parent}}).status
            == 201
        )
    service = site.make("service", type="sounds")
    endpoint = site.make(
        "endpoint", service_id=service, interface="public", url="http://sounds", region_id="town"
    )
    return Place(site, admin, service, endpoint)


def test_the_nearest_association_counts(place: Place):
    assert place.effective() is None
    for blob, below in (
        ("of the service", f"services/{place.service}"),
        ("of the country", f"services/{place.service}/regions/country"),
        ("of the town", f"services/{place.service}/regions/town"),
        ("its own", f"endpoints/{place.endpoint}"),
    ):
        policy = place.policy(blob)
        path = place.path(policy, below)
        assert place.admin.get(path).status == 404

        assert place.admin.put(path).status == 204

        assert place.admin.get(path).status == place.admin.head(path).status == 204
        assert place.effective() == blob
        assert place.covered(policy) == [place.endpoint]
        assert place.admin.put(path).status == 204

    assert place.admin.delete(path).status == 204
    assert place.admin.get(path).status == 404
    assert place.admin.delete(path).status == 204
    assert place.effective() == "of the town"


def test_a_target_follows_the_policy_it_was_given_last(place: Place):
    first, second = place.policy("first"), place.policy("second")
    below = f"endpoints/{place.endpoint}"
    place.admin.put(place.path(first, below))

    place.admin.put(place.path(second, below))

    assert place.effective() == "second"
    assert place.admin.get(place.path(first, below)).status == 404
    assert place.admin.delete(place.path(first, below)).status == 204
    assert place.effective() == "second"


def test_an_association_goes_with_either_of_its_ends(place: Place):
    for below in (f"services/{place.service}", f"endpoints/{place.endpoint}"):
        policy = place.policy(below)
        place.admin.put(place.path(policy, below))
        assert place.effective() == below
        assert place.admin.delete(f"{V3}/policies/{policy}").status == 204
        assert place.effective() is None
    policy = place.policy("of the service")
    place.admin.put(place.path(policy, f"services/{place.service}"))
    assert place.admin.delete(f"{V3}/services/{place.service}").status == 204
    assert place.covered(policy) == []


def test_what_is_not_there_follows_nothing(place: Place):
    policy = place.policy("x")
    for path in (
        place.path("none", f"endpoints/{place.endpoint}"),
        place.path(policy, "endpoints/none"),
        place.path(policy, "services/none"),
        place.path(policy, f"services/{place.service}/regions/none"),
    ):
        replies = [place.admin.put(path), place.admin.get(path), place.admin.delete(path)]
        assert [reply.status for reply in replies] == [404, 404, 404]
    assert place.admin.get(f"{V3}/endpoints/none/OS-ENDPOINT-POLICY/policy").status == 404
    assert place.admin.get(place.path("none", "endpoints")).status == 404


def test_members_neither_see_nor_change_what_is_followed(place: Place):
    policy, member = place.policy("x"), place.site.as_user("demo")
    path = place.path(policy, f"endpoints/{place.endpoint}")
    replies = [
        member.put(path),
        member.get(path),
        member.delete(path),
        member.get(place.path(policy, "endpoints")),
    ]
    assert {reply.status for reply in replies} == {403}
    assert member.get(f"{V3}/endpoints/{place.endpoint}/OS-ENDPOINT-POLICY/policy").status == 403
