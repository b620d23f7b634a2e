"""Images as rows: create, show, list, change, delete; tags, members, schemas and versions."""

from __future__ import annotations

import pytest

from tests.services.image.conftest import ImageClient, ImageCloud


def test_a_new_image_waits_for_its_content(demo: ImageClient) -> None:
    reply = demo.post(
        "/image/v2/images",
        json={"name": "debian", "disk_format": "qcow2", "container_format": "bare", "hw_disk_bus": "virtio"},
    )

    made = reply.json
    assert reply.status == 201
    assert reply.headers["location"].endswith(made["self"])
    assert made["status"] == "queued"
    assert made["visibility"] == "shared"
    assert made["owner"] == "demo"
    assert made["hw_disk_bus"] == "virtio"
    assert made["size"] is None
    assert made["checksum"] is None
    assert made["file"] == f"/v2/images/{made['id']}/file"
    assert "direct_url" not in made
    assert demo.show(made) == made


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": 7}, 400),
        ({"name": "x" * 256}, 400),
        ({"name": "a\0b"}, 400),
        ({"disk_format": "floppy"}, 400),
        ({"visibility": "everybody"}, 400),
        ({"min_disk": -1}, 400),
        ({"min_ram": 1 << 80}, 400),
        ({"min_ram": "many"}, 400),
        ({"tags": "one"}, 400),
        ({"tags": ["x" * 256]}, 400),
        ({"id": "not-an-id"}, 400),
        ({"colour": 7}, 400),
        ({"colour": None}, 400),
        ({"": "nameless"}, 400),
        ({"x" * 256: "long"}, 400),
        ([], 400),
        ({"status": "active"}, 403),
        ({"checksum": "0"}, 403),
        ({"size": 1}, 403),
        ({"deleted": "no"}, 403),
        ({"locations": []}, 403),
        ({"os_glance_x": "y"}, 403),
        ({"owner": "somebody"}, 403),
        ({"visibility": "public"}, 403),
        ({f"p{n}": "" for n in range(129)}, 413),
        ({"tags": [str(n) for n in range(129)]}, 413),
    ],
)
def test_what_makes_no_image_is_refused_and_leaves_none(demo: ImageClient, body: object, status: int) -> None:
    reply = demo.post("/image/v2/images", json=body)

    assert reply.status == status, reply
    assert set(reply.json) == {"code", "title", "message"}
    assert demo.names() == []


def test_a_chosen_id_is_taken_once(demo: ImageClient) -> None:
    chosen = "0A7f0000-0000-4000-8000-00000000000F"
    assert demo.make(id=chosen)["id"] == chosen.lower()

    assert demo.post("/image/v2/images", json={"id": chosen}).status == 409


def test_only_an_administrator_publishes_or_gives_away(demo: ImageClient, admin: ImageClient) -> None:
    made = demo.make()
    publish = {"op": "replace", "path": "/visibility", "value": "public"}
    give = {"op": "replace", "path": "/owner", "value": "stranger"}

    assert demo.change(made, publish).status == 403
    assert demo.change(made, give).status == 403
    assert demo.show(made)["visibility"] == "shared"

    assert admin.change(made, publish, give).status == 200
    assert demo.show(made)["owner"] == "stranger"
    assert demo.change(made, {"op": "add", "path": "/x", "value": "y"}).status == 403


def test_a_patch_adds_replaces_and_removes(demo: ImageClient) -> None:
    made = demo.make(colour="red", shape="round")

    reply = demo.change(
        made,
        {"op": "replace", "path": "/name", "value": "new"},
        {"op": "replace", "path": "/tags", "value": ["b", "a", "a"]},
        {"op": "replace", "path": "/colour", "value": "blue"},
        {"op": "remove", "path": "/shape"},
        {"op": "add", "path": "/a~1b~0c", "value": "deep"},
    )

    assert reply.status == 200
    after = demo.show(made)
    assert after == reply.json
    assert (after["name"], after["tags"], after["colour"]) == ("new", ["a", "b"], "blue")
    assert after["a/b~c"] == "deep"
    assert "shape" not in after


