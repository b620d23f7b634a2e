"""The contract: what the compute service asks within its own transactions."""

from __future__ import annotations

import pytest

from nacre.kernel.database import statements_so_far
from nacre.kernel.events import Actor
from nacre.kernel.ids import HostId, NetworkId, PortId, ServerId
from nacre.network.changes.ports import UNBOUND_S
from nacre.network.contract import NicAsk, Unstated
from nacre.network.errors import (
    ExternalNetworkAttachForbidden,
    InvalidIpForNetwork,
    IpAddressAlreadyAllocated,
    NetworkAmbiguous,
    NetworkNotFound,
    NetworkRequiresSubnet,
    NoUniqueMatch,
    PortInUse,
    PortNotFound,
    SecurityGroupNotFound,
)
from tests.services.network.conftest import caller_of, problem

ON_BOTH_DATABASES = True

SERVER = ServerId("00000000-0000-4000-8000-0000000000aa")
OTHER = ServerId("00000000-0000-4000-8000-0000000000bb")
HOST, ELSEWHERE = HostId("host-1"), HostId("host-2")


def plan(cloud, asks, *, project="demo", role="member", groups=()):
    with cloud.database.read() as db:
        return cloud.networks.plan_nics(db, caller_of(project, role), asks, groups)


def claim(cloud, asks, *, server_id=SERVER, project="demo", groups=()):
    nics = plan(cloud, asks, project=project, groups=groups)
    with cloud.database.write(Actor("test")) as tx:
        return cloud.networks.claim_nics(tx, nics, server_id=server_id, caller=caller_of(project))


def bind(cloud, host_id=HOST, server_id=SERVER):
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.bind_nics(tx, server_id, host_id)


def release(cloud, server_id=SERVER):
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.release_nics(tx, server_id)


def on(net, **more):
    return NicAsk(network_id=NetworkId(net["id"]), **more)


def by(port):
    return NicAsk(port_id=PortId(port["id"]))


def read(cloud, what):
    with cloud.database.read() as db:
        return what(db)


def test_a_server_gets_ports_in_the_order_it_asked_for_them(cloud, demo):
    (first, _), (second, _) = demo.make_network("10.1.0.0/24"), demo.make_network("10.2.0.0/24")
    port = demo.make("port", network_id=first["id"])

    ids = claim(cloud, [on(second), by(port), on(first, fixed_ip="10.1.0.77"), on(second)])

    bind(cloud)
    nics = read(cloud, lambda db: cloud.networks.nics_of(db, [SERVER]))[SERVER]
    assert [nic.port_id for nic in nics] == list(ids)
    assert [nic.addresses[0].ip for nic in nics] == ["10.2.0.3", "10.1.0.3", "10.1.0.77", "10.2.0.4"]
    assert {nic.addresses[0].prefix_length for nic in nics} == {24}
    assert ids[1] == port["id"]
    shown = demo.find(f"/ports?device_id={SERVER}&device_owner=compute:nova")
    assert {each["id"] for each in shown} == set(ids)
    assert all(len(each["security_groups"]) == 1 for each in shown)


def test_the_ports_of_a_server_cost_few_statements(cloud, demo):
    nets = [demo.make_network(f"10.{n}.0.0/24")[0] for n in range(3)]
    demo.make("port", network_id=nets[0]["id"])
    before = statements_so_far()
    nics = plan(cloud, [on(nets[0])])
    one = statements_so_far() - before
    with cloud.database.write(Actor("test")) as tx:
        before = statements_so_far()
        cloud.networks.claim_nics(tx, nics, server_id=SERVER, caller=caller_of("demo"))
        claimed = statements_so_far() - before
    before = statements_so_far()
    plan(cloud, [on(net) for net in nets])

    assert statements_so_far() - before == one == 1
    assert claimed <= (5 if cloud.database.engine.dialect.name == "sqlite" else 7)


def test_the_first_server_of_a_project_brings_its_default_group_about(cloud, demo):
    net, _ = demo.make_network()

    claim(cloud, [on(net)])

    (port,) = demo.find(f"/ports?device_id={SERVER}")
    (group,) = demo.find("/security-groups")
    assert port["security_groups"] == [group["id"]]


