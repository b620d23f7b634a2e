"""Bad input to a whole cloud: a clear 4xx in each service's own shape, and nothing changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nacre.image.due import LOOK_AGAIN_S
from nacre.kernel.schema import METADATA
from tests.simulation.test_crashes import prepare
from tests.support.asgi import AsgiClient, Reply
from tests.support.cloud import FakeCloud

# They say that somebody tried, and what tokens are signed with; nothing that anybody asked for.
NOT_OF_OBJECTS = {"event", "token_key", "token_revocation"}

# Each service by one kind of thing: where it is made, and a body that would make it.
SERVERS, FLAVORS = "/compute/v2.1/servers", "/compute/v2.1/flavors"
NETWORKS, PORTS, SUBNETS = (f"/networking/v2.0/{kind}" for kind in ("networks", "ports", "subnets"))
IMAGES = "/image/v2/images"
PROJECTS = "/identity/v3/projects"
PROVIDERS = "/placement/resource_providers"
COLLECTIONS = (SERVERS, NETWORKS, IMAGES, PROJECTS, PROVIDERS)


class BadWorld:
    """A cloud at rest with one server, and the count of all that it keeps."""

    def __init__(self, state: Path) -> None:
        self.ids = prepare(state)
        self.cloud = FakeCloud(state)
        self.admin, self.demo = self.cloud.client("admin"), self.cloud.client("demo")
        self.good = {
            SERVERS: {"server": self.server_body()},
            NETWORKS: {"network": {"name": "n"}},
            IMAGES: {"name": "i", "disk_format": "raw", "container_format": "bare"},
            PROJECTS: {"project": {"name": "p"}},
            PROVIDERS: {"name": "r"},
        }
        reply = self.demo.post(SERVERS, json=self.good[SERVERS])
        self.server_id = reply.json["server"]["id"]
        self.rest()

    def server_body(self, **changes: Any) -> dict[str, Any]:
        body = {
            "name": "s",
            "flavorRef": self.ids["flavor"],
            "imageRef": self.ids["image"],
            "networks": [{"uuid": self.ids["network"]}],
        }
        return body | changes

    def rest(self) -> None:
        """Let pass what is done a moment later, such as a last look after an upload."""
        self.cloud.clock.advance_to(self.cloud.clock.now() + LOOK_AGAIN_S)
        self.cloud.settle()

    def kept(self) -> tuple[Counter[str], tuple[Any, ...], list[str]]:
        """How many rows each table has, what every guest is, and which image files there are."""
        rows: Counter[str] = Counter()
        with self.cloud.cloud.kernel.database.read() as db:
            for name, table in METADATA.tables.items():
                if name not in NOT_OF_OBJECTS:
                    rows[name] = db.scalar(sa.select(sa.func.count()).select_from(table))
        guests = tuple(repr(world.guests) for world in self.cloud.fleet.worlds.values())
        files = sorted(str(path) for path in (self.cloud.state / "images").rglob("*") if path.is_file())
        return rows, guests, files


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadWorld]:
    world = BadWorld(tmp_path_factory.mktemp("cloud"))
    yield world
    world.cloud.close()


@pytest.fixture
def world(shared_world: BadWorld) -> Iterator[BadWorld]:
    """The shared cloud; whatever the test asks of it changes nothing."""
    before = shared_world.kept()
    assert before[0]["server"] == 1
    yield shared_world
    shared_world.rest()
    assert shared_world.kept() == before


def assert_refused(reply: Reply, path: str, status: int | None = None) -> None:
    """The answer is a 4xx of this service's shape, which says something."""
    assert 400 <= reply.status < 500, reply
    assert status in (None, reply.status), reply
    message = message_of(reply, path.split("/")[1])
    assert len(message) > 10, reply
    assert "Traceback" not in message


