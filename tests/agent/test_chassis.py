"""A host's own part in networks: what the agent makes, what it finds wrong, and how long it takes to say so."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from nacre.agent.domain.chassis import (
    Around,
    BridgeSeen,
    ChassisSeen,
    ChassisWish,
    HostBridge,
    Tunnel,
    faults,
    is_set_up,
    plugged_again,
    setting_up,
)
from nacre.agent.drivers import chassis as chassis_driver
from nacre.agent.drivers.base import EngineRefused
from nacre.agent.drivers.chassis import PROBED_AT_ONCE, STRIKES, Chassis
from nacre.agent.drivers.reach import Way
from nacre.host.engines import further_bridges
from nacre.host.errors import UnclearMappings
from nacre.kernel.ids import HostId
from nacre.network.contract import ChassisFacts, ChassisFault, Spoils

WISH = ChassisWish(
    host_id=HostId("host1"),
    southbound="unix:/sb",
    bridge="br-int",
    datapath_type="netdev",
    encap_ip="127.0.0.1",
    bridges=(HostBridge(name="br-ex", physical_network="public", uplink="nic1"),),
)
WELL = ChassisSeen(
    settings={**WISH.settings, "of-others": "kept"},
    bridges={
        "br-int": BridgeSeen(datapath_type="netdev", fail_mode="secure"),
        "br-ex": BridgeSeen(datapath_type="netdev", ports=frozenset({"br-ex", "nic1"})),
    },
)
AROUND = Around(addresses=frozenset({"127.0.0.1"}), carriers=frozenset({"nic1"}), mtu=1500)


def without_bridge(name: str) -> ChassisSeen:
    return replace(WELL, bridges={each: seen for each, seen in WELL.bridges.items() if each != name})


@pytest.mark.parametrize(
    "seen",
    [
        without_bridge("br-int"),
        without_bridge("br-ex"),
        replace(WELL, settings=WELL.settings | {"ovn-encap-ip": "192.0.2.9"}),
        replace(WELL, bridges=WELL.bridges | {"br-ex": BridgeSeen(datapath_type="netdev")}),
        replace(WELL, bridges=WELL.bridges | {"br-int": BridgeSeen(datapath_type="netdev")}),
        replace(WELL, bridges=WELL.bridges | {"br-int": BridgeSeen(datapath_type="", fail_mode="secure")}),
    ],
)
def test_whatever_of_the_switch_is_missing_or_changed_is_noticed(seen):
    assert is_set_up(WISH, WELL)
    assert not is_set_up(WISH, seen)


@pytest.mark.parametrize(
    ("seen", "around", "spoils", "words"),
    [
        (without_bridge("br-int"), AROUND, Spoils.EVERYTHING, "bridge br-int is missing"),
        (without_bridge("br-ex"), AROUND, Spoils.PHYSICAL, "bridge br-ex is missing"),
        (replace(WELL, errors={"nic1": "No such device"}), AROUND, Spoils.PHYSICAL, "nic1: No such device"),
        (
            WELL,
            replace(AROUND, carriers=frozenset()),
            Spoils.PHYSICAL,
            "nic1 of bridge br-ex is missing, down",
        ),
        (WELL, replace(AROUND, mtu=1400), Spoils.TUNNELS, "may have 1400 bytes, and 1500 are needed"),
        (
            WELL,
            replace(AROUND, addresses=frozenset()),
            Spoils.TUNNELS,
            "address 127.0.0.1 is not on this host",
        ),
        (replace(WELL, errors={"ovn-a-0": "no route"}), AROUND, Spoils.TUNNELS, "tunnel ovn-a-0: no route"),
    ],
)
def test_a_fault_is_told_with_what_it_spoils(seen, around, spoils, words):
    assert faults(WISH, WELL, AROUND) == ()
    (found,) = faults(WISH, seen, around)
    assert found.spoils is spoils
    assert words in found.what


def test_an_uplink_that_the_switch_could_not_use_is_plugged_again():
    assert plugged_again(WISH, WELL) == []
    assert plugged_again(WISH, replace(WELL, errors={"nic1": "No such device"})) == [
        *("--if-exists", "del-port", "br-ex", "nic1", "--", "add-port", "br-ex", "nic1")
    ]


@pytest.mark.parametrize(
    ("option", "bridges"),
    [
        ("", []),
        ("one:br-1", [HostBridge(physical_network="one", name="br-1")]),
        (
            " one:br-1:eth1, two:br-2 ",
            [
                HostBridge(physical_network="one", name="br-1", uplink="eth1"),
                HostBridge(physical_network="two", name="br-2"),
            ],
        ),
    ],
)
def test_further_physical_networks_are_an_option(option, bridges):
    assert further_bridges(option) == bridges


@pytest.mark.parametrize("option", ["one", "one:", "a:b:c:d", ":br-1"])
def test_an_option_that_cannot_be_meant_is_refused(option):
    with pytest.raises(UnclearMappings):
        further_bridges(option)


@dataclass
class Switch:
    """Made as asked at once, unless it refuses."""

    seen: ChassisSeen | None
    refuses: bool = False
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def chassis_seen(self) -> ChassisSeen | None:
        return self.seen

    def vsctl(self, *arguments: str) -> str:
        if self.refuses:
            raise EngineRefused("ovs-vsctl", "the disk is full")
        self.asked.append(arguments)
        self.seen = WELL
        return ""


class Others:
    """The other hosts, of which some do not answer."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def __call__(self, addresses, *, from_address, size_bytes):
        self.asked += addresses
        return {each: Way.NONE if each in self.silent else Way.WHOLE for each in addresses}