def test_without_a_list_a_server_gets_the_only_network_there_is(cloud, demo):
    assert plan(cloud, Unstated.NONE) == ()
    assert plan(cloud, Unstated.AUTO) == ()
    net, _ = demo.make_network()
    demo.make("network")  # Without a subnet it gives no address, so nobody means it.
    cloud.outside()

    assert [nic.network_id for nic in plan(cloud, Unstated.AUTO)] == [net["id"]]
    assert plan(cloud, Unstated.AUTO, project="stranger") == ()
    demo.make_network("10.1.0.0/24")
    with pytest.raises(NetworkAmbiguous):
        plan(cloud, Unstated.AUTO)


def test_what_a_server_cannot_have_is_told_before_anything_is_made(cloud, demo, stranger):
    net, _ = demo.make_network()
    theirs, _ = stranger.make_network()
    their_port = stranger.make("port", network_id=theirs["id"])
    bare = demo.make("network")
    outside, _ = cloud.outside()
    used = demo.make("port", network_id=net["id"], device_id="something")
    port = demo.make("port", network_id=net["id"])
    demo.make("security_group", name="twice")
    demo.make("security_group", name="twice")

    for asks, groups, expected in (
        ([on(theirs)], (), NetworkNotFound),
        ([on({"id": "00000000-0000-4000-8000-000000000001"})], (), NetworkNotFound),
        ([on(bare)], (), NetworkRequiresSubnet),
        ([on(outside)], (), ExternalNetworkAttachForbidden),
        ([on(net, fixed_ip="10.9.0.1")], (), InvalidIpForNetwork),
        ([by(their_port)], (), PortNotFound),
        ([by(used)], (), PortInUse),
        ([by(port), by(port)], (), PortInUse),
        ([on(net)], ("nobody's",), SecurityGroupNotFound),
        ([on(net)], ("twice",), NoUniqueMatch),
    ):
        with pytest.raises(expected):
            plan(cloud, asks, groups=groups)


def test_what_was_taken_between_plan_and_claim_is_refused(cloud, demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    address_plan, port_plan = plan(cloud, [on(net, fixed_ip="10.0.0.9")]), plan(cloud, [by(port)])
    demo.make("port", network_id=net["id"], fixed_ips=[{"ip_address": "10.0.0.9"}])
    demo.changed("port", port, device_id="something")

    for nics, expected in ((address_plan, IpAddressAlreadyAllocated), (port_plan, PortInUse)):
        with pytest.raises(expected), cloud.database.write(Actor("test")) as tx:
            cloud.networks.claim_nics(tx, nics, server_id=SERVER, caller=caller_of("demo"))
    assert demo.find(f"/ports?device_id={SERVER}") == []


def test_ports_come_up_on_the_host_they_are_bound_to(cloud, demo, admin):
    net, _ = demo.make_network()
    (port_id,) = claim(cloud, [on(net)])
    bind(cloud)
    cloud.settle()
    assert cloud.driver.is_up(port_id)

    def report(host_id, *, up=(), down=()):
        with cloud.database.write(Actor("test")) as tx:
            cloud.networks.report_ports(tx, host_id, up=up, down=down)
        return demo.get(f"/ports/{port_id}").json["port"]["status"]

    assert report(ELSEWHERE, up=[port_id]) == "DOWN"
    assert report(HOST, up=[port_id]) == "ACTIVE"
    assert report(ELSEWHERE, down=[port_id]) == "ACTIVE"
    bind(cloud)
    assert demo.get(f"/ports/{port_id}").json["port"]["status"] == "ACTIVE"
    bind(cloud, ELSEWHERE)
    shown = admin.get(f"/ports/{port_id}").json["port"]
    assert (shown["status"], shown["binding:host_id"]) == ("DOWN", ELSEWHERE)


def test_the_switches_hear_of_a_servers_port_even_if_the_server_finds_no_host(cloud, demo):
    net, _ = demo.make_network()
    claim(cloud, [on(net)])

    cloud.clock.advance(UNBOUND_S)
    cloud.settle()

    assert cloud.audit() == []


def test_ports_made_for_a_server_go_with_it_and_adopted_ones_stay(cloud, demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], name="mine")
    made, _ = claim(cloud, [on(net), by(port)])
    other = claim(cloud, [on(net)], server_id=OTHER)[0]
    bind(cloud)
    bind(cloud, server_id=OTHER)

    release(cloud)
    release(cloud)

    assert problem(demo.get(f"/ports/{made}")) == (404, "PortNotFound")
    left = demo.show("port", port)
    assert (left["device_id"], left["device_owner"], left["name"]) == ("", "", "mine")
    assert left["fixed_ips"] == port["fixed_ips"]
    assert demo.get(f"/ports/{other}").status == 200
    cloud.settle()
    assert not cloud.driver.is_up(PortId(made))
    assert cloud.audit() == []


