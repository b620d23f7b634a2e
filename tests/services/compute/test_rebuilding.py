"""Servers that begin anew, and stay who they are."""

from __future__ import annotations

import pytest

from nacre.agent.drivers.base import CannotHost
from tests.domain.compute.test_values import KEY as PUBLIC_KEY


@pytest.fixture
def lab_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture
def large(lab, admin):
    """The id of another image, and a flavor that is large enough for it."""
    admin.make_flavor(id="large", name="large", disk=20)
    return lab.images.large.image_id


def test_a_server_is_rebuilt_on_its_host_with_its_ports_from_another_image(lab, mine, large):
    server_id = lab.settled_server(mine, flavor="large", name="before")
    host, before = lab.host_of(server_id), mine.server(server_id)

    reply = mine.act(server_id, "rebuild", {
        "imageRef": large, "name": "after", "metadata": {"a": "b"}, "adminPass": "secret", "description": "anew",
        "user_data": "aGk=", "hostname": "renamed",
    })  # fmt: skip

    assert reply.status == 202
    shown = reply.json["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("REBUILD", "rebuilding")
    assert (shown["adminPass"], shown["user_data"], shown["image"]["id"]) == ("secret", "aGk=", large)
    lab.settle()
    after = mine.server(server_id)
    assert (after["status"], after["name"], after["description"]) == ("ACTIVE", "after", "anew")
    assert (after["metadata"], after["image"]["id"]) == ({"a": "b"}, large)
    assert (lab.host_of(server_id), after["addresses"]) == (host, before["addresses"])
    guest = lab.guest(server_id)
    assert guest.boots == 2
    assert guest.disks == {guest.spec.disk}
    assert guest.disks != {1}
    assert (guest.spec.image.image_id, guest.spec.instance.admin_password) == (large, "secret")
    assert guest.spec.instance.hostname == "renamed"
    assert lab.audit() == []
    actions = mine.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [each["action"] for each in actions] == ["rebuild", "create"]


@pytest.mark.parametrize(
    ("action", "status"),
    [("os-stop", "SHUTOFF"), ("pause", "ACTIVE"), ("suspend", "ACTIVE"), ("lock", "ACTIVE")],
)
def test_it_ends_as_it_was_off_or_active(lab, admin, action, status):
    server_id = lab.settled_server(admin)
    admin.act(server_id, action)
    lab.settle()

    assert admin.act(server_id, "rebuild", {"imageRef": admin.small_image}).status == 202
    lab.settle()

    assert admin.server(server_id)["status"] == status
    assert len(lab.guest(server_id).disks - {1}) == len(lab.guest(server_id).disks) == 1
    assert lab.audit() == []
    if status == "SHUTOFF":
        assert admin.act(server_id, "os-start").status == 202
        assert admin.server(server_id)["OS-EXT-STS:task_state"] == "powering-on"
        lab.settle()
        assert admin.server(server_id)["status"] == "ACTIVE"


def test_a_server_whose_rebuild_failed_is_rebuilt(lab, mine):
    server_id = lab.settled_server(mine)
    world = lab.fleet.worlds[lab.host_of(server_id)]
    world.fail("ensure_disk", CannotHost("It is no disk."))
    mine.act(server_id, "rebuild", {"imageRef": mine.small_image})
    lab.settle()
    failed = mine.server(server_id)
    assert (failed["status"], failed["fault"]["message"]) == ("ERROR", "It is no disk.")
    assert lab.guest(server_id).disks == {1}, "the old disk stays until the new one is there"

    assert mine.act(server_id, "rebuild", {"imageRef": mine.small_image}).status == 202
    lab.settle()

    assert mine.server(server_id)["status"] == "ACTIVE"


def test_a_flavor_that_is_as_large_as_the_image_takes_what_the_new_image_needs(lab, mine, admin):
    admin.make_flavor(id="any", name="any", disk=0)
    server_id = lab.settled_server(mine, flavor="any")
    host = lab.host_of(server_id)
    assert lab.placement.claims[host][server_id]["DISK_GB"] == 1

    mine.act(server_id, "rebuild", {"imageRef": lab.images.large.image_id})
    lab.settle()

    assert lab.placement.claims[host][server_id]["DISK_GB"] == 10
    assert lab.audit() == []


def test_keys_and_words_come_and_go_by_version(lab, mine):
    server_id = lab.settled_server(mine)
    again = {"imageRef": mine.small_image}
    key = {"name": "k", "public_key": PUBLIC_KEY}
    assert mine.post("/os-keypairs", json={"keypair": {**key, "type": "ssh"}}).status == 201

    old = mine.at("2.1").act(server_id, "rebuild", again).json["server"]
    assert "key_name" not in old
    assert "OS-EXT-STS:task_state" not in old
    lab.settle()
    assert mine.at("2.53").act(server_id, "rebuild", {**again, "key_name": None}).status == 400
    assert mine.at("2.56").act(server_id, "rebuild", {**again, "user_data": "aGk="}).status == 400
    assert mine.at("2.57").act(server_id, "rebuild", {**again, "personality": []}).status == 400
    assert mine.at("2.89").act(server_id, "rebuild", {**again, "hostname": "other"}).status == 400
    assert mine.at("2.54").act(server_id, "rebuild", {**again, "key_name": "none"}).status == 400
    reply = mine.at("2.54").act(server_id, "rebuild", {**again, "key_name": "k"})
    assert (reply.status, reply.json["server"]["key_name"]) == (202, "k")
    lab.settle()
    assert lab.guest(server_id).spec.instance.public_keys == {"k": PUBLIC_KEY}
    reply = mine.act(server_id, "rebuild", {**again, "key_name": None, "user_data": None})
    assert (reply.status, reply.json["server"]["key_name"]) == (202, None)


@pytest.mark.parametrize(
    ("argument", "status"),
    [
        (None, 400),
        ([], 400),
        ({}, 400),
        ({"imageRef": 7}, 400),
        ({"imageRef": "none"}, 400),
        ({"imageRef": "11111111-1111-4111-8111-111111111111"}, 400),
        ({"imageRef": "LARGE"}, 400),
        ({"imageRef": "SMALL", "name": " "}, 400),
        ({"imageRef": "SMALL", "user_data": "?"}, 400),
        ({"imageRef": "SMALL", "accessIPv4": "10.0.0"}, 400),
        ({"imageRef": "SMALL", "metadata": {"a": 1}}, 400),
        ({"imageRef": "SMALL", "preserve_ephemeral": "perhaps"}, 400),
        ({"imageRef": "SMALL", "flavorRef": "tiny"}, 400),
        ({"imageRef": "SMALL", "metadata": {str(number): "" for number in range(200)}}, 403),
        ({"imageRef": "SMALL", "trusted_image_certificates": ["c"]}, 501),
    ],
)
def test_what_cannot_be_rebuilt_from_is_refused_and_changes_nothing(lab, mine, argument, status):
    server_id = lab.settled_server(mine)
    was = mine.server(server_id)
    if isinstance(argument, dict) and argument.get("imageRef") in ("SMALL", "LARGE"):
        argument = argument | {"imageRef": getattr(lab.images, argument["imageRef"].lower()).image_id}

    assert mine.act(server_id, "rebuild", argument).status == status

    assert mine.server(server_id) == was


def test_a_server_without_host_or_with_a_lock_or_under_way_is_not_rebuilt(lab, mine, admin):
    again = {"imageRef": mine.small_image}
    admin.make_flavor(id="huge", name="huge", disk=1 << 20)
    nowhere = mine.make_server(flavor="huge")
    lab.settle()
    server_id = lab.settled_server(mine)

    assert mine.act(nowhere, "rebuild", again).status == 409
    assert mine.act(server_id, "rebuild", again).status == 202
    assert mine.act(server_id, "rebuild", again).status == 409
    assert mine.act(server_id, "pause").status == 409
    lab.settle()
    mine.act(server_id, "lock")
    assert mine.act(server_id, "rebuild", again).status == 409
    assert lab.client("yours").act(server_id, "rebuild", again).status == 404
