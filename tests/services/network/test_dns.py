"""What ports are called, through the API and on the switches."""

from __future__ import annotations

import pytest

from nacre.kernel.events import Actor
from nacre.kernel.ids import ServerId
from nacre.network.contract import NicAsk
from nacre.network.domain.rows import Owner
from tests.services.network.conftest import caller_of


def records_of(cloud, port):
    cloud.settle()
    rows = cloud.driver.rows_of(Owner(f"port/{port['id']}"))
    return {
        name: value for row in rows if row.table == "DNS" for name, value in row.columns["records"].items()
    }


def test_every_address_has_a_name_in_the_nearest_domain(demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], fixed_ips=[{"ip_address": "10.0.0.9"}])

    def named():
        (found,) = demo.show("port", port)["dns_assignment"]
        return found["hostname"], found["fqdn"]

    assert named() == ("host-10-0-0-9", "host-10-0-0-9.novalocal.")
    demo.changed("port", port, dns_name="web")
    assert named() == ("web", "web.novalocal.")
    demo.changed("network", net, dns_domain="net.test.")
    assert named() == ("web", "web.net.test.")
    demo.changed("port", port, dns_domain="port.test")
    assert named() == ("web", "web.port.test.")
    demo.changed("port", port, dns_name="web.whole.test.")
    assert named() == ("web", "web.whole.test.")


def test_neighbours_are_told_of_names_and_of_every_change(cloud, demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], dns_name="Web", fixed_ips=[{"ip_address": "10.0.0.9"}])
    unnamed = demo.make("port", network_id=net["id"])
    back = {"9.0.0.10.in-addr.arpa": "web.novalocal"}

    assert records_of(cloud, port) == {"web.novalocal": "10.0.0.9", "web": "10.0.0.9", **back}
    assert records_of(cloud, unnamed) == {}
    demo.changed("network", net, dns_domain="net.test.")
    assert set(records_of(cloud, port)) == {"web.net.test", "web.novalocal", "web", *back}
    demo.changed("port", port, dns_name="")
    assert records_of(cloud, port) == {}
    assert cloud.audit() == []


@pytest.mark.parametrize("wrong", ["two words", "-begins.test", "a" * 64, 5])
def test_what_is_no_name_is_refused(demo, wrong):
    net, _ = demo.make_network()

    assert demo.refused("port", network_id=net["id"], dns_name=wrong)[0] == 400
    assert demo.refused("port", network_id=net["id"], dns_domain=wrong)[0] == 400
    assert demo.find(f"/ports?network_id={net['id']}&device_owner=") == []


def test_a_servers_ports_are_called_as_their_server(cloud, demo):
    net, _ = demo.make_network()
    caller = caller_of("demo")

    with cloud.database.write(Actor("test")) as tx:
        plan = cloud.networks.plan_nics(tx, caller, [NicAsk(network_id=net["id"])], ())
        (made,) = cloud.networks.claim_nics(
            tx, plan, server_id=ServerId("a-server"), caller=caller, host_name="db-1"
        )

    shown = demo.show("port", {"id": made})
    assert (shown["dns_name"], shown["dns_assignment"][0]["fqdn"]) == ("db-1", "db-1.novalocal.")
