"""Audits: what others do to the engine behind our back is named by its object, and mended."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from nacre.kernel.events import EVENT, Actor
from nacre.kernel.ids import HostId, PortId
from nacre.network.contract import ChassisFacts
from nacre.network.domain.ovn import names
from nacre.network.domain.rows import Owner, Place
from nacre.network.drivers.base import RowsRefused
from nacre.network.drivers.ovn import OvnNetwork
from nacre.network.store import agents, ports
from tests.services.network.conftest import NetworkCloud
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, OvnLab, eventually

on_real_ovn = NEEDS_OVN

REPORTED = sa.select(EVENT.c.after).where(EVENT.c.kind == "chassis").order_by(EVENT.c.seq)


def repair(cloud) -> None:
    """What `nacre audit --repair` does."""
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.ask_repair(tx)
    cloud.settle()


def only(cloud, text: str) -> bool:
    """Whether there are differences, and all of them are said of this object."""
    lines = cloud.audit()
    return bool(lines) and all(text in line for line in lines)


@pytest.fixture
def scene(demo, cloud):
    """A network, two groups and two ports in the first of them, all in force."""
    net, subnet = demo.make_network()
    web, other = demo.make("security_group", name="web"), demo.make("security_group", name="other")
    demo.make("security_group_rule", security_group_id=web["id"], direction="ingress", protocol="tcp")
    one, two = (demo.make("port", network_id=net["id"], security_groups=[web["id"]]) for _ in range(2))
    cloud.settle()
    return {"net": net, "subnet": subnet, "web": web, "other": other, "one": one, "two": two}


def test_a_port_that_was_taken_out_of_its_group_is_named_and_put_back_by_the_full_pass(cloud, scene):
    group = names.port_group(scene["web"]["id"])
    place = Place("Port_Group", "ports", group.key)
    cloud.driver.misplace(PortId(scene["one"]["id"]), place)
    assert only(cloud, f"port/{scene['one']['id']}: Logical_Switch_Port")

    cloud.engine.begin()
    cloud.settle()

    assert cloud.audit() == []
    assert len(cloud.driver.members_of(place)) == 2


def test_a_group_that_was_lost_gets_its_ports_back(cloud, scene):
    cloud.driver.forget(Owner(f"security_group/{scene['web']['id']}"))
    assert len(cloud.audit()) > 1

    repair(cloud)

    assert cloud.audit() == []


def test_a_difference_that_cannot_be_mended_is_left_named_and_not_tried_for_ever(cloud, scene):
    cloud.driver.apply = refuse
    cloud.driver.forget(Owner(f"port/{scene['one']['id']}"))

    repair(cloud)

    assert only(cloud, f"port/{scene['one']['id']}")


def refuse(owner, desired, *, verify=False):
    raise RowsRefused(owner, "it was told to")


def a_bound_port(cloud, port_id: str) -> PortId:
    """A server's port that its host says is up."""
    with cloud.database.write(Actor("test")) as tx:
        found = ports.lock(tx, port_id)
        ports.update(
            tx,
            found,
            ports.replaced(
                found, device_owner="compute:nova", device_id="s", binding_host_id=HostId("host1")
            ),
        )
        ports.report(tx, "host1", {found.id: "ACTIVE"})
        tx.make_due("network:ports", found.id)
    cloud.settle()
    return found.id


def test_what_hosts_make_of_the_rows_is_compared_too(cloud, scene):
    port_id = a_bound_port(cloud, scene["one"]["id"])
    assert cloud.audit() == []

    cloud.driver.strayed[port_id] = "host2"
    with cloud.database.write(Actor("test")) as tx:
        agents.note_heard(tx, ["host2"])
    assert cloud.audit() == [f"port/{port_id}: is realised on host2, should be on host1"]

    cloud.driver.strayed.clear()
    cloud.driver.stuck.add(port_id)
    assert cloud.audit() == [f"port/{port_id}: is ACTIVE and not up on host1"]

    cloud.driver.stuck.clear()
    cloud.driver.chassis.add("intruder")
    assert cloud.audit() == ["chassis/intruder: no host of this name is known"]


def test_a_host_that_reports_too_few_tunnels_is_named(cloud, scene):
    a_bound_port(cloud, scene["one"]["id"])
    cloud.driver.chassis.add("host2")
    said = ChassisFacts(
        bridge="br-int", datapath_type="netdev", encap_type="geneve", encap_ip="192.0.2.1", tunnel_mtu=1500
    )
    with cloud.database.write(Actor("test")) as tx:
        agents.note_heard(tx, ["host2"])
        cloud.networks.report_chassis(tx, {HostId("host1"): said, HostId("host2"): replace(said, tunnels=1)})

    assert cloud.audit() == ["chassis/host1: has tunnels to 0 of 1 others"]


def test_a_port_whose_host_has_left_the_wire_of_its_network_is_named(cloud, admin, scene):
    wire = {
        "provider:network_type": "vlan",
        "provider:segmentation_id": 7,
        "provider:physical_network": "far",
    }
    net = admin.make("network", **wire)
    port = admin.make("port", network_id=net["id"], **{"binding:host_id": "host1"})
    admin.make("port", network_id=net["id"], **{"binding:host_id": "unheard of"})
    admin.make("port", network_id=scene["net"]["id"], **{"binding:host_id": "host1"})
    cloud.settle()

    def say(*wires: str) -> None:
        with cloud.database.write(Actor("test")) as tx:
            agents.note_heard(tx, ["host1"])
            cloud.networks.hear_wires(tx, {HostId("host1"): wires})

    say("far", "near")
    assert cloud.audit() == []
    say("near")
    (line,) = cloud.audit()
    assert line.startswith(f"port/{port['id']}: needs physical network far, and host host1 is not on it")
    say("far")
    assert cloud.audit() == []
    with cloud.database.read() as db:
        heard = [json.loads(row[0]) for row in db.rows(REPORTED)]
    assert heard == [{"physical_networks": names} for names in (["far", "near"], ["near"], ["far"])]