def test_a_port_given_to_a_server_again_goes_with_the_right_one(cloud, demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"])
    claim(cloud, [by(port)])
    release(cloud)
    claim(cloud, [by(port)], server_id=OTHER)
    release(cloud)
    assert demo.show("port", port)["device_id"] == OTHER


def test_hosts_are_told_how_to_plug_and_where_metadata_answers(cloud, demo):
    net, _ = demo.make_network()
    claim(cloud, [on(net)])
    bind(cloud)

    (nic,) = read(cloud, lambda db: cloud.networks.nics_of(db, [SERVER, OTHER]))[SERVER]

    (metadata,) = demo.find("/ports?device_owner=network:distributed")
    assert nic.mtu == net["mtu"]
    assert nic.metadata.port_id == metadata["id"]
    assert nic.metadata.mac == metadata["mac_address"]
    assert [(each.ip, each.prefix_length) for each in nic.metadata.addresses] == [("10.0.0.2", 24)]
    assert read(cloud, lambda db: cloud.networks.nics_of(db, [OTHER])) == {OTHER: []}


def test_owners_see_fixed_and_floating_addresses_and_groups(cloud, demo):
    outside, _ = cloud.outside()
    net, subnet = demo.make_network()
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    demo.join(router, subnet_id=subnet["id"])
    demo.make("security_group", name="web")
    (port_id,) = claim(cloud, [on(net)], groups=("web", "default"))
    floating = demo.make("floatingip", floating_network_id=outside["id"], port_id=port_id)

    shown = read(cloud, lambda db: cloud.networks.addresses_of(db, [SERVER, OTHER]))
    groups = read(cloud, lambda db: cloud.networks.security_groups_of(db, [SERVER, OTHER]))
    (view,) = read(cloud, lambda db: cloud.networks.ports_of(db, SERVER))

    assert [(each.kind, each.ip, each.version) for each in shown[SERVER]] == [
        ("fixed", "10.0.0.3", 4),
        ("floating", floating["floating_ip_address"], 4),
    ]
    assert {each.mac for each in shown[SERVER]} == {view.mac}
    assert shown[OTHER] == []
    assert groups == {SERVER: ["default", "web"], OTHER: []}
    assert view.fixed_ips == ((subnet["id"], "10.0.0.3"),)


def test_gateways_stand_on_the_hosts_that_are_known(cloud, demo, admin):
    outside, _ = cloud.outside()
    demo.make("router", external_gateway_info={"network_id": outside["id"]})
    (gateway,) = admin.find("/ports?device_owner=network:router_gateway")

    def hosts():
        cloud.settle()
        rows = cloud.driver.rows_of(f"port/{gateway['id']}")
        return {str(row.columns["chassis_name"]) for row in rows if row.table == "Gateway_Chassis"}

    assert hosts() == set()
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.ensure_gateway_host(tx, HOST)
        cloud.networks.ensure_gateway_host(tx, HOST)
        cloud.networks.ensure_gateway_host(tx, ELSEWHERE)
    assert hosts() == {HOST, ELSEWHERE}
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.remove_gateway_host(tx, HOST)
    assert hosts() == {ELSEWHERE}
