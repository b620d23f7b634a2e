"""Regions, services, endpoints, version documents; and what the first start makes of them."""

from __future__ import annotations

import json
from pathlib import Path

from nacre.identity.bootstrap import ensure_bootstrap_passwords
from tests.services.identity.conftest import Site

V3 = "/identity/v3"


def urls(site: Site, service_type: str = "compute"):
    catalog = site.as_user().get(f"{V3}/auth/catalog").json["catalog"]
    return {
        endpoint["interface"]: endpoint["url"]
        for service in catalog
        if service["type"] == service_type
        for endpoint in service["endpoints"]
    }


def test_the_versions_are_told_to_everybody(site: Site):
    everything = site.client().get("/identity/")
    assert everything.status == 300
    (version,) = everything.json["versions"]["values"]
    assert version["id"] == "v3.14"
    assert version["links"] == [{"rel": "self", "href": "http://cloud.test/identity/v3/"}]
    assert site.client().get("/identity/v3").json["version"] == version
    assert site.client().get("/identity/v3/").json["version"] == version
    assert site.client().get("/identity/v2.0").status == 404


def test_a_service_with_endpoints_appears_in_the_catalogue_at_once(site: Site):
    admin = site.as_user()
    service = admin.post(f"{V3}/services", json={"service": {"type": "sounds", "name": "x"}}).json["service"]
    assert urls(site, "sounds") == {}
    ask = {
        "service_id": service["id"],
        "interface": "public",
        "url": "http://sounds/%(tenant_id)s",
        "region": "North",
    }

    made = admin.post(f"{V3}/endpoints", json={"endpoint": ask})

    endpoint = made.json["endpoint"]
    project_id = site.log_in().json["token"]["project"]["id"]
    assert made.status == 201
    assert endpoint["region_id"] == endpoint["region"] == "North"
    assert urls(site, "sounds") == {"public": f"http://sounds/{project_id}"}
    assert admin.get(f"{V3}/regions/North").status == 200
    assert admin.get(f"{V3}/endpoints?service_id={service['id']}").json["endpoints"] == [endpoint]
    path = f"{V3}/endpoints/{endpoint['id']}"
    assert admin.patch(path, json={"endpoint": {"url": "http://moved"}}).status == 200
    assert urls(site, "sounds") == {"public": "http://moved"}
    assert admin.patch(path, json={"endpoint": {"enabled": False}}).status == 200
    assert urls(site, "sounds") == {}
    assert admin.delete(f"{V3}/services/{service['id']}").status == 204
    assert admin.get(path).status == 404


REFUSED_CHANGES = [
    {"service_id": "0" * 32},
    {"region_id": "Nowhere"},
    {"interface": "private"},
    {"url": "not a url"},
    {"enabled": "False"},
]


def test_an_endpoint_that_cannot_be_is_refused(site: Site):
    admin = site.as_user()
    (service,) = admin.get(f"{V3}/services?type=compute").json["services"]
    good = {"service_id": service["id"], "interface": "public", "url": "http://x"}
    before = len(admin.get(f"{V3}/endpoints").json["endpoints"])

    for change in REFUSED_CHANGES:
        reply = admin.post(f"{V3}/endpoints", json={"endpoint": good | change})
        assert (change, reply.status) == (change, 400)

    assert len(admin.get(f"{V3}/endpoints").json["endpoints"]) == before


def test_regions_lie_within_each_other_and_not_in_circles(site: Site):
    admin = site.as_user()
    assert admin.put(f"{V3}/regions/North", json={"region": {"description": "Up"}}).status == 201
    child = admin.post(f"{V3}/regions", json={"region": {"parent_region_id": "North"}}).json["region"]

    assert admin.post(f"{V3}/regions", json={"region": {"id": "North"}}).status == 409
    assert admin.post(f"{V3}/regions", json={"region": {"parent_region_id": "South"}}).status == 404
    assert (
        admin.patch(f"{V3}/regions/North", json={"region": {"parent_region_id": child["id"]}}).status == 403
    )
    assert admin.delete(f"{V3}/regions/North").status == 409
    assert [r["id"] for r in admin.get(f"{V3}/regions?parent_region_id=North").json["regions"]] == [
        child["id"]
    ]
    assert admin.delete(f"{V3}/regions/{child['id']}").status == 204
    assert admin.delete(f"{V3}/regions/North").status == 204
    assert admin.delete(f"{V3}/regions/RegionOne").status == 409, "endpoints are in it"


def test_only_the_admin_changes_the_catalogue(site: Site):
    demo = site.as_user("demo")
    assert demo.get(f"{V3}/regions").status == 200
    assert demo.get(f"{V3}/services").status == 403
    assert demo.post(f"{V3}/services", json={"service": {"type": "x"}}).status == 403
    assert demo.put(f"{V3}/regions/x", json={"region": {}}).status == 403


# -- starting ----------------------------------------------------------------------------------------------


def everything(site: Site):
    admin = site.as_user()
    paths = ("users", "projects", "domains", "roles", "regions", "services", "endpoints", "role_assignments")
    return [admin.get(f"{V3}/{path}").json for path in paths]


def test_starting_again_changes_nothing_and_tokens_live_on(site: Site):
    token, before = site.token("demo"), everything(site)

    site.restart()

    assert everything(site) == before
    assert site.client(token).get(f"{V3}/auth/projects").status == 200


def test_the_first_endpoints_follow_the_address_and_an_operators_stay(site: Site):
    admin = site.as_user()
    (service,) = admin.get(f"{V3}/services?type=compute").json["services"]
    listed = admin.get(f"{V3}/endpoints?service_id={service['id']}").json["endpoints"]
    by_interface = {endpoint["interface"]: endpoint["id"] for endpoint in listed}
    admin.patch(
        f"{V3}/endpoints/{by_interface['public']}", json={"endpoint": {"url": "https://cloud.example"}}
    )
    admin.delete(f"{V3}/endpoints/{by_interface['admin']}")

    site.restart(listen="192.0.2.7:5000")

    assert urls(site) == {
        "public": "https://cloud.example",
        "internal": "http://192.0.2.7:5000/compute/v2.1",
    }


def test_what_an_operator_took_away_does_not_come_back(site: Site):
    demo = site.log_in("demo").json["token"]
    admin = site.as_user()
    admin.delete(f"{V3}/users/{demo['user']['id']}")
    admin.delete(f"{V3}/projects/{demo['project']['id']}")

    site.restart()

    assert site.log_in("demo").status == 401
    assert [each["name"] for each in site.as_user().get(f"{V3}/users").json["users"]] == ["admin"]


def test_the_first_passwords_are_random_kept_and_for_their_owner_alone(tmp_path: Path):
    state = tmp_path / "state"

    first = ensure_bootstrap_passwords(state)

    assert ensure_bootstrap_passwords(state) == first
    assert set(first) == {"admin_password", "demo_password"}
    assert len(set(first.values())) == 2
    assert all(len(password) >= 20 for password in first.values())
    assert json.loads((state / "bootstrap.json").read_text()) == first
    assert (state / "bootstrap.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in state.iterdir()] == ["bootstrap.json"]
    assert ensure_bootstrap_passwords(tmp_path / "other") != first
