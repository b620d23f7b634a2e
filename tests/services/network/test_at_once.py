"""Many at the same moment: the database decides who comes first, and nobody gets what another has."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from nacre.kernel.database import Tx
from nacre.kernel.events import Actor
from nacre.network.changes import gateways
from nacre.network.changes import routers as router_changes
from nacre.network.store import routers
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(work, range(times)))


def test_ports_made_at_the_same_moment_never_share_an_address(cloud, demo):
    net, _ = demo.make_network()
    demo.find("/security-groups")

    def make(_n: int) -> str:
        return cloud.client().make("port", network_id=net["id"])["fixed_ips"][0]["ip_address"]

    given = at_once(make, 40)

    assert sorted(given, key=lambda ip: int(ip.split(".")[-1])) == [f"10.0.0.{n}" for n in range(3, 43)]


def test_a_project_looked_at_from_all_sides_gets_one_default_group(cloud, demo):
    at_once(lambda _n: cloud.client().find("/security-groups"), 16)

    assert len(demo.find("/security-groups")) == 1


def test_a_quota_holds_against_many_at_once(cloud, demo, admin):
    admin.put("/quotas/demo", json={"quota": {"network": 5}})

    replies = at_once(lambda n: cloud.client().post("/networks", json={"network": {"name": f"n{n}"}}), 16)

    assert sorted(reply.status for reply in replies) == [201] * 5 + [409] * 11
    assert len(demo.find("/networks")) == 5


def test_overlapping_subnets_made_at_once_are_one(cloud, demo):
    net = demo.make("network")
    said = {"subnet": {"network_id": net["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}}

    replies = at_once(lambda _n: cloud.client().post("/subnets", json=said), 8)

    assert sorted(reply.status for reply in replies) == [201] + [400] * 7
    (port,) = demo.find("/ports")
    assert port["device_owner"] == "network:distributed"


def test_a_floating_ip_is_given_once(cloud, demo):
    outside, _ = cloud.outside()

    given = at_once(
        lambda _n: cloud.client().make("floatingip", floating_network_id=outside["id"])[
            "floating_ip_address"
        ],
        12,
    )

    assert len(set(given)) == 12


def test_a_network_and_a_port_on_it_never_half_exist(cloud, demo):
    net, _ = demo.make_network()

    def make_or_delete(n: int) -> int:
        client = cloud.client()
        if n % 4 == 3:
            return client.remove("network", net).status
        return client.post("/ports", json={"port": {"network_id": net["id"]}}).status

    statuses = at_once(make_or_delete, 12)

    assert all(status < 500 for status in statuses)
    cloud.settle()
    assert cloud.audit() == []


_WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")


def wait_until_one_waits(tx: Tx) -> None:
    """Returns once somebody waits for what a transaction has locked. SQLite lets nobody else begin anyway."""
    end = time.monotonic() + 10
    while tx.dialect == "postgresql" and not tx.scalar(_WAITING):
        assert time.monotonic() < end, "nobody waits"


@pytest.mark.parametrize("how", ["as a whole", "by a router that was chosen", "port by port"])
def test_no_floating_ip_is_led_through_a_router_that_loses_its_way_out_meanwhile(cloud, demo, how):
    outside, _ = cloud.outside()
    net, subnet = demo.make_network()
    router = demo.make("router", external_gateway_info={"network_id": outside["id"]})
    demo.join(router, subnet_id=subnet["id"])
    port = demo.make("port", network_id=net["id"])
    floating = demo.make("floatingip", floating_network_id=outside["id"])
    forwarding = {"protocol": "tcp", "internal_port_id": port["id"], "internal_port": 1, "external_port": 1}
    chosen = {"router_id": router["id"]} if how == "by a router that was chosen" else {}

    def lead() -> Any:
        if how == "port by port":
            path = f"/floatingips/{floating['id']}/port_forwardings"
            return cloud.client().post(path, json={"port_forwarding": forwarding})
        return cloud.client().change("floatingip", floating, port_id=port["id"], **chosen)

    with ThreadPoolExecutor(1) as thread:
        with cloud.database.write(Actor("demo")) as tx:
            before = routers.lock(tx, router["id"])
            router_changes.update(tx, before, gateways.with_first(tx, before, None))
            led = thread.submit(lead)
            wait_until_one_waits(tx)
        status, code = problem(led.result())

    wanted = (409, "RouterNotOnFloatingNetwork") if chosen else (404, "ExternalGatewayForFloatingIPNotFound")
    assert (status, code) == wanted
    assert demo.show("floatingip", floating)["router_id"] is None
    cloud.settle()
    assert cloud.audit() == []


def test_floating_ips_and_the_ways_out_they_need_come_and_go_at_once_without_a_deadlock(cloud, demo):
    outside, _ = cloud.outside()
    net, subnet = demo.make_network()
    router = demo.make("router")
    demo.join(router, subnet_id=subnet["id"])
    ports = [demo.make("port", network_id=net["id"]) for _ in range(12)]

    def work(n: int) -> int:
        client = cloud.client()
        if n % 3:
            said = {"floating_network_id": outside["id"], "port_id": ports[n % 12]["id"]}
            return client.post("/floatingips", json={"floatingip": said}).status
        gateway = {} if n % 2 else {"network_id": outside["id"]}
        return client.change("router", router, external_gateway_info=gateway).status

    assert set(at_once(work, 36)) <= {200, 201, 404, 409}

    has_way_out = demo.show("router", router)["external_gateway_info"] is not None
    assert has_way_out or demo.find("/floatingips") == []
    cloud.settle()
    assert cloud.audit() == []
