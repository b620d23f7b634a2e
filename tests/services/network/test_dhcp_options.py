"""What DHCP tells one port besides, through the API."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import Owner

BOOT = [
    {"opt_name": "bootfile-name", "opt_value": "pxelinux.0", "ip_version": 4},
    {"opt_name": "tftp-server", "opt_value": "10.0.0.66", "ip_version": 4},
    {"opt_name": "ntp-server", "opt_value": "10.0.0.7,10.0.0.8", "ip_version": 4},
]


def options_of(cloud, noun: str, made):
    """The DHCP options that an object has on the switches."""
    cloud.settle()
    rows = cloud.driver.rows_of(Owner(f"{noun}/{made['id']}"))
    return [row.columns["options"] for row in rows if row.table == "DHCP_Options"]


def test_a_port_is_told_more_than_its_subnets_others(cloud, demo):
    net, subnet = demo.make_network(dns_nameservers=["10.0.0.53"])

    port = demo.make("port", network_id=net["id"], extra_dhcp_opts=BOOT)
    other = demo.make("port", network_id=net["id"])

    (usual,) = options_of(cloud, "subnet", subnet)
    (own,) = options_of(cloud, "port", port)
    assert own == usual | {
        "bootfile_name": '"pxelinux.0"',
        "tftp_server": '"10.0.0.66"',
        "ntp_server": "{10.0.0.7, 10.0.0.8}",
    }
    assert options_of(cloud, "port", other) == []
    assert port["extra_dhcp_opts"] == demo.show("port", port)["extra_dhcp_opts"] == BOOT
    assert cloud.audit() == []


def test_text_may_come_in_the_quotes_that_switches_want(cloud, demo):
    net, _ = demo.make_network()
    option = {"opt_name": "domain-name", "opt_value": '"test.domain"', "ip_version": 4}

    port = demo.make("port", network_id=net["id"], extra_dhcp_opts=[option])

    assert port["extra_dhcp_opts"] == [option]
    (own,) = options_of(cloud, "port", port)
    assert own["domain_name"] == '"test.domain"'


def test_options_are_added_replaced_and_taken_away_one_by_one(cloud, demo):
    net, _ = demo.make_network()
    port = demo.make("port", network_id=net["id"], extra_dhcp_opts=BOOT)

    changes = [
        {"opt_name": "bootfile-name", "opt_value": None},
        {"opt_name": "mtu", "opt_value": "1400"},
        {"opt_name": "tftp-server", "opt_value": "10.0.0.67"},
        {"opt_name": "ntp-server", "opt_value": None, "ip_version": 4},
    ]
    after = demo.changed("port", port, extra_dhcp_opts=changes)

    assert {each["opt_name"]: each["opt_value"] for each in after["extra_dhcp_opts"]} == {
        "tftp-server": "10.0.0.67",
        "mtu": "1400",
    }
    (own,) = options_of(cloud, "port", port)
    assert (own["mtu"], own["tftp_server"], "bootfile_name" in own) == ("1400", '"10.0.0.67"', False)
    nothing = [{"opt_name": name, "opt_value": None} for name in ("mtu", "tftp-server")]
    assert demo.changed("port", port, extra_dhcp_opts=nothing)["extra_dhcp_opts"] == []
    assert options_of(cloud, "port", port) == []


def test_what_changes_for_the_subnet_changes_for_ports_with_options_of_their_own(cloud, demo):
    net, subnet = demo.make_network()
    port = demo.make("port", network_id=net["id"], extra_dhcp_opts=BOOT)
    cloud.settle()

    demo.changed("subnet", subnet, dns_nameservers=["10.0.0.99"])
    demo.changed("network", net, mtu=1300)

    (own,) = options_of(cloud, "port", port)
    assert (own["dns_server"], own["mtu"]) == ("{10.0.0.99}", "1300")


def test_a_port_may_want_no_answer_at_all(cloud, demo):
    net, _ = demo.make_network()
    silent = [{"opt_name": "dhcp_disabled", "opt_value": "True"}]

    port = demo.make("port", network_id=net["id"], extra_dhcp_opts=silent)

    cloud.settle()
    (row,) = cloud.driver.rows_of(Owner(f"port/{port['id']}"))
    assert row.columns["dhcpv4_options"] is None


def test_addresses_of_the_other_ip_version_are_kept_and_not_told(cloud, demo):
    net, _ = demo.make_network()
    odd = [{"opt_name": "server-ip-address", "opt_value": "2015::badd", "ip_version": 4}]

    port = demo.make("port", network_id=net["id"], extra_dhcp_opts=odd)

    assert port["extra_dhcp_opts"] == odd
    assert options_of(cloud, "port", port) == []


@pytest.mark.parametrize(
    "option",
    [
        {"opt_name": "colour", "opt_value": "red"},
        {"opt_name": "mtu", "opt_value": "large"},
        {"opt_name": "router", "opt_value": "nowhere"},
        {"opt_name": "ip-forward-enable", "opt_value": "perhaps"},
        {"opt_name": "classless-static-route", "opt_value": "10.0.0.0/8"},
        {"opt_name": "bootfile-name", "opt_value": 'a"b'},
        {"opt_name": "bootfile-name", "opt_value": "a\nb"},
        {"opt_name": "bootfile-name", "opt_value": "x", "ip_version": 6},
        {"opt_name": "bootfile-name", "opt_value": "x", "ip_version": 5},
        {"opt_name": "bootfile-name"},
        {"opt_name": "", "opt_value": "x"},
        {"opt_name": "dhcp_disabled", "opt_value": "perhaps"},
    ],
)
def test_an_option_that_cannot_be_told_is_refused(demo, option):
    net, _ = demo.make_network()

    said = {"network_id": net["id"], "extra_dhcp_opts": [option]}
    assert demo.post("/ports", json={"port": said}).status == 400
    port = demo.make("port", network_id=net["id"])
    assert demo.change("port", port, extra_dhcp_opts=[option]).status == 400
