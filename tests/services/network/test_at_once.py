"""Many at the same moment: the database decides who comes first, and nobody gets what another has."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
