"""Lists, filters and sums: what the database does for us, on both of them."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def lab_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def test_servers_are_listed_by_project_and_filtered(lab, mine, admin):
    web = lab.settled_server(mine, name="web-1", tags=["a", "b"])
    lab.clock.advance(1)
    data = lab.settled_server(mine, name="data.1", tags=["b"])
    lab.clock.advance(1)
    other = lab.settled_server(lab.client("yours"), name="theirs")
    mine.act(data, "os-stop")
    lab.settle()

    def found(query: str, client=mine) -> list[str]:
        reply = client.get(f"/servers?{query}")
        assert reply.status == 200, reply
        return [server["id"] for server in reply.json["servers"]]

    assert found("") == [data, web]
    assert found("sort_key=display_name&sort_dir=desc") == [web, data]
    assert found("name=web") == [web]
    assert found("name=WEB") == [web]
    assert found("name=^web-[0-9]%2B$") == [web]
    assert found("name=a.1") == [data]
    assert found("name=^1") == []
    assert found("status=active") == [web]
    assert sorted(found("status=ACTIVE&status=SHUTOFF")) == sorted([web, data])
    assert found("status=nonsense") == []
    assert found("flavor=tiny") == [data, web]
    assert found("flavor=none") == []
    assert found(f"image={lab.images.small.image_id}&limit=1") == [data]
    assert found(f"limit=1&marker={data}") == [web]
    assert found("tags=a,b") == [web]
    assert sorted(found("tags-any=a,b")) == sorted([web, data])
    assert found("not-tags=a") == [data]
    ip = mine.server(web)["addresses"]["net"][0]["addr"]
    assert found(f"ip={re.escape(ip)}$") == [web]
    assert found("changes-since=2100-01-01T00:00:00Z") == []
    assert found("deleted=True", admin) == []
    assert other in found("all_tenants=1", admin)
    assert found("all_tenants=1&project_id=yours", admin) == [other]
    assert other not in found("project_id=yours", admin)
    assert found("host=fake-0009", admin) == []
    for wrong in ("limit=-1", "limit=x", "marker=x", "sort_key=secret", "changes-since=2011/01/01", "name=(a%2B)%2B$",
                  "power_state=x%00"):  # fmt: skip
        assert mine.get(f"/servers?{wrong}").status in (200, 400), wrong
    assert mine.get("/servers?name=(a%2B)%2B$").status == 400
    assert mine.get("/servers?all_tenants=1").status == 403


def test_quotas_of_a_project_that_is_not_there_are_not_set(lab, admin):
    reply = admin.put("/os-quota-sets/nobodys", json={"quota_set": {"cores": 1}})

    assert reply.status == 400
    assert "nobodys is not a valid project" in reply.json["badRequest"]["message"]


def test_quotas_are_set_enforced_and_shown(lab, mine, admin):
    assert admin.put("/os-quota-sets/mine", json={"quota_set": {"cores": 1}}).json["quota_set"]["cores"] == 1
    assert mine.ask_server().status == 202
    refused = mine.ask_server()
    assert refused.status == 403
    assert "cores" in refused.json["forbidden"]["message"]

    detail = mine.get("/os-quota-sets/mine/detail").json["quota_set"]
    assert detail["cores"] == {"limit": 1, "in_use": 1, "reserved": 0}
    assert mine.get("/limits").json["limits"]["absolute"]["totalCoresUsed"] == 1
    assert mine.get("/os-quota-sets/mine/defaults").json["quota_set"]["cores"] == 20
    assert mine.get("/os-quota-sets/yours").status == 403
    assert admin.put("/os-quota-sets/mine", json={"quota_set": {"cores": 0}}).status == 400
    assert admin.put("/os-quota-sets/mine", json={"quota_set": {"cores": 0, "force": True}}).status == 200
    assert admin.put("/os-quota-sets/nowhere", json={"quota_set": {"cores": 1}}).status == 400
    assert admin.put("/os-quota-sets/mine", json={"quota_set": {"gold": 1}}).status == 400
    assert admin.delete("/os-quota-sets/mine").status == 202
    assert mine.get("/os-quota-sets/mine").json["quota_set"]["cores"] == 20
    assert "fixed_ips" in mine.at("2.35").get("/os-quota-sets/mine").json["quota_set"]
    assert "fixed_ips" not in mine.at("2.36").get("/os-quota-sets/mine").json["quota_set"]
    admin.put("/os-quota-class-sets/default", json={"quota_class_set": {"cores": 7}})
    assert mine.get("/os-quota-sets/mine").json["quota_set"]["cores"] == 7
