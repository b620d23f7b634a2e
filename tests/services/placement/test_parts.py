"""Parts of hosts: devices with amounts of their own, claimed together with their host or not at all."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from nacre.kernel.errors import Conflict, Stale
from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, ProjectId, ServerId, UserId
from nacre.placement.contract import Candidate, Inventory, Part, PartDemands, part_id_of, provider_id_of
from tests.services.placement.conftest import ROOM, PlacementCloud

BANDWIDTH = "NET_BW_EGR_KILOBIT_PER_SEC"
HOST = HostId("host")
SWITCH = Part(name="switch", traits=["CUSTOM_VNIC"])


def wire(kbps: int, name: str = "wire") -> Part:
    return Part(
        name=name, below="switch", inventories={BANDWIDTH: Inventory(total=kbps)}, traits=["CUSTOM_WIRE"]
    )


def offer(cloud: PlacementCloud, *parts: Part, host: str = "host") -> None:
    with cloud.database.write(Actor("test")) as tx:
        cloud.placement.ensure_host(tx, HostId(host), name=host, inventories=ROOM, parts=parts)


def look(cloud: PlacementCloud, kbps: int, part: str = "wire") -> tuple[list[Candidate], dict[str, str]]:
    with cloud.database.read() as db:
        fit, unfit = cloud.placement.candidates(db, {"VCPU": 1}, parts={part: {BANDWIDTH: kbps}})
        return list(fit), {each.host_id: each.why for each in unfit}


def claim(cloud: PlacementCloud, candidate: Candidate, server: str, kbps: int) -> None:
    with cloud.database.write(Actor("test")) as tx:
        cloud.placement.claim(
            tx,
            candidate,
            {"VCPU": 1},
            server_id=ServerId(server),
            project_id=ProjectId("demo"),
            user_id=UserId("demo"),
            parts={"wire": {BANDWIDTH: kbps}},
        )


def reclaim(cloud: PlacementCloud, **kbps: int) -> None:
    wanted: Mapping[ServerId, Mapping[HostId, PartDemands]] = {
        ServerId(server): {HOST: {"wire": {BANDWIDTH: amount}}} for server, amount in kbps.items()
    }
    with cloud.database.write(Actor("test")) as tx:
        cloud.placement.reclaim(tx, wanted)


def used(cloud: PlacementCloud, part: str = "wire") -> int:
    usages = cloud.client().call("GET", f"/resource_providers/{part_id_of(HOST, part)}/usages")["usages"]
    amount: int = usages[BANDWIDTH]
    return amount


def test_a_part_is_a_provider_below_its_host_that_other_clients_find(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    admin = cloud.client()

    tree = admin.call("GET", f"/resource_providers?in_tree={provider_id_of(HOST)}")["resource_providers"]

    assert {each["name"]: each["parent_provider_uuid"] for each in tree} == {
        "host": None,
        "host:switch": provider_id_of(HOST),
        "host:wire": part_id_of(HOST, "switch"),
    }
    query = f"resources=VCPU:1&resources_net={BANDWIDTH}:600&required_net=CUSTOM_WIRE"
    assert admin.candidates(query) == [{provider_id_of(HOST), part_id_of(HOST, "wire")}]
    assert "CUSTOM_WIRE" in admin.call("GET", "/traits?name=startswith:CUSTOM_")["traits"]


def test_a_host_whose_part_has_not_enough_says_so(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    offer(cloud, SWITCH, wire(500), host="narrow")
    offer(cloud, host="plain")

    fit, unfit = look(cloud, 600)

    assert [each.host_id for each in fit] == ["host"]
    assert unfit == {
        "narrow": f"wire: 600 {BANDWIDTH} are wanted and 500 of 500 are free",
        "plain": f"wire: it has no {BANDWIDTH}",
    }
    assert look(cloud, 1, part="other")[0] == []


def test_host_and_part_are_claimed_together_or_not_at_all(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    (seen,), _ = look(cloud, 600)
    claim(cloud, seen, "first", 600)
    assert used(cloud) == 600
    with cloud.database.read() as db:
        (again,), _ = cloud.placement.candidates(db, {"VCPU": 1})

    with pytest.raises(Stale):
        claim(cloud, again, "second", 600)

    assert look(cloud, 600) == ([], {"host": f"wire: 600 {BANDWIDTH} are wanted and 400 of 1000 are free"})
    with cloud.database.read() as db:
        assert set(cloud.placement.claims_of(db, HOST)) == {"first"}
    cloud.release("first")
    assert used(cloud) == 0
    assert len(look(cloud, 1000)[0]) == 1


def test_of_many_who_claim_a_part_at_once_no_more_win_than_fit(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    won: list[str] = []

    def run(server: str) -> None:
        while fit := look(cloud, 300)[0]:
            try:
                claim(cloud, fit[0], server, 300)
            except Stale:
                continue
            won.append(server)
            return

    threads = [threading.Thread(target=run, args=(f"server-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 3
    assert used(cloud) == 900


def test_what_is_claimed_of_a_part_is_changed_while_there_is_room(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    for server in ("first", "second"):
        claim(cloud, look(cloud, 400)[0][0], server, 400)

    with pytest.raises(Conflict, match="wanted and 600 of 1000 are free"):
        reclaim(cloud, first=601)
    assert used(cloud) == 800
    reclaim(cloud, first=700, second=300)
    assert used(cloud) == 1000
    with pytest.raises(Conflict):
        reclaim(cloud, first=900, second=200)
    reclaim(cloud, first=0, second=300)

    assert used(cloud) == 300
    with cloud.database.read() as db:
        assert set(cloud.placement.claims_of(db, HOST)) == {"first", "second"}, "what is of the host stays"


def test_whoever_asks_for_less_is_never_refused(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    claim(cloud, look(cloud, 900)[0][0], "server", 900)
    offer(cloud, SWITCH, wire(100))

    reclaim(cloud, server=800)

    assert used(cloud) == 800


def test_who_is_on_no_host_claims_of_no_part(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))

    reclaim(cloud, nobody=500)

    assert used(cloud) == 0


def test_a_part_that_is_not_offered_any_more_goes_when_nobody_claims_of_it(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    claim(cloud, look(cloud, 400)[0][0], "server", 400)
    path = f"/resource_providers/{part_id_of(HOST, 'wire')}"

    offer(cloud)
    assert cloud.client().call("GET", f"{path}/inventories")["inventories"] == {}
    assert look(cloud, 1)[0] == []
    cloud.release("server")
    offer(cloud)
    cloud.client().call("GET", path, status=404)
    offer(cloud)

    names = [each["name"] for each in cloud.client().call("GET", "/resource_providers")["resource_providers"]]
    assert names == ["host"]


def test_the_same_parts_offered_again_cost_no_write(cloud: PlacementCloud) -> None:
    offer(cloud, SWITCH, wire(1000))
    before = [cloud.client().generation(part_id_of(HOST, name)) for name in ("switch", "wire")]

    offer(cloud, SWITCH, wire(1000))
    assert [cloud.client().generation(part_id_of(HOST, name)) for name in ("switch", "wire")] == before
    offer(cloud, SWITCH, wire(2000))

    assert cloud.client().generation(part_id_of(HOST, "wire")) > before[1]
    assert len(look(cloud, 2000)[0]) == 1