@pytest.fixture(autouse=True)
def _a_machine_that_is_well(monkeypatch):
    monkeypatch.setattr(chassis_driver.reach, "has_carrier", lambda _name: True)
    monkeypatch.setattr(chassis_driver.reach, "mtu_towards", lambda _address, from_address: 1500)


def tunnels(count: int) -> ChassisSeen:
    return replace(WELL, tunnels=tuple(Tunnel(f"peer{n}", f"192.0.2.{n}") for n in range(1, count + 1)))


def test_a_missing_bridge_is_made_and_the_fault_is_gone():
    switch = Switch(without_bridge("br-ex"))

    assert Chassis(WISH, switch).survey()

    assert switch.asked == [tuple(setting_up(WISH))]


def test_what_cannot_be_made_is_told_and_cured_when_it_can():
    switch = Switch(without_bridge("br-ex"), refuses=True)
    chassis = Chassis(WISH, switch)

    assert not chassis.survey()
    (fault, *_) = chassis.facts().faults
    assert "the disk is full" in fault.what

    switch.refuses = False
    assert chassis.survey()
    assert chassis.facts().faults == ()


def test_a_switch_that_was_never_seen_is_not_spoken_of():
    chassis = Chassis(WISH, Switch(None))

    assert not chassis.survey()
    assert chassis.facts() is None


def test_a_host_is_out_of_reach_after_some_misses_in_a_row_and_back_at_once():
    others = Others()
    chassis = Chassis(WISH, Switch(tunnels(2)), ways_to=others)
    others.silent = {"192.0.2.2"}

    for _ in range(STRIKES - 1):
        assert not chassis.survey(), "it wants to look again soon"
        assert chassis.facts().unreached == ()
    chassis.survey()
    assert [each.host_id for each in chassis.facts().unreached] == ["peer2"]

    others.silent = set()
    assert chassis.survey()
    assert chassis.facts().unreached == ()


def test_a_host_that_is_no_chassis_any_more_is_missed_by_nobody():
    others, switch = Others(), Switch(tunnels(2))
    chassis = Chassis(WISH, switch, ways_to=others)
    others.silent = {"192.0.2.2"}
    for _ in range(STRIKES):
        chassis.survey()

    switch.seen = tunnels(1)

    assert chassis.survey()
    assert (chassis.facts().tunnels, chassis.facts().unreached) == (1, ())


def test_of_very_many_hosts_some_are_asked_by_turns_and_those_that_were_missed_each_time():
    count = 2 * PROBED_AT_ONCE + 10
    others = Others()
    chassis = Chassis(WISH, Switch(tunnels(count)), ways_to=others)
    others.silent = {"192.0.2.1"}

    for _ in range(STRIKES):
        chassis.survey()

    assert len(set(others.asked)) == count
    assert others.asked.count("192.0.2.1") == STRIKES
    assert len(others.asked) <= STRIKES * (PROBED_AT_ONCE + 1)


def test_what_a_host_finds_is_reported_and_looked_at_again_soon(stage):
    stage.run()
    well = ChassisFacts(
        bridge="br-int", datapath_type="netdev", encap_type="geneve", encap_ip="127.0.0.1", tunnel_mtu=1500
    )
    fault = ChassisFault(spoils=Spoils.TUNNELS, what="the MTU is too small")

    stage.world.chassis = replace(well, faults=(fault,))
    stage.run()
    assert stage.control.hosts[stage.agent.host_id].chassis.faults == (fault,)

    stage.world.chassis = well
    stage.run(for_s=2.0)
    assert stage.control.hosts[stage.agent.host_id].chassis == well