def test_the_older_patch_dialect_is_understood_and_stricter(demo: ImageClient) -> None:
    old = "application/openstack-images-v2.0-json-patch"
    made = demo.make(colour="red")

    assert (
        demo.change_raw(made, [{"replace": "/name", "value": "n"}, {"remove": "/colour"}], old).status == 200
    )
    assert demo.change_raw(made, [{"add": "/colour", "value": "blue"}], old).status == 200
    assert demo.change_raw(made, [{"add": "/colour", "value": "green"}], old).status == 409
    assert demo.show(made)["colour"] == "blue"


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({}, 400),
        (["x"], 400),
        ([{"op": "move", "path": "/a", "value": 1}], 400),
        ([{"op": "add", "path": "/a"}], 400),
        ([{"op": "add", "path": "a", "value": "x"}], 400),
        ([{"op": "add", "path": "/a/b", "value": "x"}], 400),
        ([{"op": "add", "path": "/a~2", "value": "x"}], 400),
        ([{"op": "add", "path": 7, "value": "x"}], 400),
        ([{"op": "add", "path": "/a", "value": 7}], 400),
        ([{"op": "add", "path": "/a", "value": "\0"}], 400),
        ([{"op": "replace", "path": "/min_disk", "value": "1"}], 400),
        ([{"op": "replace", "path": "/protected", "value": "yes"}], 400),
        ([{"op": "replace", "path": "/missing", "value": "x"}], 409),
        ([{"op": "remove", "path": "/missing"}], 409),
        ([{"op": "remove", "path": "/name"}], 403),
        ([{"op": "replace", "path": "/status", "value": "active"}], 403),
        ([{"op": "replace", "path": "/id", "value": "x"}], 403),
        ([{"op": "add", "path": "/locations/-", "value": {}}], 400),
    ],
)
def test_a_patch_that_fails_changes_nothing(demo: ImageClient, document: object, status: int) -> None:
    made = demo.make(colour="red")
    change = {"op": "replace", "path": "/colour", "value": "blue"}
    whole = [change, *document] if isinstance(document, list) else document

    reply = demo.change_raw(made, whole)

    assert reply.status == status, reply
    assert demo.show(made) == made


def test_a_patch_of_another_media_type_is_not_read(demo: ImageClient) -> None:
    assert demo.change_raw(demo.make(), [], "application/json").status == 415


def test_formats_are_fixed_once_there_is_content(demo: ImageClient) -> None:
    change = {"op": "replace", "path": "/disk_format", "value": "qcow2"}

    assert demo.change(demo.make(), change).status == 200
    assert demo.change(demo.make_active(), change).status == 403


def test_an_image_without_an_id_is_never_there(demo: ImageClient) -> None:
    assert demo.get("/image/v2/images/").status == 404
    assert demo.delete("/image/v2/images/").status == 404


def test_what_others_own_does_not_exist(demo: ImageClient, stranger: ImageClient) -> None:
    made = demo.make_active(visibility="private")
    path = f"/image{made['self']}"

    assert stranger.get(path).status == 404
    assert stranger.get(f"{path}/file").status == 404
    assert stranger.delete(path).status == 404
    assert stranger.change(made, {"op": "add", "path": "/x", "value": "y"}).status == 404
    assert stranger.put(f"{path}/tags/t").status == 404
    assert stranger.get(f"{path}/members").status == 404
    assert stranger.post(f"{path}/actions/deactivate").status == 404
    assert stranger.upload(made, b"x").status == 404
    assert stranger.names() == []


def test_what_is_public_may_be_read_by_all_and_changed_by_none_of_them(
    admin: ImageClient, stranger: ImageClient
) -> None:
    made = admin.make_active(b"for all", visibility="public")
    path = f"/image{made['self']}"

    assert stranger.names() == ["an image"]
    assert stranger.get(f"{path}/file").body == b"for all"
    assert stranger.delete(path).status == 403
    assert stranger.change(made, {"op": "add", "path": "/x", "value": "y"}).status == 403
    assert stranger.upload(made, b"x").status == 403
    assert stranger.post(f"{path}/actions/deactivate").status == 403


def test_community_images_are_seen_by_those_who_ask(demo: ImageClient, stranger: ImageClient) -> None:
    made = demo.make(name="common", visibility="community")

    assert stranger.names() == []
    assert stranger.names("visibility=community") == ["common"]
    assert stranger.names("visibility=all") == ["common"]
    assert demo.names() == ["common"]
    assert stranger.show(made)["name"] == "common"