def message_of(reply: Reply, service: str) -> str:
    """What a refusal says, read as clients of this service read it."""
    assert reply.headers["content-type"].startswith("application/json"), reply
    assert reply.headers["x-openstack-request-id"].startswith("req-")
    body = reply.json
    match service:
        case "compute":
            (inner,) = body.values()
            assert inner["code"] == reply.status
            return inner["message"]
        case "networking":
            assert set(body) == {"NeutronError"}
            assert set(body["NeutronError"]) == {"type", "message", "detail"}
            assert body["NeutronError"]["type"]
            return body["NeutronError"]["message"]
        case "image":
            assert body["code"] == reply.status
            return body["message"]
        case "identity":
            assert set(body) == {"error"}
            assert body["error"]["code"] == reply.status
            assert body["error"]["title"]
            return body["error"]["message"]
        case "placement":
            (error,) = body["errors"]
            assert error["status"] == reply.status
            assert error["code"].startswith("placement.")
            return error["detail"]
        case unknown:
            raise AssertionError(unknown)


def wrapped(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The wrapper's name, if the body has one, and the fields."""
    (key, fields), *more = body.items()
    return (key, fields) if not more and isinstance(fields, dict) else ("", body)


def rewrapped(key: str, fields: Any) -> Any:
    return {key: fields} if key else fields


NOBODY = "6f1f2d6c-6a0b-4f8e-9d0c-3b1e5a7c9f20"
"""An id that nothing has."""

WRONG_VALUES = (7, True, None, [], {}, ["x"], {"a": "b"}, "x" * 2000, "\0", "\ud800", 10**30, -1)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (path, value)
        for path in COLLECTIONS
        for value in WRONG_VALUES
        if (path, value) != (IMAGES, None)  # An image may have no name.
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_name_of_the_wrong_type_or_length_is_refused(world: BadWorld, path: str, value: Any):
    key, fields = wrapped(world.good[path])
    client = world.admin if path in (PROJECTS, PROVIDERS) else world.demo

    reply = client.post(path, json=rewrapped(key, fields | {"name": value}))

    assert_refused(reply, path, 400)


NO_SUCH_OBJECTS = (
    b"", b"null", b"[]", b"7", b"{", b'{"server": ', b"\xff\xfe", b"[" * 100_000, b'{"a": 1e999}', b"{}",
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (path, body)
        for path in COLLECTIONS
        for body in NO_SUCH_OBJECTS
        if (path, body) != (IMAGES, b"{}")  # An image needs nothing.
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_body_that_is_no_such_object_is_refused(world: BadWorld, path: str, body: bytes):
    reply = world.admin.post(path, body=body, headers={"Content-Type": "application/json"})

    assert_refused(reply, path, 400)


@pytest.mark.parametrize("path", [SERVERS, NETWORKS, PROVIDERS])
def test_an_unknown_field_is_refused_by_name(world: BadWorld, path: str):
    key, fields = wrapped(world.good[path])

    reply = world.admin.post(path, json=rewrapped(key, fields | {"colour_of_it": "red"}))

    assert_refused(reply, path, 400)
    assert "colour_of_it" in message_of(reply, path.split("/")[1])


@pytest.mark.parametrize("path", COLLECTIONS)
@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body_is_refused_whether_or_not_its_length_is_told(
    world: BadWorld, path: str, announced: bool
):
    body = [b" " * 65536] * 128
    length = {"Content-Length": str(len(body) * 65536)} if announced else {}

    reply = world.admin.post(path, body=body, headers={"Content-Type": "application/json"} | length)

    assert_refused(reply, path, 413)


@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_body_that_is_not_json_is_not_guessed_at(world: BadWorld, path: str):
    reply = world.admin.post(path, body=b"name=x", headers={"Content-Type": "text/plain"})

    assert_refused(reply, path, 415)


@pytest.mark.parametrize("path", COLLECTIONS)
@pytest.mark.parametrize("token", ["", "nonsense", "x" * 5000, "\x7f", "gAAAAABn", "null"])
def test_a_token_that_never_was_opens_nothing(world: BadWorld, path: str, token: str):
    client = AsgiClient(world.cloud.cloud.http, token=token)

    assert_refused(client.post(path, json=world.good[path]), path, 401)
    assert_refused(client.get(path), path, 401)


@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_token_that_was_changed_opens_nothing(world: BadWorld, path: str):
    token = world.cloud.token("demo")
    for at in range(0, len(token), max(1, len(token) // 16)):
        other = "A" if token[at] != "A" else "B"
        client = AsgiClient(world.cloud.cloud.http, token=token[:at] + other + token[at + 1 :])
        assert_refused(client.get(path), path, 401)


def test_what_another_project_owns_is_not_there(world: BadWorld):
    """The demo user's things, for a member of another project."""
    admin = world.admin
    project = admin.post(PROJECTS, json={"project": {"name": "strangers"}}).json["project"]["id"]
    ask = {"user": {"name": "stranger", "password": "a stranger's secret"}}
    user = admin.post("/identity/v3/users", json=ask).json["user"]["id"]
    roles = {role["name"]: role["id"] for role in admin.get("/identity/v3/roles").json["roles"]}
    grant = f"{PROJECTS}/{project}/users/{user}/roles/{roles['member']}"
    assert admin.put(grant).status == 204
    stranger = world.cloud.client("stranger", project="strangers", password="a stranger's secret")
    stranger.get("/networking/v2.0/security-groups")  # Makes the project's default group.
    before = world.kept()
    network = f"{NETWORKS}/{world.ids['network']}"
    port = world.demo.get(f"{PORTS}?device_id={world.server_id}").json["ports"][0]["id"]
    subnet = world.demo.get(f"{SUBNETS}?network_id={world.ids['network']}").json["subnets"][0]["id"]
    image, server = f"{IMAGES}/{world.ids['image']}", f"{SERVERS}/{world.server_id}"
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}

    asked = [
        (method, path, body, {})
        for path, method, body in (
            (server, "GET", None),
            (server, "PUT", {"server": {"name": "mine"}}),
            (server, "DELETE", None),
            (f"{server}/action", "POST", {"reboot": {"type": "HARD"}}),
            (network, "GET", None),
            (network, "PUT", {"network": {"name": "mine"}}),
            (network, "DELETE", None),
            (f"{PORTS}/{port}", "PUT", {"port": {"name": "mine"}}),
            (f"{PORTS}/{port}", "DELETE", None),
            (f"{SUBNETS}/{subnet}", "DELETE", None),
            (PORTS, "POST", {"port": {"network_id": world.ids["network"]}}),
            (SUBNETS, "POST", {"subnet": {"network_id": world.ids["network"], "ip_version": 4,
                                          "cidr": "10.77.0.0/24"}}),
            (image, "GET", None),
            (image, "DELETE", None),
            (f"{image}/file", "GET", None),
        )
    ]  # fmt: skip
    for method, path, body, headers in asked:
        assert_refused(stranger.request(method, path, json=body, headers=headers), path, 404)
    rename = [{"op": "replace", "path": "/name", "value": "mine"}]
    assert_refused(stranger.patch(image, json=rename, headers=patch), image, 404)
    for wrong in ({"imageRef": world.ids["image"]}, {"networks": [{"uuid": world.ids["network"]}]},
                  {"networks": [{"port": port}]}):  # fmt: skip
        body = {"server": world.server_body(**({"networks": "none"} | wrong))}
        versions = {"OpenStack-API-Version": "compute 2.37"}
        assert_refused(stranger.post(SERVERS, json=body, headers=versions), SERVERS)
    assert world.kept() == before

    for group in stranger.get("/networking/v2.0/security-groups").json["security_groups"]:
        assert admin.delete(f"/networking/v2.0/security-groups/{group['id']}").status == 204
    assert admin.delete(f"/identity/v3/users/{user}").status == 204
    assert admin.delete(f"{PROJECTS}/{project}").status == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {"flavorRef": NOBODY},
        {"imageRef": NOBODY},
        {"imageRef": "no-uuid"},
        {"networks": [{"uuid": NOBODY}]},
        {"networks": [{"uuid": "no-uuid"}]},
        {"networks": [{"port": NOBODY}]},
        {"networks": "none of them"},
        {"key_name": "no such key"},
        {"security_groups": [{"name": "no such group"}]},
        {"availability_zone": "nowhere"},
        {"metadata": {"k": "v" * 300}},
        {"user_data": "%%% not base64"},
        {"min_count": 0},
        {"min_count": 3, "max_count": 2},
        {"config_drive": "perhaps"},
    ],
    ids=lambda wrong: "-".join(wrong) + "=" + str(next(iter(wrong.values())))[:16],
)
def test_a_server_of_things_that_are_not_is_refused_whole(world: BadWorld, wrong: dict[str, Any]):
    headers = {"OpenStack-API-Version": "compute 2.37"}

    reply = world.demo.post(SERVERS, json={"server": world.server_body(**wrong)}, headers=headers)

    assert_refused(reply, SERVERS, 400)


def test_a_member_is_not_let_do_what_administrators_do(world: BadWorld):
    body = {"flavor": {"name": "mine", "ram": 1, "vcpus": 1, "disk": 1}}
    for path, json in ((FLAVORS, body), (PROJECTS, world.good[PROJECTS]), (PROVIDERS, world.good[PROVIDERS])):
        assert_refused(world.demo.post(path, json=json), path, 403)


def test_an_image_cut_off_half_way_keeps_nothing_and_may_be_sent_again(world: BadWorld):
    made = world.demo.post(IMAGES, json=world.good[IMAGES]).json
    path, octets = f"/image{made['file']}", {"Content-Type": "application/octet-stream"}
    before = world.kept()

    reply = world.demo.put(path, body=[b"\1" * 65536] * 16, headers=octets, hang_up=True)

    assert_refused(reply, path, 400)
    world.rest()
    assert world.kept() == before
    assert world.demo.get(f"{IMAGES}/{made['id']}").json["status"] == "queued"
    assert world.demo.put(path, body=b"\1" * 4096, headers=octets).status == 204
    assert world.demo.delete(f"{IMAGES}/{made['id']}").status == 204


def test_an_image_that_lies_about_its_format_is_refused(world: BadWorld):
    body = {**world.good[IMAGES], "disk_format": "qcow2"}
    made = world.demo.post(IMAGES, json=body).json
    path, octets = f"/image{made['file']}", {"Content-Type": "application/octet-stream"}
    before = world.kept()

    assert_refused(world.demo.put(path, body=b"\1" * 65536, headers=octets), path)

    world.rest()
    assert world.kept() == before
    assert world.demo.delete(f"{IMAGES}/{made['id']}").status == 204


@pytest.mark.parametrize("value", ["no-such-thing", NOBODY, "%00", "x" * 300, "..", "-1", "%F0%9F%98%80"])
@pytest.mark.parametrize("path", COLLECTIONS)
def test_what_does_not_exist_is_not_found(world: BadWorld, path: str, value: str):
    for method in ("GET", "DELETE"):
        reply = world.admin.request(method, f"{path}/{value}")
        assert_refused(reply, path)


def test_an_expired_token_opens_nothing(tmp_path: Path):
    world = BadWorld(tmp_path)
    before = world.kept()
    tokens = world.cloud.settings.token.lifetime_s

    world.cloud.clock.advance_to(world.cloud.clock.now() + tokens + 1)

    for path in COLLECTIONS:
        assert_refused(world.admin.post(path, json=world.good[path]), path, 401)
        assert_refused(world.admin.get(path), path, 401)
    assert world.kept() == before
    world.cloud.close()
