"""What cannot be meant, or may not be, is refused in the service's own shape and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from nacre.kernel.ids import new_id
from tests.support.asgi import AsgiClient, Reply
from tests.support.cloud import FakeCloud

# The log of tokens that were made for the tests themselves, and nothing of a cloud.
NOT_OF_OBJECTS = {"alembic_version"}
OCTETS = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}

SHAPES: dict[str, Callable[[Any], Any]] = {
    "identity": lambda body: body["error"]["message"],
    "image": lambda body: body["message"],
    "networking": lambda body: body["NeutronError"]["message"],
    "compute": lambda body: next(iter(body.values()))["message"],
    "placement": lambda body: body["errors"][0]["detail"],
}

NOBODY = new_id()
SERVER = {"name": "s", "flavorRef": "1", "imageRef": NOBODY}
REFUSED: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/compute/v2.1/servers", {"server": {**SERVER, "name": 5}}),
    ("POST", "/compute/v2.1/servers", {"server": {**SERVER, "name": ""}}),
    ("POST", "/compute/v2.1/servers", {"server": {**SERVER, "colour": "red"}}),
    ("POST", "/compute/v2.1/servers", {"server": {**SERVER, "min_count": -1}}),
    ("POST", "/compute/v2.1/servers", {"server": SERVER}),
    ("POST", "/compute/v2.1/servers", {"server": {**SERVER, "user_data": "not base64!"}}),
    ("POST", "/compute/v2.1/os-keypairs", {"keypair": {"name": "k", "public_key": "not a key"}}),
    ("DELETE", f"/compute/v2.1/servers/{NOBODY}", None),
    ("POST", f"/compute/v2.1/servers/{NOBODY}/action", {"os-stop": None}),
    ("POST", "/networking/v2.0/networks", {"network": {"name": 5}}),
    ("POST", "/networking/v2.0/networks", {"network": {"name": "n", "colour": "red"}}),
    ("POST", "/networking/v2.0/networks", {"network": {"name": "n", "router:external": True}}),
    ("POST", "/networking/v2.0/subnets", {"subnet": {"network_id": NOBODY, "ip_version": 4, "cidr": "10.0.0.0/24"}}),
    ("POST", "/networking/v2.0/subnets", {"subnet": {"network_id": NOBODY, "ip_version": 5, "cidr": "10.0.0.0/99"}}),
    ("POST", "/networking/v2.0/ports", {"port": {"network_id": NOBODY}}),
    ("POST", "/networking/v2.0/ports", {"ports": []}),
    ("POST", "/networking/v2.0/floatingips", {"floatingip": {"floating_network_id": NOBODY}}),
    ("DELETE", f"/networking/v2.0/networks/{NOBODY}", None),
    ("POST", "/image/v2/images", {"name": 5}),
    ("POST", "/image/v2/images", {"name": "i", "visibility": "public"}),
    ("POST", "/image/v2/images", {"name": "i", "disk_format": "floppy", "container_format": "bare"}),
    ("DELETE", f"/image/v2/images/{NOBODY}", None),
    ("POST", "/identity/v3/projects", {"project": {"name": "mine"}}),
    ("POST", "/identity/v3/users", {"user": {"name": 5}}),
    ("POST", "/placement/resource_providers", {"name": "p"}),
)  # fmt: skip


def rows(cloud: FakeCloud) -> dict[str, int]:
    """How many rows each table has."""
    engine = cloud.cloud.kernel.database.engine
    with engine.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - NOT_OF_OBJECTS
        return {name: connection.scalar(sa.text(f'SELECT COUNT(*) FROM "{name}"')) for name in sorted(tables)}


@pytest.fixture
def demo(cloud: FakeCloud) -> AsgiClient:
    client = cloud.client("demo")
    client.get("/networking/v2.0/security-groups")  # Makes the project's default group.
    cloud.settle()
    return client


def assert_refused(reply: Reply, service: str) -> None:
    assert 400 <= reply.status < 500, reply
    assert SHAPES[service](reply.json), "it says why"


def test_bad_requests_are_refused_in_each_services_shape_and_change_nothing(cloud, demo):
    before = rows(cloud)

    for method, path, body in REFUSED:
        assert_refused(demo.request(method, path, json=body), path.split("/")[1])

    assert rows(cloud) == before


@pytest.mark.parametrize("service", ["compute/v2.1/servers", "networking/v2.0/networks", "image/v2/images"])
def test_a_huge_body_is_refused_and_changes_nothing(cloud, demo, service):
    before = rows(cloud)

    reply = demo.post(f"/{service}", body=b'{"server": "' + b"x" * (2 << 20) + b'"}', headers=JSON)

    assert reply.status == 413
    assert rows(cloud) == before


def test_an_expired_token_and_a_forged_one_open_nothing(cloud, demo):
    forged = AsgiClient(cloud.cloud.http, token=demo.token[:-4] + "AAAA")
    assert forged.get("/compute/v2.1/servers").status == 401
    assert demo.get("/compute/v2.1/servers").status == 200

    cloud.clock.advance(cloud.settings.token.lifetime_s + 1)

    for path in (
        "/compute/v2.1/servers",
        "/networking/v2.0/networks",
        "/image/v2/images",
        "/identity/v3/auth/projects",
    ):
        assert demo.get(path).status == 401, path


def test_what_another_project_owns_does_not_exist(cloud, demo):
    network = cloud.client("admin").post("/networking/v2.0/networks", json={"network": {"name": "theirs"}})
    theirs = f"/networking/v2.0/networks/{network.json['network']['id']}"
    cloud.settle()
    before = rows(cloud)

    for method, body in (("GET", None), ("PUT", {"network": {"name": "mine"}}), ("DELETE", None)):
        reply = demo.request(method, theirs, json=body)
        assert reply.status == 404, (method, reply)

    assert rows(cloud) == before


def test_an_image_cut_off_half_way_is_not_kept(cloud, demo):
    ask = {"name": "half", "disk_format": "raw", "container_format": "bare"}
    image = demo.post("/image/v2/images", json=ask).json["id"]
    cloud.settle()
    before = rows(cloud)

    demo.put(f"/image/v2/images/{image}/file", body=[b"x" * 4096], headers=OCTETS, hang_up=True)
    cloud.settle()

    assert demo.get(f"/image/v2/images/{image}").json["status"] == "queued"
    moving = {"event", "due"}  # That it was tried is written down, and a look is still owed to it.
    changed = {name for name, count in rows(cloud).items() if count != before[name]}
    assert changed <= moving
    kept = [path for path in (cloud.state / "images").rglob("*") if path.is_file()]
    assert kept == []
