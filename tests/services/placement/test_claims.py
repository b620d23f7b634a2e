"""What neighbours rely on: a claim holds or is lost, usage is what is claimed, and every host has its reason."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nacre.kernel.clock import VirtualClock
from nacre.kernel.database import Database, statements_so_far
from nacre.kernel.errors import Stale
from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, ServerId
from nacre.kernel.wakes import Wakes
from nacre.placement.contract import Inventory, NoRoom, provider_id_of
from tests.services.placement.conftest import ROOM, PlacementCloud


def test_the_emptiest_host_comes_first_and_the_full_one_says_why(cloud: PlacementCloud) -> None:
    for name in ("empty", "busy", "full"):
        cloud.offer(name)
    cloud.offer("without", {"MEMORY_MB": Inventory(total=64)})
    candidates = {each.host_id: each for each in cloud.look(VCPU=1)[0]}
    cloud.claim(candidates[HostId("busy")], "first", VCPU=4)
    cloud.claim(candidates[HostId("full")], "second", VCPU=7)

    fit, unfit = cloud.look(VCPU=2, MEMORY_MB=64)

    assert [each.host_id for each in fit] == ["empty", "busy"]
    assert fit[1].used == {"VCPU": 4}
    assert fit[1].capacity == {"VCPU": 8, "MEMORY_MB": 1000}
    assert unfit == {
        "full": "2 VCPU are wanted and 1 of 8 are free",
        "without": "it has no VCPU",
    }


def test_a_claim_on_what_has_changed_is_lost(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    (seen,), _ = cloud.look(VCPU=5)
    cloud.claim(seen, "first", VCPU=5)

    with pytest.raises(Stale):
        cloud.claim(seen, "second", VCPU=5)

    fit, unfit = cloud.look(VCPU=5)
    assert fit == []
    assert unfit == {"host": "5 VCPU are wanted and 3 of 8 are free"}


def test_of_many_who_claim_at_once_no_more_win_than_fit(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    won: list[str] = []

    def claim(server: str) -> None:
        while True:
            fit, _ = cloud.look(VCPU=1)
            if not fit:
                return
            try:
                cloud.claim(fit[0], server, VCPU=1)
            except Stale:
                continue
            won.append(server)
            return

    threads = [threading.Thread(target=claim, args=(f"server-{n}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 8
    with cloud.database.read() as db:
        assert set(cloud.placement.claims_of(db, HostId("host"))) == set(won)
        assert cloud.placement.usage(db) == {"host": {"VCPU": 8}}


def test_what_is_released_may_be_claimed_again(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    cloud.claim(cloud.look(VCPU=8)[0][0], "server", VCPU=8, MEMORY_MB=1000)
    assert cloud.look(VCPU=1)[0] == []

    cloud.release("server")
    cloud.release("server")

    assert [each.used for each in cloud.look(VCPU=8, MEMORY_MB=1000)[0]] == [{}]
    with cloud.database.read() as db:
        assert cloud.placement.usage(db) == {}
        assert cloud.placement.claims_of(db, HostId("host")) == {}


def test_nothing_claimed_by_a_transaction_that_fails(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    (seen,), _ = cloud.look(VCPU=1)

    with pytest.raises(RuntimeError), cloud.database.write(Actor("test")) as tx:
        cloud.placement.claim(
            tx,
            seen,
            {"VCPU": 1},
            server_id="server",
            project_id="p",
            user_id="u",  # type: ignore[arg-type]
        )
        raise RuntimeError

    cloud.claim(seen, "another", VCPU=8)


def test_a_host_that_offers_the_same_again_costs_no_write(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    (before,), _ = cloud.look(VCPU=1)

    cloud.offer("host")
    assert cloud.look(VCPU=1)[0] == [before]

    cloud.offer("host", {**ROOM, "VCPU": Inventory(total=1, allocation_ratio=16.0)})
    assert cloud.look(VCPU=1)[0][0].capacity["VCPU"] == 16
    assert cloud.look(VCPU=2)[0][0].generation > before.generation


def test_a_claim_costs_three_statements(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    (seen,), _ = cloud.look(VCPU=1)

    with cloud.database.write(Actor("test")) as tx:
        before = statements_so_far()
        cloud.placement.claim(
            tx,
            seen,
            {"VCPU": 1, "MEMORY_MB": 64},
            server_id="s",
            project_id="p",
            user_id="u",  # type: ignore[arg-type]
        )
        assert statements_so_far() - before == 3


def test_looking_costs_nothing_while_nothing_changes(cloud: PlacementCloud) -> None:
    for n in range(30):
        cloud.offer(f"host-{n}")
    cloud.look(VCPU=1)

    before = statements_so_far()
    assert len(cloud.look(VCPU=1)[0]) == 30
    assert statements_so_far() == before


def test_equal_hosts_take_turns(cloud: PlacementCloud) -> None:
    for n in range(3):
        cloud.offer(f"host-{n}")

    assert len({cloud.look(VCPU=1)[0][0].host_id for _ in range(3)}) == 3


def test_a_lost_announcement_is_made_up_for(
    cloud: PlacementCloud, database_url: str, tmp_path: Path, clock: VirtualClock
) -> None:
    """Another node changes a host, and its wake-up never arrives."""
    cloud.offer("host")
    cloud.offer("gone")
    assert len(cloud.look(VCPU=1)[0]) == 2
    other_store = Database(database_url, clock=clock, wakes=Wakes(), durable=False)
    other = PlacementCloud(tmp_path, other_store, clock)
    other.claim(next(each for each in other.look(VCPU=8)[0] if each.host_id == "host"), "theirs", VCPU=8)
    other.client().call("DELETE", f"/resource_providers/{provider_id_of(HostId('gone'))}", status=204)

    outdated = next(each for each in cloud.look(VCPU=8)[0] if each.host_id == "host")
    with pytest.raises(Stale):
        cloud.claim(outdated, "ours", VCPU=8)
    assert [each.host_id for each in cloud.look(VCPU=8)[0]] == ["gone"], "a lost claim makes us look again"

    clock.advance(60)
    assert cloud.look(VCPU=8) == ([], {"host": "8 VCPU are wanted and 0 of 8 are free"})
    other.http.close()
    other_store.close()


def test_hosts_are_providers_of_the_api(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    cloud.claim(cloud.look(VCPU=1)[0][0], "7f7f7f7f-0000-4000-8000-000000000000", VCPU=1)
    admin = cloud.client()

    (shown,) = admin.call("GET", "/resource_providers?name=host")["resource_providers"]
    usages = admin.call("GET", f"/resource_providers/{shown['uuid']}/usages")
    held = admin.call("GET", "/allocations/7f7f7f7f-0000-4000-8000-000000000000")

    assert shown["uuid"] == provider_id_of(HostId("host"))
    assert usages["usages"] == {"VCPU": 1, "MEMORY_MB": 0}
    assert held["consumer_type"] == "INSTANCE"
    assert held["project_id"] == "demo"


def test_providers_that_are_no_hosts_are_offered_to_nobody(cloud: PlacementCloud) -> None:
    cloud.client().make("pool", {"VCPU": {"total": 100}})

    assert cloud.look(VCPU=1) == ([], {})


def test_a_server_claims_more_or_less_of_the_host_it_is_on(cloud: PlacementCloud) -> None:
    cloud.offer("host")
    for server in ("first", "second"):
        (seen,), _ = cloud.look(VCPU=3, MEMORY_MB=100)
        cloud.claim(seen, server, VCPU=3, MEMORY_MB=100)

    resize(cloud, "first", VCPU=5, MEMORY_MB=10)

    assert claims(cloud) == {"first": {"VCPU": 5, "MEMORY_MB": 10}, "second": {"VCPU": 3, "MEMORY_MB": 100}}
    with pytest.raises(NoRoom, match="6 VCPU are wanted"):
        resize(cloud, "first", VCPU=6, MEMORY_MB=10)
    assert claims(cloud)["first"] == {"VCPU": 5, "MEMORY_MB": 10}
    resize(cloud, "first", VCPU=1)
    assert claims(cloud)["first"] == {"VCPU": 1}
    assert cloud.look(VCPU=4)[1] == {}, "what was given back is there for others"


def resize(cloud: PlacementCloud, server: str, **demand: int) -> None:
    with cloud.database.write(Actor("test")) as tx:
        cloud.placement.resize(tx, HostId("host"), ServerId(server), demand)


def claims(cloud: PlacementCloud) -> dict[str, dict[str, int]]:
    with cloud.database.read() as db:
        return {server: dict(each) for server, each in cloud.placement.claims_of(db, HostId("host")).items()}
