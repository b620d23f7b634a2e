"""The loops: what the rows say comes to be on the switches, whatever happens to the engine meanwhile."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import Desired, Owner, Row
from tests.services.network.conftest import NetworkCloud


@pytest.fixture
def scene(cloud, demo):
    """A router with a gateway, a network behind it, a port with a floating IP and a group of its own."""
    outside, _ = cloud.outside()
    net, subnet = demo.make_network()
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    demo.join(router, subnet_id=subnet["id"])
    group = demo.make("security_group", name="web")
    port = demo.make("port", network_id=net["id"], security_groups=[group["id"]])
    floating = demo.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])
    return {
        "network": net,
        "subnet": subnet,
        "router": router,
        "port": port,
        "security_group": group,
        "floatingip": floating,
    }


def owners_of(scene):
    return {f"{noun}/{made['id']}" for noun, made in scene.items()}


def test_everything_that_is_made_comes_to_be(cloud, scene):
    cloud.settle()

    assert owners_of(scene) <= cloud.driver.observe_owners()
    assert cloud.audit() == []


def test_an_engine_that_is_away_is_waited_for(cloud, scene):
    cloud.driver.fail(7)

    cloud.settle(within_s=60)

    assert cloud.audit() == []


def test_everything_that_is_deleted_goes_in_whatever_order(cloud, demo, scene):
    cloud.settle()

    demo.remove("floatingip", scene["floatingip"])
    demo.changed("router", scene["router"], external_gateway_info=None)
    demo.leave(scene["router"], subnet_id=scene["subnet"]["id"])
    for noun in ("router", "port", "security_group", "network"):
        assert demo.remove(noun, scene[noun]).status == 204
    cloud.settle()

    assert not owners_of(scene) & cloud.driver.observe_owners()
    assert cloud.audit() == []


def test_what_the_engine_forgets_is_named_and_comes_back_with_the_full_pass(cloud, scene):
    cloud.settle()
    cloud.driver.forget(Owner(f"port/{scene['port']['id']}"))
    assert [line for line in cloud.audit() if "missing" in line]

    look_at_everything(cloud)

    assert cloud.audit() == []


def test_what_nothing_calls_for_is_named_and_goes_with_the_full_pass(cloud, scene):
    cloud.settle()
    stray = Owner("network/00000000-0000-4000-8000-00000000dead")
    row = Row(table="Logical_Switch", key="stray", columns={"name": "stray"})
    cloud.driver.apply(stray, Desired((row,)))
    assert [line for line in cloud.audit() if "left over" in line]

    look_at_everything(cloud)

    assert stray not in cloud.driver.observe_owners()
    assert cloud.audit() == []


def look_at_everything(cloud: NetworkCloud) -> None:
    """What the periodic full pass does."""
    cloud.engine.begin()
    cloud.settle()


def columns(cloud, noun, made, table):
    (row,) = [row for row in cloud.driver.rows_of(Owner(f"{noun}/{made['id']}")) if row.table == table]
    return row.columns


def test_changes_reach_all_whom_they_concern(cloud, demo, scene):
    cloud.settle()
    net, subnet, port = scene["network"], scene["subnet"], scene["port"]
    (leg,) = demo.find(f"/ports?device_owner=network:router_interface&network_id={net['id']}")

    demo.changed("network", net, admin_state_up=False, mtu=1400, dns_domain="example.org.")
    cloud.settle()
    assert columns(cloud, "port", port, "Logical_Switch_Port")["enabled"] is False
    assert columns(cloud, "port", leg, "Logical_Switch_Port")["enabled"] is False
    options = columns(cloud, "subnet", subnet, "DHCP_Options")["options"]
    assert options["mtu"] == "1400"

    demo.changed("subnet", subnet, enable_dhcp=False)
    cloud.settle()
    assert columns(cloud, "port", port, "Logical_Switch_Port")["dhcpv4_options"] is None
    assert not cloud.driver.rows_of(Owner(f"subnet/{subnet['id']}"))

    demo.changed("port", port, fixed_ips=[])
    cloud.settle()
    assert not cloud.driver.rows_of(Owner(f"floatingip/{scene['floatingip']['id']}"))
    assert cloud.audit() == []


def test_on_a_real_host_gateways_stand_there_from_the_start(tmp_path, database, clock):
    cloud = NetworkCloud(tmp_path, database, clock, hosts="local")
    outside, _ = cloud.outside()
    cloud.client().make("router", external_gateway_info={"network_id": outside["id"]})
    cloud.settle()

    (gateway,) = cloud.client("admin", "admin").find("/ports?device_owner=network:router_gateway")
    rows = cloud.driver.rows_of(Owner(f"port/{gateway['id']}"))
    assert [row.table for row in rows].count("Gateway_Chassis") == 1
    assert gateway["status"] == "ACTIVE"
    cloud.http.close()


def test_the_log_tells_who_changed_what(cloud, demo, scene):
    import sqlalchemy as sa

    from nacre.kernel.events import EVENT

    demo.changed("port", scene["port"], name="renamed")
    with cloud.database.read() as db:
        rows = db.rows(sa.select(EVENT).where(EVENT.c.subject == scene["port"]["id"]).order_by(EVENT.c.seq))

    assert [row.action for row in rows] == ["create", "update"]
    assert rows[1].actor == "user:user-of-demo"
    assert (rows[1].before, rows[1].after) == ('{"name":""}', '{"name":"renamed"}')
