"""Our objects, and the OVN rows that each of them is made into."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from nacre.kernel.ids import HostId, NetworkId, PortId, RouterId, SubnetId
from nacre.network.domain.address_groups import AddressGroup
from nacre.network.domain.local_ips import Association, IpMode, LocalIp
from nacre.network.domain.networks import NetworkType, largest_mtu
from nacre.network.domain.ovn.address_groups import compile_address_group
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.local_ips import compile_host, compile_local_ip
from nacre.network.domain.ovn.networks import compile_network
from nacre.network.domain.ovn.port_forwardings import compile_forwardings
from nacre.network.domain.ovn.ports import compile_port, compile_router_port
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.ovn.security_groups import compile_security_group, rule_match
from nacre.network.domain.ovn.subnets import DhcpSettings, compile_subnet
from nacre.network.domain.port_forwardings import PortForwarding, PortRange
from nacre.network.domain.ports import AddressPair, DeviceOwner, FixedIp
from nacre.network.domain.qos import QosRule, RuleKind
from nacre.network.domain.routers import (
    MOST_GATEWAY_HOSTS,
    ExternalGateway,
    RouterInterface,
    rank_gateway_hosts,
)
from nacre.network.domain.rows import NOTHING, Desired, Place, Ref, Row, row_uuid
from nacre.network.domain.security_groups import Direction
from nacre.network.domain.subnets import HostRoute, Ipv6Mode
from nacre.network.drivers.tables import HOLDERS, ROOTS, TABLES
from tests.domain.network.objects import (
    FLOATING,
    GATEWAY_PORT,
    GROUP,
    MAC,
    METADATA_PORT,
    NET,
    OTHER_GROUP,
    OUTSIDE,
    OUTSIDE_SUB,
    PORT,
    PROJECT,
    ROUTER,
    ROUTER_PORT,
    SUB,
    SUB6,
    a_floating_ip,
    a_group,
    a_network,
    a_port,
    a_router,
    a_rule,
    a_subnet,
    a_subnet6,
    an_id,
)

SUBNETS = {SUB: a_subnet(), SUB6: a_subnet6()}
PG = "pg_" + GROUP.replace("-", "_")
PG_OTHER = "pg_" + OTHER_GROUP.replace("-", "_")
IN_SWITCH = Place("Logical_Switch", "ports", NET)


def only(desired: Desired) -> Row:
    (row,) = desired.rows
    return row


def without_rules(desired: Desired) -> list[Row]:
    """The rows but for those that say what a switch lets through."""
    return [row for row in desired.rows if row.table != "ACL"]


def columns(row: Row, *names: str) -> dict[str, Any]:
    return {name: row.columns[name] for name in names}


# Networks.


def test_a_tenant_network_is_a_switch() -> None:
    (row,) = without_rules(compile_network(a_network()))

    assert (row.table, row.key, row.columns["name"]) == ("Logical_Switch", NET, NET)


@pytest.mark.parametrize(
    ("network_type", "vlan", "tag"), [(NetworkType.FLAT, None, None), (NetworkType.VLAN, 100, 100)]
)
def test_a_physical_network_also_has_a_port_to_its_wire(
    network_type: NetworkType, vlan: int | None, tag: int | None
) -> None:
    network = a_network(
        provider_network_type=network_type, provider_physical_network="public", provider_segmentation_id=vlan
    )

    _, wire = without_rules(compile_network(network))

    assert columns(wire, "type", "tag", "options") == {
        "type": "localnet",
        "tag": tag,
        "options": {"network_name": "public"},
    }
    assert wire.places == (IN_SWITCH,)


@pytest.mark.parametrize(
    ("said", "passes", "ethertype"),
    [({}, "false", None), ({"vlan_transparent": True}, "true", None), ({"qinq": True}, "true", "802.11ad")],
)
def test_a_network_lets_tags_of_guests_pass_only_if_it_should(
    said: dict[str, bool], passes: str, ethertype: str | None
) -> None:
    network = a_network(
        provider_network_type=NetworkType.VLAN,
        provider_physical_network="public",
        provider_segmentation_id=100,
        **said,
    )

    switch, wire = without_rules(compile_network(network))

    assert switch.columns["other_config"]["vlan-passthru"] == passes
    assert wire.columns["options"].get("ethtype") == ethertype


def test_tunnels_leave_1442_bytes_of_1500() -> None:
    assert largest_mtu(NetworkType.GENEVE) == 1442
    assert largest_mtu(NetworkType.GENEVE, 9000) == 8942
    assert largest_mtu(NetworkType.VLAN) == 1500


# Subnets.


def options(**fields: Any) -> dict[str, str]:
    metadata_ip = fields.pop("metadata_ip", None)
    row = only(
        compile_subnet(a_subnet(**fields), a_network(), metadata_ip=metadata_ip, settings=DhcpSettings())
    )
    assert (row.table, row.key) == ("DHCP_Options", SUB)
    return dict(row.columns["options"])  # type: ignore[arg-type]


def test_dhcp_tells_gateway_mtu_lease_and_metadata_route() -> None:
    told = options(metadata_ip="10.0.0.2")

    assert told["server_mac"].startswith("fa:16:3e:")
    del told["server_mac"]
    assert told == {
        "server_id": "10.0.0.1",
        "router": "10.0.0.1",
        "mtu": "1442",
        "lease_time": "43200",
        "dns_server": "{10.0.0.2}",
        "domain_name": '"novalocal"',
        "classless_static_route": "{169.254.169.254/32,10.0.0.2, 0.0.0.0/0,10.0.0.1}",
    }


@pytest.mark.parametrize(
    ("fields", "option", "value"),
    [
        ({}, "classless_static_route", None),
        ({"gateway_ip": None, "metadata_ip": "10.0.0.2"}, "router", None),
        ({"gateway_ip": None, "metadata_ip": "10.0.0.2"}, "server_id", "10.0.0.2"),
        ({"gateway_ip": None}, "server_id", "10.0.0.1"),
        (
            {"gateway_ip": None, "metadata_ip": "10.0.0.2"},
            "classless_static_route",
            "{169.254.169.254/32,10.0.0.2}",
        ),
        ({"dns_nameservers": ("9.9.9.9", "fd00::53", "8.8.8.8")}, "dns_server", "{9.9.9.9, 8.8.8.8}"),
        ({"dns_nameservers": ("fd00::53",)}, "dns_server", None),
        (
            {"host_routes": (HostRoute("10.9.0.0/16", "10.0.0.9"),)},
            "classless_static_route",
            "{10.9.0.0/16,10.0.0.9, 0.0.0.0/0,10.0.0.1}",
        ),
        (
            {"host_routes": (HostRoute("0.0.0.0/0", "10.0.0.9"),)},
            "classless_static_route",
            "{0.0.0.0/0,10.0.0.9}",
        ),
    ],
)
def test_dhcp_options_follow_the_subnet(fields: dict[str, Any], option: str, value: str | None) -> None:
    assert options(**fields).get(option) == value


def test_text_in_dhcp_options_carries_its_own_quotes_and_cannot_leave_them() -> None:
    settings = DhcpSettings(domain_name='ex"ample.org')

    row = only(compile_subnet(a_subnet(), a_network(), metadata_ip=None, settings=settings))

    assert row.columns["options"]["domain_name"] == '"example.org"'  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"enable_dhcp": False, "ipv6_address_mode": Ipv6Mode.STATEFUL}, None),
        ({}, None),
        ({"ipv6_address_mode": Ipv6Mode.SLAAC}, None),
        ({"ipv6_address_mode": Ipv6Mode.STATEFUL}, {"dns_server": "{fd00::53}"}),
        (
            {"ipv6_address_mode": Ipv6Mode.STATELESS},
            {"dns_server": "{fd00::53}", "dhcpv6_stateless": "true"},
        ),
    ],
)
def test_dhcpv6_answers_only_where_the_mode_asks_for_it(
    fields: dict[str, Any], told: dict[str, str] | None
) -> None:
    subnet = a_subnet6(dns_nameservers=("fd00::53",), **fields)

    desired = compile_subnet(subnet, a_network(), metadata_ip=None, settings=DhcpSettings(domain_name=""))

    if told is None:
        assert desired == NOTHING
    else:
        said = dict(only(desired).columns["options"])  # type: ignore[arg-type]
        assert said.pop("server_id").startswith("fa:16:3e:")  # type: ignore[union-attr]
        assert said == told


# Ports.


def test_a_guests_port_is_held_by_its_switch_and_its_groups() -> None:
    row = only(compile_port(a_port(security_groups=(GROUP,)), a_network(), SUBNETS))

    assert (row.table, row.key, row.columns["name"]) == ("Logical_Switch_Port", PORT, PORT)
    assert row.places == (
        IN_SWITCH,
        Place("Port_Group", "ports", PG),
    )
    assert row.columns["dhcpv4_options"] == Ref("DHCP_Options", SUB)
    assert row.columns["dhcpv6_options"] is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"addresses": {f"{MAC} 10.0.0.11"}, "port_security": {f"{MAC} 10.0.0.11"}, "options": {}}),
        ({"binding_host_id": HostId("h1")}, {"options": {"requested-chassis": "h1"}}),
        ({"admin_state_up": False}, {"enabled": False}),
        ({"fixed_ips": ()}, {"addresses": {MAC}, "port_security": {MAC}, "dhcpv4_options": None}),
        (
            {"fixed_ips": (FixedIp(SUB, "10.0.0.11"), FixedIp(SUB6, "fd00:1::b"))},
            {"addresses": {f"{MAC} 10.0.0.11 fd00:1::b"}, "port_security": {f"{MAC} 10.0.0.11 fd00:1::b"}},
        ),
        (
            {"port_security_enabled": False},
            {"addresses": {f"{MAC} 10.0.0.11", "unknown"}, "port_security": set()},
        ),
        (
            {"allowed_address_pairs": (AddressPair("10.0.0.99/32", MAC), AddressPair("10.7.0.5/24", MAC))},
            {"addresses": {f"{MAC} 10.0.0.11"}, "port_security": {f"{MAC} 10.0.0.11 10.0.0.99 10.7.0.0/24"}},
        ),
        (
            {"allowed_address_pairs": (AddressPair("10.0.0.11", MAC),)},
            {"port_security": {f"{MAC} 10.0.0.11"}},
        ),
        (
            {"allowed_address_pairs": (AddressPair("10.0.0.99", "fa:16:3e:00:00:99"),)},
            {
                "addresses": {f"{MAC} 10.0.0.11", "unknown"},
                "port_security": {f"{MAC} 10.0.0.11", "fa:16:3e:00:00:99 10.0.0.99"},
            },
        ),
    ],
)
def test_a_ports_row_follows_its_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    (row,) = without_rules(compile_port(a_port(**fields), a_network(), SUBNETS))

    assert columns(row, *expected) == expected


def test_a_port_is_also_where_it_is_about_to_go() -> None:
    port = a_port(binding_host_id=HostId("h1"))

    row = only(compile_port(port, a_network(), SUBNETS, prepared=[HostId("h1"), HostId("h2")]))

    assert row.columns["options"] == {"requested-chassis": "h1,h2", "activation-strategy": "rarp"}


def test_a_port_without_security_joins_no_group_and_is_freed_of_what_holds_for_its_switch() -> None:
    row, *rules = compile_port(a_port(port_security_enabled=False), a_network(), SUBNETS).rows

    assert row.places == (IN_SWITCH,)
    assert {rule.columns["match"] for rule in rules} == {f'inport == "{PORT}"', f'outport == "{PORT}"'}
    assert {rule.columns["action"] for rule in rules} == {"allow-stateless"}


def test_a_port_without_a_security_group_is_not_freed() -> None:
    row = only(compile_port(a_port(), a_network(), SUBNETS))

    assert row.places == (IN_SWITCH,)


def test_a_port_on_a_network_that_is_down_is_down() -> None:
    row = only(compile_port(a_port(), a_network(admin_state_up=False), SUBNETS))

    assert row.columns["enabled"] is False


def test_dhcp_is_answered_from_the_first_subnet_that_has_it() -> None:
    silent = a_subnet(id=an_id(14), enable_dhcp=False)
    port = a_port(fixed_ips=(FixedIp(silent.id, "10.5.0.3"), FixedIp(SUB, "10.0.0.11")))

    row = only(compile_port(port, a_network(), SUBNETS | {silent.id: silent}))

    assert row.columns["dhcpv4_options"] == Ref("DHCP_Options", SUB)


def test_the_metadata_port_is_on_every_host_and_nobody_guards_it() -> None:
    port = a_port(id=METADATA_PORT, device_owner=DeviceOwner.METADATA, fixed_ips=(FixedIp(SUB, "10.0.0.2"),))

    (row,) = without_rules(compile_port(port, a_network(), SUBNETS))

    assert columns(row, "type", "addresses") == {"type": "localport", "addresses": {f"{MAC} 10.0.0.2"}}
    assert row.places == (IN_SWITCH,)


def test_a_floating_ips_own_port_is_not_in_ovn() -> None:
    assert compile_port(a_port(device_owner=DeviceOwner.FLOATING_IP), a_network(), SUBNETS) == NOTHING


# Routers.

GATEWAY = ExternalGateway(network_id=OUTSIDE, port_id=GATEWAY_PORT)
OUTER = a_subnet(id=OUTSIDE_SUB, network_id=OUTSIDE, cidr="172.24.4.0/24", gateway_ip="172.24.4.1")
WAY_OUT = RouterInterface(
    a_port(id=GATEWAY_PORT, network_id=OUTSIDE, fixed_ips=(FixedIp(OUTSIDE_SUB, "172.24.4.10"),)), (OUTER,)
)
FURTHER = ExternalGateway(network_id=NetworkId(an_id(3)), port_id=PortId(an_id(25)))
FURTHER_SUB = a_subnet(
    id=SubnetId(an_id(14)), network_id=FURTHER.network_id, cidr="172.24.5.0/24", gateway_ip="172.24.5.1"
)
FURTHER_OUT = RouterInterface(
    a_port(
        id=FURTHER.port_id,
        network_id=FURTHER.network_id,
        fixed_ips=(FixedIp(FURTHER_SUB.id, "172.24.5.10"),),
    ),
    (FURTHER_SUB,),
)
WAY_IN = RouterInterface(a_port(id=ROUTER_PORT), (a_subnet(),))


def test_a_router_interface_is_a_pair_of_ports() -> None:
    port = a_port(
        id=ROUTER_PORT,
        device_owner=DeviceOwner.ROUTER_INTERFACE,
        fixed_ips=(FixedIp(SUB, "10.0.0.1"), FixedIp(SUB6, "fd00:1::1")),
    )

    switch_side, router_side = without_rules(compile_router_port(port, a_network(), SUBNETS, a_router()))

    assert columns(switch_side, "type", "addresses", "options") == {
        "type": "router",
        "addresses": {"router"},
        "options": {"router-port": f"lrp-{ROUTER_PORT}"},
    }
    assert switch_side.places == (IN_SWITCH,)
    assert columns(router_side, "name", "mac", "networks") == {
        "name": f"lrp-{ROUTER_PORT}",
        "mac": MAC,
        "networks": {"10.0.0.1/24", "fd00:1::1/64"},
    }
    assert router_side.places == (Place("Logical_Router", "ports", ROUTER),)


def test_an_external_gateway_is_carried_by_hosts_in_order() -> None:
    port = a_port(
        id=GATEWAY_PORT,
        network_id=OUTSIDE,
        device_owner=DeviceOwner.ROUTER_GATEWAY,
        fixed_ips=(FixedIp(OUTSIDE_SUB, "172.24.4.10"),),
    )

    switch_side, end, *carriers = without_rules(
        compile_router_port(
            port,
            a_network(id=OUTSIDE),
            {OUTSIDE_SUB: OUTER},
            a_router(external_gateway_info=GATEWAY),
            gateway_hosts=(HostId("h2"), HostId("h1")),
        )
    )

    assert switch_side.columns["options"] == {"router-port": end.key, "nat-addresses": "router"}
    assert [(row.columns["chassis_name"], row.columns["priority"]) for row in carriers] == [
        ("h2", 2),
        ("h1", 1),
    ]
    assert {row.places for row in carriers} == {(Place(end.table, "gateway_chassis", end.key),)}


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Ipv6Mode.SLAAC, "slaac"),
        (Ipv6Mode.STATEFUL, "dhcpv6_stateful"),
        (Ipv6Mode.STATELESS, "dhcpv6_stateless"),
    ],
)
def test_a_router_says_how_hosts_get_their_ipv6_address(mode: Ipv6Mode, said: str) -> None:
    subnet = a_subnet6(ipv6_ra_mode=mode, dns_nameservers=("fd00::53",))
    port = a_port(device_owner=DeviceOwner.ROUTER_INTERFACE, fixed_ips=(FixedIp(SUB6, "fd00:1::1"),))

    _, end = without_rules(compile_router_port(port, a_network(), {SUB6: subnet}, a_router()))

    assert end.columns["ipv6_ra_configs"] == {
        "address_mode": said,
        "send_periodic": "true",
        "mtu": "1442",
        "rdnss": "fd00::53",
    }


def test_on_a_wire_the_router_answers_where_its_gateway_is() -> None:
    wired = a_network(provider_network_type=NetworkType.VLAN, provider_physical_network="p")
    port = a_port(device_owner=DeviceOwner.ROUTER_INTERFACE, fixed_ips=(FixedIp(SUB, "10.0.0.1"),))

    def residence(**fields: Any) -> Any:
        return without_rules(compile_router_port(port, wired, SUBNETS, a_router(**fields)))[1].columns[
            "options"
        ]

    assert residence(external_gateway_info=GATEWAY) == {"reside-on-redirect-chassis": "true"}
    assert residence() == residence(external_gateway_info=GATEWAY, distributed=True) == {}


def rows_of(desired: Desired, table: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.columns[name] for name in names) for row in desired.rows if row.table == table]


def test_a_router_hides_its_networks_behind_its_gateway() -> None:
    router = a_router(external_gateway_info=GATEWAY)

    desired = compile_router(router, [WAY_IN, RouterInterface(a_port(), (a_subnet6(),))], gateways=[WAY_OUT])

    assert rows_of(desired, "NAT", "type", "external_ip", "logical_ip") == [
        ("snat", "172.24.4.10", "10.0.0.0/24")
    ]
    assert rows_of(desired, "Logical_Router_Static_Route", "ip_prefix", "nexthop") == [
        ("0.0.0.0/0", "172.24.4.1")
    ]


def test_a_router_translates_nothing_without_gateway_or_when_told_so() -> None:
    plain = a_router(
        external_gateway_info=ExternalGateway(network_id=OUTSIDE, port_id=GATEWAY_PORT, enable_snat=False)
    )

    assert rows_of(compile_router(a_router(), [WAY_IN]), "NAT") == []
    assert rows_of(compile_router(plain, [WAY_IN], gateways=[WAY_OUT]), "NAT") == []


def test_each_way_out_translates_what_leaves_by_it() -> None:
    router = a_router(external_gateway_info=GATEWAY, further_gateways=(FURTHER,))

    def compiled(**fields: Any) -> Desired:
        ways = [WAY_OUT, FURTHER_OUT]
        return compile_router(replace(router, **fields), [WAY_IN], gateways=ways, doors=ways)

    assert rows_of(compiled(), "NAT", "external_ip", "logical_ip", "gateway_port") == [
        ("172.24.4.10", "10.0.0.0/24", Ref("Logical_Router_Port", f"lrp-{GATEWAY_PORT}")),
        ("172.24.5.10", "10.0.0.0/24", Ref("Logical_Router_Port", f"lrp-{FURTHER.port_id}")),
    ]
    hops = ("nexthop", "output_port")
    first = ("172.24.4.1", f"lrp-{GATEWAY_PORT}")
    assert rows_of(compiled(), "Logical_Router_Static_Route", *hops) == [first]
    both = compiled(enable_default_route_ecmp=True)
    further = ("172.24.5.1", f"lrp-{FURTHER.port_id}")
    assert rows_of(both, "Logical_Router_Static_Route", *hops) == [first, further]
    watched = compiled(enable_default_route_bfd=True)
    assert rows_of(watched, "BFD", "logical_port", "dst_ip") == [(f"lrp-{GATEWAY_PORT}", "172.24.4.1")]
    assert rows_of(watched, "Logical_Router_Static_Route", "bfd") == [
        (Ref("BFD", f"lrp-{GATEWAY_PORT}/172.24.4.1"),)
    ]


def test_what_comes_in_by_one_of_several_doors_leaves_by_it() -> None:
    floating_ip = a_floating_ip(port_id=PORT, fixed_ip_address="10.0.0.11", router_id=ROUTER)

    wish = compile_floating_ip(floating_ip, a_router(), floating_mac=MAC, doors=[FURTHER_OUT, WAY_OUT])

    assert rows_of(wish, "NAT", "gateway_port") == [(Ref("Logical_Router_Port", f"lrp-{GATEWAY_PORT}"),)]
    assert rows_of(wish, "Logical_Router_Policy", "match", "action", "nexthops") == [
        ("ip4.src == 10.0.0.11", "reroute", frozenset({"172.24.4.1"}))
    ]


def test_a_default_route_of_the_user_replaces_ours() -> None:
    routes = (HostRoute("0.0.0.0/0", "172.24.4.7"), HostRoute("10.9.0.0/16", "10.0.0.9"))
    router = a_router(external_gateway_info=GATEWAY, routes=routes)

    desired = compile_router(router, [], gateways=[WAY_OUT])

    assert rows_of(desired, "Logical_Router_Static_Route", "ip_prefix", "nexthop") == [
        ("0.0.0.0/0", "172.24.4.7"),
        ("10.9.0.0/16", "10.0.0.9"),
    ]


def test_routers_spread_over_the_hosts_and_a_lost_host_moves_only_its_own() -> None:
    hosts = [HostId(f"h{number}") for number in range(20)]
    routers = [a_router(id=an_id(number)) for number in range(200)]
    favourites = {router.id: rank_gateway_hosts(router, hosts)[0] for router in routers}

    without = {router.id: rank_gateway_hosts(router, hosts[1:])[0] for router in routers}

    assert len(set(favourites.values())) == len(hosts)
    assert all(without[router] == host for router, host in favourites.items() if host != hosts[0])
    assert len(rank_gateway_hosts(routers[0], hosts)) == MOST_GATEWAY_HOSTS


# Floating IPs.


def test_a_floating_ip_translates_both_ways() -> None:
    floating_ip = a_floating_ip(port_id=PORT, fixed_ip_address="10.0.0.11", router_id=ROUTER)

    row = only(compile_floating_ip(floating_ip, a_router(), floating_mac=MAC))

    assert row.columns == {
        "type": "dnat_and_snat",
        "external_ip": "172.24.4.101",
        "logical_ip": "10.0.0.11",
    }
    assert row.places == (Place("Logical_Router", "nat", ROUTER),)


def test_a_distributed_floating_ip_names_its_port_and_mac() -> None:
    floating_ip = a_floating_ip(port_id=PORT, fixed_ip_address="10.0.0.11", router_id=ROUTER)

    row = only(compile_floating_ip(floating_ip, a_router(distributed=True), floating_mac=MAC))

    assert columns(row, "external_mac", "logical_port") == {"external_mac": MAC, "logical_port": PORT}


def test_a_floating_ip_that_leads_nowhere_is_not_in_ovn() -> None:
    assert compile_floating_ip(a_floating_ip(), a_router(), floating_mac=MAC) == NOTHING
    assert compile_floating_ip(a_floating_ip(port_id=PortId(PORT)), None, floating_mac=MAC) == NOTHING


# Local IPs.

LOCAL_IP = LocalIp(
    id=an_id(81),
    project_id=PROJECT,
    local_port_id=PortId(an_id(82)),
    network_id=NET,
    local_ip_address="10.0.0.50",
)
ASSOCIATION = Association(
    local_ip_id=LOCAL_IP.id, fixed_port_id=PORT, fixed_ip="10.0.0.11", host_id=HostId("h1")
)


def test_a_local_ip_that_is_translated_leads_where_each_host_says() -> None:
    elsewhere = replace(ASSOCIATION, fixed_port_id=METADATA_PORT, fixed_ip="10.0.0.12")

    wish = compile_local_ip(LOCAL_IP, a_subnet(), [ASSOCIATION], mac=MAC)
    here = only(compile_host(ASSOCIATION.host_id, [elsewhere, ASSOCIATION]))

    [(vips, options)] = rows_of(wish, "Load_Balancer", "vips", "options")
    assert options == {"template": "true", "address-family": "ipv4"}
    assert vips["10.0.0.50"].removeprefix("^") in here.columns["variables"]
    assert list(here.columns["variables"].values()) == ["10.0.0.11,10.0.0.12"]
    assert rows_of(wish, "Logical_Router_Port", "mac", "networks") == [(MAC, {"10.0.0.0/24"})]
    assert only(compile_host(ASSOCIATION.host_id, [])).columns["variables"] == {}


def test_a_local_ip_that_passes_through_leads_to_the_port_that_is_on_the_host() -> None:
    local_ip = replace(LOCAL_IP, ip_mode=IpMode.PASSTHROUGH)

    wish = compile_local_ip(local_ip, a_subnet(), [ASSOCIATION], mac=MAC)

    assert rows_of(wish, "Load_Balancer") == []
    assert rows_of(wish, "Logical_Router_Policy", "match", "action", "nexthops") == [
        ("ip4.dst == 10.0.0.50", "drop", frozenset()),
        (f'ip4.dst == 10.0.0.50 && is_chassis_resident("{PORT}")', "reroute", {"10.0.0.11"}),
    ]


# Security groups.


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({}, "ip4"),
        ({"ethertype": "IPv6"}, "ip6"),
        ({"protocol": "tcp"}, "ip4 && tcp"),
        ({"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}, "ip4 && tcp.dst == 22"),
        ({"protocol": "17", "port_range_min": 1, "port_range_max": 9}, "ip4 && udp.dst >= 1 && udp.dst <= 9"),
        ({"protocol": "sctp", "port_range_min": 1, "port_range_max": 65535}, "ip4 && sctp"),
        ({"protocol": "icmp"}, "ip4 && icmp4"),
        ({"protocol": "icmp", "port_range_min": 8}, "ip4 && icmp4 && icmp4.type == 8"),
        (
            {"protocol": "icmp", "port_range_min": 3, "port_range_max": 0},
            "ip4 && icmp4 && icmp4.type == 3 && icmp4.code == 0",
        ),
        (
            {"protocol": "ipv6-icmp", "ethertype": "IPv6", "port_range_min": 128},
            "ip6 && icmp6 && icmp6.type == 128",
        ),
        ({"protocol": "1", "ethertype": "IPv6"}, "ip6 && ip.proto == 1"),
        ({"protocol": "gre"}, "ip4 && ip.proto == 47"),
        ({"remote_ip_prefix": "10.1.2.3/8"}, "ip4 && ip4.src == 10.0.0.0/8"),
        ({"remote_ip_prefix": "0.0.0.0/0"}, "ip4"),
        ({"remote_ip_prefix": "10.0.0.0/8", "direction": Direction.EGRESS}, "ip4 && ip4.dst == 10.0.0.0/8"),
        ({"remote_ip_prefix": "fd00::/8", "ethertype": "IPv6"}, "ip6 && ip6.src == fd00::/8"),
        ({"remote_group_id": OTHER_GROUP}, f"ip4 && ip4.src == ${PG_OTHER}_ip4"),
        (
            {"remote_group_id": GROUP, "ethertype": "IPv6", "direction": Direction.EGRESS},
            f"ip6 && ip6.dst == ${PG}_ip6",
        ),
    ],
)
def test_a_rule_matches_what_it_lets_through(fields: dict[str, Any], match: str) -> None:
    assert rule_match(a_rule(**fields)) == match


def test_a_group_is_a_port_group_with_an_acl_for_each_rule() -> None:
    egress = a_rule(id=an_id(62), direction=Direction.EGRESS, protocol="tcp")

    group, first, second = compile_security_group(
        a_group(), (a_rule(remote_group_id=OTHER_GROUP), egress)
    ).rows

    assert (group.table, group.key) == ("Port_Group", PG)
    assert first.columns == {
        "direction": "to-lport",
        "priority": 1002,
        "match": f"outport == @{PG} && ip4 && ip4.src == ${PG_OTHER}_ip4",
        "action": "allow-related",
    }
    assert first.needs == (Ref("Port_Group", PG_OTHER),)
    assert columns(second, "direction", "match") == {
        "direction": "from-lport",
        "match": f"inport == @{PG} && ip4 && tcp",
    }
    assert {first.places, second.places} == {(Place("Port_Group", "acls", PG),)}


def test_a_group_that_names_itself_waits_for_nobody() -> None:
    _, row = compile_security_group(a_group(), (a_rule(remote_group_id=GROUP),)).rows

    assert row.needs == ()


def test_a_stateless_group_tracks_nothing() -> None:
    _, *acls = compile_security_group(a_group(stateful=False), (a_rule(),)).rows

    assert {row.columns["action"] for row in acls} == {"allow-stateless"}
    assert any("169.254.169.254" in str(row.columns["match"]) for row in acls), "nobody remembers who asked"


def test_a_rule_names_the_set_of_an_address_group_and_not_its_addresses() -> None:
    group = AddressGroup(id=an_id(71), project_id=PROJECT, addresses=("10.1.0.0/16", "fd00::/64"))
    four, six = compile_address_group(group).rows
    assert (four.columns["addresses"], six.columns["addresses"]) == ({"10.1.0.0/16"}, {"fd00::/64"})

    (_, row) = compile_security_group(
        a_group(), (a_rule(remote_address_group_id=group.id, ethertype="IPv6"),)
    ).rows

    assert f"ip6.src == ${six.columns['name']}" in str(row.columns["match"])
    assert row.needs == (six.ref,)


def test_a_switch_drops_by_default_in_both_directions() -> None:
    acls = [row.columns for row in compile_network(a_network()).rows if row.table == "ACL"]

    def drops(priority: int) -> set[object]:
        dropped = (acl for acl in acls if acl["action"] == "drop")
        return {(acl["direction"], acl["match"]) for acl in dropped if acl["priority"] == priority}

    assert drops(1001) == {
        ("from-lport", "ip"),
        ("to-lport", "ip"),
    }
    assert drops(1003) == {
        ("from-lport", "ip4 && udp.src == 67 && udp.dst == 68"),
        ("from-lport", "ip6 && udp.src == 547 && udp.dst == 546"),
    }, "no rule, all of which are at 1002, makes a guest a DHCP server"


# All of them.


OTHER_SUBNET = a_subnet(id=SubnetId(an_id(73)), cidr="10.1.0.0/24", gateway_ip="10.1.0.1")
OTHER_WAY_IN = RouterInterface(a_port(id=PortId(an_id(74))), (OTHER_SUBNET,))


def test_a_router_keeps_address_scopes_apart_in_both_directions() -> None:
    def policies(scopes: dict[SubnetId, str]) -> set[str]:
        rows = compile_router(a_router(), [WAY_IN, OTHER_WAY_IN], scopes=scopes).rows
        return {str(row.columns["match"]) for row in rows if row.table == "Logical_Router_Policy"}

    assert policies({}) == set()
    assert policies({SUB: "one", OTHER_SUBNET.id: "one"}) == set()
    assert policies({SUB: "one"}) == {
        "ip4.src == {10.0.0.0/24} && ip4.dst == {10.1.0.0/24}",
        "ip4.src == {10.1.0.0/24} && ip4.dst == {10.0.0.0/24}",
    }


def test_what_is_in_the_scope_of_the_way_out_leaves_under_its_own_address() -> None:
    router = a_router(external_gateway_info=GATEWAY)

    def translated(scopes: dict[SubnetId, str]) -> set[str]:
        rows = compile_router(router, [WAY_IN, OTHER_WAY_IN], gateways=[WAY_OUT], scopes=scopes).rows
        return {str(row.columns["logical_ip"]) for row in rows if row.table == "NAT"}

    outside = WAY_OUT.subnets[0].id
    assert translated({}) == {"10.0.0.0/24", "10.1.0.0/24"}
    assert translated({outside: "one", SUB: "one", OTHER_SUBNET.id: "two"}) == {"10.1.0.0/24"}


A_FORWARDING = PortForwarding(
    id=an_id(81),
    floating_ip_id=FLOATING,
    internal_port_id=PORT,
    internal_ip_address="10.0.0.11",
    protocol="tcp",
    external_ports=PortRange(8080, 8082),
    internal_ports=PortRange(80, 82),
)


def test_each_forwarded_port_is_an_entry_of_its_protocol() -> None:
    one = replace(
        A_FORWARDING, external_ports=PortRange(53, 54), internal_ports=PortRange(5, 5), protocol="udp"
    )

    tcp, udp = compile_forwardings(a_floating_ip(router_id=ROUTER), [A_FORWARDING, one]).rows

    address = a_floating_ip().floating_ip_address
    assert tcp.columns["vips"] == {f"{address}:{8080 + n}": f"10.0.0.11:{80 + n}" for n in range(3)}
    assert udp.columns["vips"] == {f"{address}:53": "10.0.0.11:5", f"{address}:54": "10.0.0.11:5"}
    assert (tcp.columns["protocol"], udp.columns["protocol"]) == ("tcp", "udp")


QOS_RULES = (
    QosRule(id=an_id(61), policy_id=an_id(60), kind=RuleKind.BANDWIDTH_LIMIT, max_kbps=1000),
    QosRule(id=an_id(62), policy_id=an_id(60), kind=RuleKind.DSCP_MARKING, dscp_mark=46),
)


def test_a_floating_ip_whose_ports_are_forwarded_is_shaped_at_the_door_it_comes_in_by() -> None:
    floating_ip = a_floating_ip(router_id=ROUTER)
    door = RouterInterface(a_port(network_id=floating_ip.floating_network_id), ())

    _, limit, mark = compile_forwardings(floating_ip, [A_FORWARDING], doors=[door], qos_rules=QOS_RULES).rows

    assert (
        limit.columns["match"]
        == f'inport == "{door.port.id}" && ip4.src == {floating_ip.floating_ip_address}'
    )
    assert (limit.columns["bandwidth"], mark.columns["action"]) == ({"rate": 1000}, {"dscp": 46})


def test_what_is_guaranteed_is_nothing_for_the_switches_to_do() -> None:
    rules = [
        QosRule(id=an_id(63), policy_id=an_id(60), kind=RuleKind.MINIMUM_BANDWIDTH, min_kbps=5),
        QosRule(id=an_id(64), policy_id=an_id(60), kind=RuleKind.MINIMUM_PACKET_RATE, min_kpps=5),
    ]

    assert compile_port(a_port(), a_network(), SUBNETS, qos_rules=rules) == compile_port(
        a_port(), a_network(), SUBNETS
    )


def test_a_limit_of_no_rate_is_none() -> None:
    unlimited = QosRule(id=an_id(61), policy_id=an_id(60), kind=RuleKind.BANDWIDTH_LIMIT, max_kbps=0)

    assert compile_port(a_port(), a_network(), SUBNETS, qos_rules=[unlimited]) == compile_port(
        a_port(), a_network(), SUBNETS
    )


def test_what_the_cloud_itself_sends_is_not_shaped() -> None:
    port = a_port(device_owner=DeviceOwner.METADATA)

    assert compile_port(port, a_network(), SUBNETS, qos_rules=QOS_RULES) == compile_port(
        port, a_network(), SUBNETS
    )


def everything() -> list[Desired]:
    router = a_router(external_gateway_info=GATEWAY, routes=(HostRoute("10.9.0.0/16", "10.0.0.9"),))
    gateway_port = a_port(
        device_owner=DeviceOwner.ROUTER_GATEWAY, fixed_ips=(FixedIp(SUB, "10.0.0.1"),), id=GATEWAY_PORT
    )
    floating_ip = a_floating_ip(port_id=PORT, fixed_ip_address="10.0.0.11", router_id=ROUTER)
    return [
        compile_network(a_network(provider_network_type=NetworkType.FLAT, provider_physical_network="p")),
        compile_subnet(a_subnet(), a_network(), metadata_ip="10.0.0.2"),
        compile_port(
            a_port(security_groups=(GROUP,), dns_name="web"), a_network(), SUBNETS, qos_rules=QOS_RULES
        ),
        compile_router_port(gateway_port, a_network(), SUBNETS, router, gateway_hosts=(HostId("h"),)),
        compile_router(router, [WAY_IN], gateways=[WAY_OUT]),
        compile_local_ip(LOCAL_IP, a_subnet(), [ASSOCIATION], mac=MAC),
        compile_host(ASSOCIATION.host_id, [ASSOCIATION]),
        compile_router(
            a_router(
                id=RouterId(an_id(73)),
                external_gateway_info=GATEWAY,
                further_gateways=(FURTHER,),
                enable_default_route_bfd=True,
            ),
            [WAY_IN],
            gateways=[WAY_OUT, FURTHER_OUT],
            doors=[WAY_OUT, FURTHER_OUT],
        ),
        compile_floating_ip(floating_ip, router, floating_mac=MAC, doors=[WAY_OUT], qos_rules=QOS_RULES),
        compile_forwardings(a_floating_ip(router_id=ROUTER), [A_FORWARDING]),
        compile_security_group(a_group(), (a_rule(),)),
        compile_address_group(AddressGroup(id=an_id(71), project_id=PROJECT)),
        compile_router(a_router(id=RouterId(an_id(72))), [WAY_IN, OTHER_WAY_IN], scopes={SUB: "scope"}),
    ]


def test_the_compiler_writes_only_columns_and_places_that_the_driver_knows() -> None:
    rows = [row for desired in everything() for row in desired.rows]

    assert {row.table for row in rows} == TABLES.keys()
    for row in rows:
        assert row.columns.keys() <= TABLES[row.table].keys(), row
        assert {(place.table, place.column) for place in row.places} <= {*HOLDERS.get(row.table, ())}, row
        assert row.places or row.table in ROOTS, "what nothing holds is gone at once, unless it is a root"


def test_no_two_rows_have_one_name_and_the_same_name_has_one_uuid() -> None:
    refs = [row.ref for desired in everything() for row in desired.rows]

    assert len({ref.uuid for ref in refs}) == len(refs)
    assert all(ref.uuid == row_uuid(ref.table, ref.key) for ref in refs)
