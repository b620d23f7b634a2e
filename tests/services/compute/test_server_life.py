"""From the wish for a server to its end."""

from __future__ import annotations

import pytest

from nacre.compute.loops.servers import PATIENCE_S, PLACE_RECHECK_S


@pytest.fixture
def lab_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def test_a_server_is_accepted_placed_and_brought_up(lab, mine):
    reply = mine.ask_server(name="web", metadata={"role": "front"}, tags=["blue"])

    assert reply.status == 202
    made = reply.json["server"]
    assert set(made) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert reply.headers["location"] == made["links"][0]["href"]
    before = mine.server(made["id"])
    assert (before["status"], before["OS-EXT-STS:task_state"]) == ("BUILD", "scheduling")

    lab.settle()

    server = mine.server(made["id"])
    assert server["status"] == "ACTIVE"
    assert server["OS-EXT-STS:power_state"] == 1
    assert server["addresses"]["net"][0]["OS-EXT-IPS:type"] == "fixed"
    assert server["metadata"] == {"role": "front"}
    assert server["tags"] == ["blue"]
    assert server["flavor"]["original_name"] == "tiny"
    assert server["OS-SRV-USG:launched_at"] is not None
    assert lab.guest(made["id"]).spec.instance.hostname == "web"
    assert lab.audit() == []


def test_a_server_stops_starts_and_reboots(lab, mine):
    server_id = lab.settled_server(mine)

    assert mine.act(server_id, "os-stop").status == 202
    assert mine.server(server_id)["OS-EXT-STS:task_state"] == "powering-off"
    lab.settle()
    assert mine.server(server_id)["status"] == "SHUTOFF"
    assert mine.act(server_id, "os-stop").status == 409

    assert mine.act(server_id, "os-start").status == 202
    assert mine.server(server_id)["OS-EXT-STS:task_state"] == "powering-on"
    lab.settle()
    assert mine.server(server_id)["status"] == "ACTIVE"

    boots = lab.guest(server_id).boots
    for how, during in (("SOFT", "REBOOT"), ("HARD", "HARD_REBOOT")):
        assert mine.act(server_id, "reboot", {"type": how}).status == 202
        assert mine.server(server_id)["status"] == during
        lab.settle()
        assert mine.server(server_id)["status"] == "ACTIVE"
    assert lab.guest(server_id).boots == boots + 2


def test_a_deleted_server_leaves_nothing(lab, mine):
    server_id = lab.settled_server(mine)

    assert mine.delete(f"/servers/{server_id}").status == 204
    assert mine.server(server_id)["OS-EXT-STS:task_state"] == "deleting"
    assert mine.delete(f"/servers/{server_id}").status == 204, "asked twice, it goes once"
    lab.settle()

    assert mine.get(f"/servers/{server_id}").status == 404
    assert lab.guest(server_id) is None
    assert lab.networks.ports == {}
    assert all(not claims for claims in lab.placement.claims.values())
    assert lab.audit() == []


def test_a_server_can_be_deleted_before_it_has_a_host(lab, mine):
    server_id = mine.make_server()

    assert mine.delete(f"/servers/{server_id}").status == 204

    assert mine.get(f"/servers/{server_id}").status == 404
    assert lab.networks.ports == {}
    lab.settle()
    assert lab.guest(server_id) is None


def test_a_server_can_be_deleted_while_its_host_builds_it(lab, mine):
    server_id = mine.make_server()
    lab.engine.turn()
    assert mine.server(server_id)["OS-EXT-STS:task_state"] == "spawning"

    assert mine.delete(f"/servers/{server_id}").status == 204
    lab.settle()

    assert mine.get(f"/servers/{server_id}").status == 404
    assert lab.guest(server_id) is None
    assert lab.audit() == []