def test_a_protected_image_is_not_deleted(demo: ImageClient) -> None:
    made = demo.make(protected=True)

    assert demo.delete(f"/image{made['self']}").status == 403
    assert demo.change(made, {"op": "replace", "path": "/protected", "value": False}).status == 200
    assert demo.delete(f"/image{made['self']}").status == 204
    assert demo.get(f"/image{made['self']}").status == 404


def test_a_reader_changes_nothing(cloud: ImageCloud, demo: ImageClient) -> None:
    reader = cloud.client(role="reader")
    made = demo.make()

    assert reader.post("/image/v2/images", json={"name": "x"}).status == 403
    assert reader.delete(f"/image{made['self']}").status == 403
    assert reader.names() == ["an image"]


def test_pages_neither_skip_nor_repeat(cloud: ImageCloud, demo: ImageClient) -> None:
    for n in range(7):
        demo.make(name=f"image {n}")
        cloud.clock.advance(1)
    url, seen = "/image/v2/images?limit=3&sort=name:asc", []

    while url:
        answer = demo.get(url).json
        seen += [each["name"] for each in answer["images"]]
        assert answer["first"] == "/v2/images?limit=3&sort=name%3Aasc"
        assert answer["schema"] == "/v2/schemas/images"
        url = f"/image{answer['next']}" if "next" in answer else ""

    assert seen == [f"image {n}" for n in range(7)]
    assert demo.names()[0] == "image 6", "the newest comes first unless asked otherwise"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=one", ["one"]),
        ("name=in:one,two", ["one", "two"]),
        ('name=in:"with,comma",two', ["two", "with,comma"]),
        ("name=neq:one", ["two", "with,comma"]),
        ("disk_format=raw", ["one", "with,comma"]),
        ("disk_format=in:raw,iso", ["one", "two", "with,comma"]),
        ("container_format=ovf", ["two"]),
        ("tag=a", ["one", "two"]),
        ("tag=a&tag=b", ["two"]),
        ("colour=red", ["one"]),
        ("colour=red&shape=round", []),
        ("protected=true", ["two"]),
        ("os_hidden=true", ["hidden"]),
        ("status=queued", ["two", "with,comma"]),
        ("status=active", ["one"]),
        ("size_min=5", ["one"]),
        ("size_min=9", []),
        ("size_max=9", ["one"]),
        ("size=7", ["one"]),
        ("min_ram=64", ["two"]),
        ("owner=demo", ["one", "two", "with,comma"]),
        ("owner=other", []),
        ("visibility=private", ["two"]),
        ("visibility=shared", ["one", "with,comma"]),
        ("visibility=public", []),
        ("created_at=lte:2027-01-15T08:00:00Z", ["one"]),
        ("created_at=gt:2027-01-15T08:00:00Z", ["two", "with,comma"]),
        ("created_at=2027-01-15T08:00:10Z", ["two"]),
    ],
)
def test_a_list_is_filtered(cloud: ImageCloud, demo: ImageClient, query: str, names: list[str]) -> None:
    demo.make_active(name="one", tags=["a"], colour="red")
    cloud.clock.advance(10.5)
    demo.make(
        name="two", disk_format="iso", container_format="ovf", tags=["a", "b"], min_ram=64,
        visibility="private", protected=True, shape="round",
    )  # fmt: skip
    cloud.clock.advance(10)
    demo.make(name="with,comma")
    demo.make(name="hidden", os_hidden=True)

    assert sorted(demo.names(query)) == names


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1", "limit=x", "sort_key=colour", "sort_dir=up&sort_key=name", "marker=unknown", "size_min=x",
        "created_at=gt:yesterday", "visibility=none", "member_status=maybe", "protected=perhaps",
        'name=in:"open', "status=sleeping", "name=%00",
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_meant_is_refused(demo: ImageClient, query: str) -> None:
    assert demo.get(f"/image/v2/images?{query}").status == 400


def test_a_list_costs_the_same_however_long_it_is(cloud: ImageCloud, demo: ImageClient) -> None:
    from nacre.image.domain.filters import Filter
    from nacre.image.store import images
    from nacre.image.store.lists import images_in_view
    from nacre.kernel.database import statements_so_far
    from nacre.kernel.ids import ProjectId

    for n in range(20):
        demo.make(name=f"image {n}", tags=["a", "b"], colour="red")
    statement = images_in_view(Filter(), project_id=ProjectId("demo"), sees_all=False)

    with cloud.database.read() as db:
        before = statements_so_far()
        assert len(images.list_images(db, statement)) == 20
        assert statements_so_far() - before == 2


