"""Servers that stand still, or sleep."""

from __future__ import annotations

import pytest


@pytest.fixture
def lab_url(database_url: str) -> str:
    """Both databases."""
    return database_url


def _states(server):
    return tuple(
        server[name]
        for name in ("status", "OS-EXT-STS:vm_state", "OS-EXT-STS:task_state", "OS-EXT-STS:power_state")
    )


HOLDS = [
    ("pause", "pausing", ("PAUSED", "paused", None, 3), "unpause", "unpausing"),
    ("suspend", "suspending", ("SUSPENDED", "suspended", None, 4), "resume", "resuming"),
]


@pytest.mark.parametrize(("hold", "holding", "held", "release", "releasing"), HOLDS)
def test_a_server_is_held_and_goes_on_where_it_was(lab, mine, *, hold, holding, held, release, releasing):
    server_id = lab.settled_server(mine)
    boots = lab.guest(server_id).boots

    assert mine.act(server_id, hold).status == 202
    assert _states(mine.server(server_id)) == ("ACTIVE", "active", holding, 1)
    lab.settle()
    assert _states(mine.server(server_id)) == held
    assert lab.audit() == []

    assert mine.act(server_id, release).status == 202
    assert mine.server(server_id)["OS-EXT-STS:task_state"] == releasing
    lab.settle()
    assert _states(mine.server(server_id)) == ("ACTIVE", "active", None, 1)
    assert lab.guest(server_id).boots == boots, "it has not booted again"
    actions = mine.get(f"/servers/{server_id}/os-instance-actions").json["instanceActions"]
    assert [each["action"] for each in actions] == [release, hold, "create"]


@pytest.mark.parametrize("hold", ["pause", "suspend"])
def test_what_is_held_can_be_rebooted_and_deleted(lab, mine, hold):
    server_id = lab.settled_server(mine)
    boots = lab.guest(server_id).boots
    mine.act(server_id, hold)
    lab.settle()

    assert mine.act(server_id, "reboot", {"type": "HARD"}).status == 202
    lab.settle()
    assert mine.server(server_id)["status"] == "ACTIVE"
    assert lab.guest(server_id).boots == boots + 1

    mine.act(server_id, hold)
    lab.settle()
    assert mine.delete(f"/servers/{server_id}").status == 204
    lab.settle()
    assert lab.guest(server_id) is None


@pytest.mark.parametrize(
    ("before", "refused"),
    [
        (None, ["unpause", "resume"]),
        ("os-stop", ["pause", "unpause", "suspend", "resume"]),
        ("pause", ["pause", "suspend", "resume", "os-start", "os-stop"]),
        ("suspend", ["pause", "unpause", "suspend", "os-start", "os-stop"]),
    ],
)
def test_what_a_state_does_not_allow_is_refused_and_changes_nothing(lab, mine, before, refused):
    server_id = lab.settled_server(mine)
    if before:
        mine.act(server_id, before)
        lab.settle()
    was = mine.server(server_id)

    for action in refused:
        reply = mine.act(server_id, action)
        name = action.removeprefix("os-")
        assert reply.status == 409
        assert reply.json["conflictingRequest"]["message"].startswith(f"Cannot '{name}' instance {server_id}")

    assert mine.server(server_id) == was


def test_a_locked_server_is_held_by_administrators_alone(lab, mine, admin):
    server_id = lab.settled_server(mine)
    mine.act(server_id, "lock")

    assert mine.act(server_id, "pause").status == 409
    assert lab.client("mine", "reader").act(server_id, "pause").status == 403
    assert lab.client("yours").act(server_id, "pause").status == 404
    assert admin.act(server_id, "pause").status == 202


@pytest.mark.parametrize(("hold", "after"), [("pause", "SHUTOFF"), ("suspend", "SUSPENDED")])
def test_memory_outlives_the_hosts_power_only_on_its_disk(lab, mine, hold, after):
    server_id = lab.settled_server(mine)
    mine.act(server_id, hold)
    lab.settle()

    lab.fleet.worlds[lab.host_of(server_id)].lose_power()
    assert mine.put(f"/servers/{server_id}", json={"server": {"name": "looked at again"}}).status == 200
    lab.settle()

    assert mine.server(server_id)["status"] == after
    assert lab.audit() == []
