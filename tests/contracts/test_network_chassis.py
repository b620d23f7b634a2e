"""What the agents of three hosts find of each other on real switches, and that they mend what they can."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nacre.agent.domain.chassis import ChassisWish, HostBridge
from nacre.agent.drivers.chassis import STRIKES, Chassis
from nacre.agent.drivers.switch import OvsSwitch
from nacre.kernel.ids import HostId
from nacre.network.contract import ChassisFacts, Spoils
from nacre.network.domain.chassis import standings
from tests.support.inside import inside
from tests.support.ovn_lab import NEEDS_OVN, PHYSICAL_NETWORK, Host, OvnLab, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab(hosts=3) as lab:
        yield lab


class Agents:
    """The part of each host's agent that keeps it a chassis."""

    def __init__(self, lab: OvnLab) -> None:
        self.lab = lab
        self.switches: dict[str, OvsSwitch] = {}
        self.chassis: dict[str, Chassis] = {}
        for number, host in enumerate(lab.hosts.values(), 1):
            switch = OvsSwitch(f"unix:{host.daemons.folder}/ovs.sock", bridge="br-int")
            switch.start()
            assert switch.wait_connected(10)
            self.switches[host.name] = switch
            self.chassis[host.name] = Chassis(self._wish(host, f"192.0.2.{number}"), switch)

    def _wish(self, host: Host, address: str) -> ChassisWish:
        return ChassisWish(
            host_id=HostId(host.name),
            southbound=self.lab.south,
            bridge="br-int",
            datapath_type="netdev",
            encap_ip=address,
            bridges=(
                HostBridge(name="br-tun", uplink="nic0", address=f"{address}/24"),
                HostBridge(name="br-ex", uplink="nic1", physical_network=PHYSICAL_NETWORK),
            ),
        )

    def look(self) -> dict[HostId, ChassisFacts]:
        """One look on every host, and what it has shown."""
        with ThreadPoolExecutor() as at_once:
            list(at_once.map(self._survey, self.chassis))
        return {HostId(name): facts for name, chassis in self.chassis.items() if (facts := chassis.facts())}

    def _survey(self, name: str) -> None:
        inside(self.lab.hosts[name].namespace, self.chassis[name].survey)

    def blamed(self) -> list[str]:
        """The hosts that are not well, by what all say after as many looks as it takes to say it."""
        found: dict[HostId, ChassisFacts] = {}
        for _ in range(STRIKES):
            found = self.look()
        return list(standings(found, found.keys()))

    def are_well(self) -> bool:
        found = self.look()
        return all(facts.tunnels == 2 and not facts.is_ailing for facts in found.values())


@pytest.fixture
def agents(lab: OvnLab) -> Iterator[Agents]:
    agents = Agents(lab)
    eventually(agents.are_well, "every host is well")
    yield agents
    eventually(agents.are_well, "every host is well again by itself")
    for switch in agents.switches.values():
        switch.stop()


def test_a_host_whose_wire_is_too_narrow_is_the_one_to_blame(lab: OvnLab, agents: Agents) -> None:
    second = lab.hosts["host2"]
    lab.run("ip", "link", "set", "nic0", "mtu", "1400", namespace=second.namespace)

    assert agents.blamed() == ["host2"]
    (fault,) = agents.chassis["host2"].facts().faults
    assert fault.spoils is Spoils.TUNNELS
    assert "1400 bytes, and 1500 are needed" in fault.what
    (missed,) = agents.chassis["host1"].facts().unreached
    assert (missed.host_id, "smaller ones do" in missed.what) == ("host2", True)

    lab.run("ip", "link", "set", "nic0", "mtu", "1500", namespace=second.namespace)


def test_a_host_that_nobody_reaches_is_the_one_to_blame(lab: OvnLab, agents: Agents) -> None:
    wire = "th3"  # Where the third host is plugged into what joins them.
    lab.run("ip", "link", "set", wire, "down", namespace=lab.middle.namespace)

    assert agents.blamed() == ["host3"]

    lab.run("ip", "link", "set", wire, "up", namespace=lab.middle.namespace)


def test_a_bridge_that_somebody_took_is_made_again_with_its_uplink(lab: OvnLab, agents: Agents) -> None:
    lab.vsctl("del-br", "br-ex")
    eventually(lambda: "br-ex" not in agents.switches["host1"].chassis_seen().bridges, "the bridge is gone")

    agents.look()

    assert lab.vsctl("list-ports", "br-ex").split() == ["nic1"]
    assert lab.vsctl("get", "bridge", "br-ex", "datapath_type") == "netdev"


def test_an_interface_that_is_gone_is_named_with_the_network_it_spoils(lab: OvnLab, agents: Agents) -> None:
    lab.run("ip", "link", "set", "nic1", "name", "gone", namespace=lab.host)

    agents.look()
    (fault,) = agents.chassis["host1"].facts().faults
    assert (fault.spoils, fault.physical_network) == (Spoils.PHYSICAL, PHYSICAL_NETWORK)
    assert "nic1" in fault.what

    lab.run("ip", "link", "set", "gone", "name", "nic1", namespace=lab.host)


def test_another_wire_is_noticed_at_once_and_what_was_wished_is_set_again(
    lab: OvnLab, agents: Agents
) -> None:
    switch = agents.switches["host1"]
    assert switch.physical_networks() == (PHYSICAL_NETWORK,)

    lab.vsctl("set", "open_vswitch", ".", "external_ids:ovn-bridge-mappings=elsewhere:br-ex")
    eventually(lambda: switch.physical_networks() == ("elsewhere",), "the other wire")
    agents.look()

    eventually(lambda: switch.physical_networks() == (PHYSICAL_NETWORK,), "the wire that was wished")