def test_an_address_needs_the_wire_of_its_own_segment(cloud, admin):
    racks = [{"provider:network_type": "flat", "provider:physical_network": f"rack{n}"} for n in (1, 2)]
    net = admin.make("network", segments=racks)
    found = sorted(admin.find(f"/segments?network_id={net['id']}"), key=lambda each: each["physical_network"])
    for number, segment in enumerate(found):
        cidr = f"10.{number}.0.0/24"
        admin.make("subnet", network_id=net["id"], segment_id=segment["id"], ip_version=4, cidr=cidr)
    with cloud.database.write(Actor("test")) as tx:
        agents.note_heard(tx, ["host1"])
        cloud.networks.hear_wires(tx, {HostId("host1"): ["rack1"]})
    port = admin.make("port", network_id=net["id"], **{"binding:host_id": "host1"})
    cloud.settle()
    assert cloud.audit() == []

    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.hear_wires(tx, {HostId("host1"): ["rack2"]})

    (line,) = cloud.audit()
    assert line.startswith(f"port/{port['id']}: needs physical network rack1, and host host1 is not on it")


def test_a_gateway_host_without_a_chassis_is_named(cloud, scene):
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.ensure_gateway_host(tx, HostId("gone"))
    cloud.settle()

    assert cloud.audit() == ["chassis/gone: should carry gateways and is missing"]


# On a real OVN, with tools that know nothing of us.


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab


@pytest.fixture
def engine_cloud(lab, tmp_path, database, clock) -> Iterator[NetworkCloud]:
    driver = OvnNetwork(lab.remote, south=lab.south)
    made = NetworkCloud(tmp_path, database, clock, driver=driver)
    with database.write(Actor("test")) as tx:
        agents.note_heard(tx, [CHASSIS])
    yield made
    made.http.close()
    driver.close()


@pytest.mark.engines
@on_real_ovn
def test_whatever_is_changed_by_hand_in_ovn_is_named_and_mended(lab, engine_cloud):
    cloud, demo = engine_cloud, engine_cloud.client()
    net, subnet = demo.make_network()
    web, other = demo.make("security_group", name="web"), demo.make("security_group", name="other")
    demo.make("security_group_rule", security_group_id=web["id"], direction="ingress", protocol="tcp")
    one, two = (demo.make("port", network_id=net["id"], security_groups=[web["id"]])["id"] for _ in range(2))
    cloud.settle()
    assert cloud.audit() == []
    web_group, other_group = (names.port_group(group["id"]).key for group in (web, other))

    def broken(named: str, *words: str) -> None:
        lab.nbctl(*words)
        eventually(lambda: any(named in line for line in cloud.audit()), f"{words}: {named} in the audit")
        repair(cloud)
        assert cloud.audit() == [], words

    broken(f"port/{one}", "lsp-del", one)
    broken(f"port/{one}", "lsp-set-port-security", one)
    broken(f"port/{one}", "remove", "Port_Group", web_group, "ports", lsp(lab, one))
    broken(f"port/{two}", "add", "Port_Group", other_group, "ports", lsp(lab, two))
    broken(f"security_group/{web['id']}", "pg-del", web_group)
    broken("security_group/", "set", "ACL", acl_of(lab, web_group), 'match="ip4.src == 9.9.9.9"')
    broken(f"subnet/{subnet['id']}", "--all", "destroy", "DHCP_Options")
    broken(f"port/{two}", "clear", "Logical_Switch_Port", two, "external_ids")
    broken(f"security_group/{web['id']}", "clear", "Port_Group", web_group, "external_ids")
    broken(f"network/{net['id']}", "clear", "Logical_Switch", names.switch(net["id"]).key, "external_ids")
    broken(f"network/{net['id']}", "ls-del", names.switch(net["id"]).key)


def lsp(lab: OvnLab, port_id: str) -> str:
    return lab.nbctl("--bare", "--columns=_uuid", "find", "Logical_Switch_Port", f"name={port_id}")


def acl_of(lab: OvnLab, group: str) -> str:
    """A rule of a group."""
    return lab.nbctl("--bare", "--columns=acls", "find", "Port_Group", f"name={group}").split()[0]


@pytest.mark.engines
@on_real_ovn
def test_a_chassis_that_nobody_knows_is_named(lab, engine_cloud):
    engine_cloud.settle()
    assert engine_cloud.audit() == []

    lab.sbctl("chassis-add", "intruder", "geneve", "192.0.2.99")
    assert engine_cloud.audit() == ["chassis/intruder: no host of this name is known"]

    lab.sbctl("chassis-del", "intruder")
    assert engine_cloud.audit() == []


@pytest.mark.engines
@on_real_ovn
def test_a_port_that_is_unplugged_while_users_are_told_that_it_works_is_named(lab, engine_cloud):
    cloud, demo = engine_cloud, engine_cloud.client()
    net, _ = demo.make_network()
    port = a_bound_port(cloud, demo.make("port", network_id=net["id"])["id"])
    assert cloud.audit() == [f"port/{port}: is ACTIVE and realised on no host"]

    with cloud.database.read() as db:
        lab.plug(ports.load(db, port))

    eventually(lambda: cloud.audit() == [], "the port up")
