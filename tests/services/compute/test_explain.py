from __future__ import annotations

from nacre.kernel.ids import new_hex_id
from tests.support.cloud import FakeCloud

EXPLAIN = "/admin/v1/explain"


def make_server(cloud: FakeCloud, name: str) -> str:
    flavor = {"name": new_hex_id(), "ram": 64, "vcpus": 1, "disk": 0}
    flavor_id = (
        cloud.client("admin").post("/compute/v2.1/flavors", json={"flavor": flavor}).json["flavor"]["id"]
    )
    user = cloud.client("demo")
    image = user.post(
        "/image/v2/images", json={"name": "i", "disk_format": "raw", "container_format": "bare"}
    ).json
    octets = {"Content-Type": "application/octet-stream"}
    user.put(f"/image/v2/images/{image['id']}/file", body=b"\0" * 512, headers=octets)
    server = {"name": name, "flavorRef": flavor_id, "imageRef": image["id"], "networks": "none"}
    reply = user.post(
        "/compute/v2.1/servers", json={"server": server}, headers={"OpenStack-API-Version": "compute 2.79"}
    )
    assert reply.status == 202, reply
    return reply.json["server"]["id"]


def test_a_server_is_explained_by_its_id_and_by_its_name(cloud):
    server_id = make_server(cloud, "mine")
    cloud.settle()
    operator = cloud.stranger(local=True)

    by_id, by_name = operator.get(f"{EXPLAIN}/{server_id}"), operator.get(f"{EXPLAIN}/mine")

    assert by_id.status == 200
    assert by_name.json == by_id.json
    assert by_id.json["server_id"] == server_id


def test_a_name_that_several_servers_bear_is_answered_with_their_ids(cloud):
    both = [make_server(cloud, "twin"), make_server(cloud, "twin")]

    reply = cloud.stranger(local=True).get(f"{EXPLAIN}/twin")

    assert reply.status == 400
    assert all(server_id in reply.json["error"]["message"] for server_id in both)


def test_a_server_nobody_knows_is_not_found(cloud):
    assert cloud.stranger(local=True).get(f"{EXPLAIN}/nobody").status == 404