def test_tags_come_and_go(demo: ImageClient) -> None:
    made = demo.make()
    path = f"/image{made['self']}/tags"

    assert demo.put(f"{path}/a b").status == 204
    assert demo.put(f"{path}/a b").status == 204
    assert demo.show(made)["tags"] == ["a b"]
    assert demo.put(f"{path}/{'x' * 256}").status == 400
    assert demo.delete(f"{path}/other").status == 404
    assert demo.delete(f"{path}/a b").status == 204
    assert demo.show(made)["tags"] == []


def test_an_image_is_shared_with_a_project_that_accepts_it(demo: ImageClient, stranger: ImageClient) -> None:
    made = demo.make_active(b"shared", name="gift")
    path = f"/image{made['self']}"
    assert stranger.get(path).status == 404

    added = demo.post(f"{path}/members", json={"member": "stranger"})

    assert added.status == 200
    assert added.json["status"] == "pending"
    assert stranger.get(path).status == 200
    assert stranger.names() == []
    assert stranger.names("member_status=pending&visibility=shared") == ["gift"]
    assert demo.put(f"{path}/members/stranger", json={"status": "accepted"}).status == 403
    assert stranger.put(f"{path}/members/stranger", json={"status": "maybe"}).status == 400
    assert stranger.put(f"{path}/members/stranger", json={"status": "accepted"}).status == 200
    assert stranger.names() == ["gift"]
    assert stranger.get(f"{path}/file").body == b"shared"
    assert stranger.delete(path).status == 403
    assert stranger.delete(f"{path}/members/stranger").status == 403

    assert demo.delete(f"{path}/members/stranger").status == 204
    assert stranger.get(path).status == 404


def test_members_see_themselves_and_owners_see_all(
    cloud: ImageCloud, demo: ImageClient, stranger: ImageClient
) -> None:
    path = f"/image{demo.make()['self']}/members"
    for project in ("stranger", "third"):
        demo.post(path, json={"member": project})

    ids = [each["member_id"] for each in demo.get(path).json["members"]]
    assert ids == ["stranger", "third"]
    assert [each["member_id"] for each in stranger.get(path).json["members"]] == ["stranger"]
    assert stranger.get(f"{path}/stranger").status == 200
    assert stranger.get(f"{path}/third").status == 404
    assert demo.post(path, json={"member": "third"}).status == 409
    assert demo.post(path, json={"member": ""}).status == 400
    assert demo.delete(f"{path}/fourth").status == 404


def test_only_shared_images_have_members(demo: ImageClient) -> None:
    path = f"/image{demo.make(visibility='private')['self']}/members"

    assert demo.post(path, json={"member": "stranger"}).status == 403
    assert demo.get(path).status == 403


def test_versions_are_offered_at_the_root(cloud: ImageCloud) -> None:
    nobody = ImageClient(cloud.http)

    assert nobody.get("/image").status == 300
    versions = nobody.get("/image/versions").json["versions"]
    assert versions[0]["id"] == "v2.16"
    assert versions[0]["status"] == "CURRENT"
    assert {each["status"] for each in versions[1:]} == {"SUPPORTED"}
    assert versions[0]["links"][0]["href"] == "http://cloud.test/image/v2/"
    assert nobody.get("/image/v2/images").status == 401


@pytest.mark.parametrize("name", ["image", "images", "member", "members"])
def test_schemas_name_the_fields_that_are_shown(demo: ImageClient, name: str) -> None:
    schema = demo.get(f"/image/v2/schemas/{name}").json

    assert schema["name"] == name
    if name == "image":
        assert set(demo.make()) == set(schema["properties"])


def test_what_is_there_is_told_truthfully(demo: ImageClient) -> None:
    assert demo.get("/image/v2/info/import").json["import-methods"]["value"] == []
    assert [store["id"] for store in demo.get("/image/v2/info/stores").json["stores"]] == ["file"]
    reply = demo.post(f"/image{demo.make()['self']}/import", json={"method": {"name": "web-download"}})
    assert reply.status == 400
