"""Servers that get another flavor, and keep it or not."""

from __future__ import annotations

import pytest

from nacre.agent.drivers.base import CannotHost


@pytest.fixture
def lab_url(database_url: str) -> str:
    """Both databases."""
    return database_url


@pytest.fixture(autouse=True)
def _flavors(lab, admin):
    admin.make_flavor(id="small", name="small", ram=128, vcpus=2, disk=1)
    admin.make_flavor(id="thin", name="thin", ram=32, vcpus=1, disk=1)
    admin.make_flavor(id="grown", name="grown", ram=128, vcpus=2, disk=3)


def _states(server):
    return tuple(server[name] for name in ("status", "OS-EXT-STS:vm_state", "OS-EXT-STS:task_state"))


def _claim(lab, server_id):
    return lab.placement.claims[lab.host_of(server_id)][server_id]


def _used(mine):
    limits = mine.get("/limits").json["limits"]["absolute"]
    return limits["totalCoresUsed"], limits["totalRAMUsed"]


def _resized(lab, client, *, to, **fields):
    server_id = lab.settled_server(client, **fields)
    assert client.act(server_id, "resize", {"flavorRef": to}).status == 202
    lab.settle()
    return server_id


def test_a_resized_server_waits_for_its_owner_and_is_confirmed(lab, mine):
    server_id = lab.settled_server(mine)
    host, before = lab.host_of(server_id), mine.server(server_id)

    assert mine.act(server_id, "resize", {"flavorRef": "grown"}).status == 202
    assert _states(mine.server(server_id)) == ("RESIZE", "active", "resize_finish")
    lab.settle()
    resized = mine.server(server_id)
    assert _states(resized) == ("VERIFY_RESIZE", "resized", None)
    assert (resized["OS-EXT-STS:power_state"], resized["flavor"]["original_name"]) == (1, "grown")
    assert (lab.host_of(server_id), resized["addresses"]) == (host, before["addresses"])
    guest = lab.guest(server_id)
    assert (guest.spec.vcpus, guest.spec.memory_mib, guest.spec.disk_gib, guest.boots) == (2, 128, 3, 2)
    assert guest.disks == {1, guest.spec.disk}
    assert _claim(lab, server_id) == {"VCPU": 2, "MEMORY_MB": 128, "DISK_GB": 3}
    assert lab.audit() == []

    assert mine.act(server_id, "confirmResize").status == 204
    assert _states(mine.server(server_id)) == ("ACTIVE", "active", None)
    lab.settle()
    assert guest.disks == {guest.spec.disk}
    assert guest.boots == 2
    assert lab.audit() == []
    actions = mine.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [each["action"] for each in actions] == ["confirmResize", "resize", "create"]


def test_a_reverted_server_has_its_old_size_and_its_old_disk(lab, mine):
    server_id = _resized(lab, mine, to="grown")

    assert mine.act(server_id, "revertResize").status == 202
    assert _states(mine.server(server_id)) == ("REVERT_RESIZE", "resized", "resize_reverting")
    lab.settle()

    guest, after = lab.guest(server_id), mine.server(server_id)
    assert _states(after) == ("ACTIVE", "active", None)
    assert after["flavor"]["original_name"] == "tiny"
    assert (guest.spec.vcpus, guest.spec.memory_mib, guest.spec.disk, guest.disks) == (1, 64, 1, {1})
    assert _claim(lab, server_id) == {"VCPU": 1, "MEMORY_MB": 64, "DISK_GB": 1}
    assert lab.audit() == []
    again = mine.act(server_id, "resize", {"flavorRef": "grown"})
    lab.settle()
    assert (again.status, mine.server(server_id)["status"]) == (202, "VERIFY_RESIZE")


def test_room_and_limits_are_kept_for_both_sizes_until_it_is_decided(lab, mine):
    server_id = _resized(lab, mine, to="thin", flavor="small")

    assert _claim(lab, server_id) == {"VCPU": 2, "MEMORY_MB": 128, "DISK_GB": 1}
    assert _used(mine) == (2, 128)
    assert lab.guest(server_id).disks == {1}, "a disk of the same size stays the same disk"
    assert lab.audit() == []

    assert mine.act(server_id, "confirmResize").status == 204
    assert _claim(lab, server_id) == {"VCPU": 1, "MEMORY_MB": 32, "DISK_GB": 1}
    assert _used(mine) == (1, 32)
    lab.settle()
    assert lab.audit() == []