def test_a_guest_that_powers_itself_off_is_shut_off_until_it_is_started(lab, mine):
    server_id = lab.settled_server(mine)
    world = lab.fleet.worlds[lab.host_of(server_id)]

    world.end_guest(server_id)
    lab.settle()
    assert mine.server(server_id)["status"] == "SHUTOFF"

    assert mine.put(f"/servers/{server_id}/metadata", json={"metadata": {"a": "b"}}).status == 200
    lab.settle()
    assert mine.server(server_id)["status"] == "SHUTOFF", "a new word is no wish to run"

    assert mine.act(server_id, "os-start").status == 202
    lab.settle()
    assert mine.server(server_id)["status"] == "ACTIVE"


def test_without_room_a_server_fails_with_every_hosts_reason_kept(lab, mine, admin):
    admin.make_flavor(id="huge", name="huge", ram=1 << 30)
    admin.put("/os-quota-sets/mine", json={"quota_set": {"ram": -1}})

    server_id = mine.make_server("huge")
    lab.settle()

    server = mine.server(server_id)
    assert server["status"] == "ERROR"
    assert "MEMORY_MB" in server["fault"]["message"]
    with lab.database.read() as db:
        explained = lab.compute.contract.explain(db, server_id)
    assert set(explained["placement"]["not_on"]) == {"fake-0001", "fake-0002"}
    assert "no host takes it" in explained["state"]

    assert mine.delete(f"/servers/{server_id}").status == 204
    assert mine.get(f"/servers/{server_id}").status == 404


def test_a_silent_or_disabled_host_takes_no_new_servers(lab, mine, admin):
    service = next(s for s in admin.get("/os-services").json["services"] if s["host"] == "fake-0001")
    assert admin.put(f"/os-services/{service['id']}", json={"status": "disabled"}).status == 200
    assert lab.host_of(lab.settled_server(mine)) == "fake-0002"

    lab.clock.advance(120)
    server_id = mine.make_server()
    turn_loops(lab)
    assert mine.server(server_id)["status"] == "BUILD", "the silent host may be back in a moment"
    lab.clock.advance(PATIENCE_S)
    turn_loops(lab)

    assert mine.server(server_id)["status"] == "ERROR"
    states = {s["host"]: s["state"] for s in admin.get("/os-services").json["services"]}
    assert states == {"fake-0001": "down", "fake-0002": "down"}


def turn_loops(lab):
    while lab.engine.turn():
        pass


def test_a_server_waits_for_a_host_that_ails_and_is_placed_when_it_recovers(lab, mine):
    lab.clock.advance(120)
    server_id = mine.make_server()
    turn_loops(lab)
    assert "not been heard of" in lab.engine.status()["trouble"][0]["because"]

    lab.settle()  # The hosts speak again.
    lab.clock.advance(PLACE_RECHECK_S)
    lab.settle()

    assert mine.server(server_id)["status"] == "ACTIVE"


def test_many_servers_are_made_by_one_request(lab, mine):
    reply = mine.ask_server(name="node", min_count=1, max_count=3, return_reservation_id=True)
    assert set(reply.json) == {"reservation_id"}
    lab.settle()

    found = mine.get(f"/servers/detail?reservation_id={reply.json['reservation_id']}").json["servers"]
    assert sorted(server["name"] for server in found) == ["node-1", "node-2", "node-3"]
    assert {server["status"] for server in found} == {"ACTIVE"}


def test_a_request_for_many_gets_as_many_as_the_quota_allows(lab, mine, admin):
    admin.put("/os-quota-sets/mine", json={"quota_set": {"instances": 2}})

    assert mine.ask_server(min_count=3).status == 403
    assert mine.ask_server(min_count=1, max_count=5).status == 202
    assert mine.ask_server().status == 403

    assert len(mine.get("/servers").json["servers"]) == 2


def test_a_host_speaks_for_its_own_guests_alone(lab, mine):
    server_id = lab.settled_server(mine)
    other = next(host for host in lab.fleet.worlds if host != lab.host_of(server_id))

    fact = {"guest_id": server_id, "observed_generation": 99, "exists": False, "power": "off", "boots": 0}
    reply = lab.agent().post(f"/agent/v1/hosts/{other}/facts", json={"facts": [fact]})

    assert reply.status == 204
    assert mine.server(server_id)["status"] == "ACTIVE"