@pytest.mark.parametrize(("decision", "memory_mib"), [("confirmResize", 128), ("revertResize", 64)])
@pytest.mark.parametrize("flavor", ["small", "grown"])
def test_a_server_that_is_off_is_resized_and_stays_off(lab, mine, flavor, decision, memory_mib):
    server_id = lab.settled_server(mine)
    mine.act(server_id, "os-stop")
    lab.settle()

    assert mine.act(server_id, "resize", {"flavorRef": flavor}).status == 202
    lab.settle()
    assert _states(mine.server(server_id)) == ("VERIFY_RESIZE", "resized", None)
    assert mine.act(server_id, decision).status in (202, 204)
    lab.settle()
    assert _states(mine.server(server_id)) == ("SHUTOFF", "stopped", None)

    assert mine.act(server_id, "os-start").status == 202
    lab.settle()
    guest = lab.guest(server_id)
    assert (guest.spec.memory_mib, guest.disks) == (memory_mib, {guest.spec.disk})
    assert lab.audit() == []


def test_a_host_without_room_is_said_at_once_and_nothing_changes(lab, mine, admin):
    admin.make_flavor(id="huge", name="huge", disk=1 << 20)
    server_id = lab.settled_server(mine)
    was = mine.server(server_id)

    reply = mine.act(server_id, "resize", {"flavorRef": "huge"})

    assert reply.status == 400
    assert reply.json["badRequest"]["message"].startswith("No valid host was found. ")
    assert mine.server(server_id) == was
    assert lab.audit() == []


def test_a_limit_that_does_not_allow_more_is_said_at_once(lab, mine, admin):
    server_id = lab.settled_server(mine)
    assert admin.put("/os-quota-sets/mine", json={"quota_set": {"ram": 100}}).status == 200

    reply = mine.act(server_id, "resize", {"flavorRef": "small"})

    assert reply.status == 403
    assert "ram: Requested 64" in reply.json["forbidden"]["message"]
    assert mine.act(server_id, "resize", {"flavorRef": "thin"}).status == 202, "less is always allowed"


@pytest.mark.parametrize(
    "argument",
    [
        None,
        {},
        {"flavorRef": None},
        {"flavorRef": ""},
        {"flavorRef": "none"},
        {"flavorRef": "tiny"},
        {"flavorRef": "hidden"},
        {"flavorRef": "diskless"},
        {"flavorRef": "small", "more": 1},
        {"flavorRef": "small", "OS-DCF:diskConfig": "BOTH"},
    ],
)
def test_what_no_server_can_be_resized_to_is_refused(lab, mine, admin, argument):
    admin.make_flavor(id="hidden", name="hidden", **{"os-flavor-access:is_public": False})
    admin.make_flavor(id="diskless", name="diskless", disk=0)
    server_id = lab.settled_server(mine)
    was = mine.server(server_id)

    assert mine.act(server_id, "resize", argument).status == 400

    assert mine.server(server_id) == was


def test_a_decision_is_asked_of_resized_servers_alone_and_they_do_nothing_else(lab, mine):
    server_id = lab.settled_server(mine)
    for decision in ("confirmResize", "revertResize"):
        reply = mine.act(server_id, decision)
        assert reply.status == 409
        assert f"Cannot '{decision}' instance" in reply.json["conflictingRequest"]["message"]
    mine.act(server_id, "resize", {"flavorRef": "small"})
    assert mine.act(server_id, "confirmResize").status == 409, "it is not yet resized"
    lab.settle()

    for action in ("os-start", "os-stop", "pause", "suspend"):
        assert mine.act(server_id, action).status == 409
    assert mine.act(server_id, "reboot", {"type": "HARD"}).status == 409
    assert mine.act(server_id, "resize", {"flavorRef": "thin"}).status == 409
    assert mine.act(server_id, "rebuild", {"imageRef": mine.small_image}).status == 409
    mine.act(server_id, "lock")
    assert mine.act(server_id, "confirmResize").status == 409
    assert lab.client("yours").act(server_id, "confirmResize").status == 404
    mine.act(server_id, "unlock")
    assert mine.delete(f"/servers/{server_id}").status == 204
    lab.settle()
    assert not any(lab.placement.claims.values())


def test_a_resize_that_its_host_cannot_make_is_reverted(lab, mine):
    server_id = lab.settled_server(mine)
    lab.fleet.worlds[lab.host_of(server_id)].fail("ensure_disk", CannotHost("It is full."), times=2)
    mine.act(server_id, "resize", {"flavorRef": "grown"})
    lab.settle()
    assert mine.server(server_id)["status"] == "ERROR"
    assert mine.act(server_id, "rebuild", {"imageRef": mine.small_image}).status == 409

    assert mine.act(server_id, "revertResize").status == 202
    lab.settle()

    assert _states(mine.server(server_id)) == ("ACTIVE", "active", None)
    assert lab.guest(server_id).disks == {1}
    assert lab.audit() == []
