"""Subnets as DHCP options. Ports refer to the row, so that a change of options touches one row, not every port."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import msgspec

from nacre.network.domain.addresses import ip_version, mac_for, parse_cidr
from nacre.network.domain.dns import SITE_DOMAIN
from nacre.network.domain.networks import Network
from nacre.network.domain.ovn import names
from nacre.network.domain.rows import NOTHING, Desired, Ref, Row, Value
from nacre.network.domain.subnets import Ipv6Mode, Subnet

METADATA_ROUTE = "169.254.169.254/32"
DEFAULT_ROUTE = "0.0.0.0/0"


class DhcpSettings(msgspec.Struct, frozen=True):
    """What all subnets of a cloud answer alike."""

    lease_time_s: int = 43200
    domain_name: str = SITE_DOMAIN


USUAL = DhcpSettings()


def compile_subnet(
    subnet: Subnet, network: Network, *, metadata_ip: str | None, settings: DhcpSettings = USUAL
) -> Desired:
    """The DHCP options of a subnet; nothing if nobody answers DHCP on it.

    `metadata_ip` is the address that the network's metadata port has on this subnet.
    Source: ovn-nb(5), "DHCP_Options".
    """
    if not subnet.answers_dhcp:
        return NOTHING
    ref = names.dhcp_options(subnet.id)
    return Desired((dhcp_row(ref, subnet, network, metadata_ip=metadata_ip, settings=settings),))


def dhcp_row(
    ref: Ref,
    subnet: Subnet,
    network: Network,
    *,
    metadata_ip: str | None,
    extra: Mapping[str, str] | None = None,
    settings: DhcpSettings = USUAL,
) -> Row:
    """The options of a subnet that answers DHCP, with those in `extra` instead or besides."""
    if subnet.ip_version == 4:
        options = _options_v4(subnet, network, metadata_ip=metadata_ip, settings=settings)
    else:
        options = _options_v6(subnet, settings)
    columns: dict[str, Value] = {"cidr": subnet.cidr, "options": {**options, **(extra or {})}}
    return Row(table=ref.table, key=ref.key, columns=columns)


def _options_v4(
    subnet: Subnet, network: Network, *, metadata_ip: str | None, settings: DhcpSettings
) -> dict[str, str]:
    options = {
        "server_id": subnet.gateway_ip or metadata_ip or _first_host(subnet),
        "server_mac": mac_for(subnet.id),
        "lease_time": str(settings.lease_time_s),
        "mtu": str(network.mtu),
    }
    if subnet.gateway_ip:
        options["router"] = subnet.gateway_ip
    servers = [server for server in subnet.dns_nameservers if ip_version(server) == 4]
    if not servers and metadata_ip:
        # OVN answers for the names of the network, whoever is asked. Who asks for others is not kept waiting there.
        servers = [metadata_ip]
    if servers:
        options["dns_server"] = _listed(servers)
    if settings.domain_name:
        options["domain_name"] = _quoted(settings.domain_name)
    routes = _routes(subnet, metadata_ip)
    if routes:
        options["classless_static_route"] = _listed(routes)
    return options


def _routes(subnet: Subnet, metadata_ip: str | None) -> list[str]:
    """Option 121. A client that gets it ignores the router option, so the default route is repeated (RFC 3442)."""
    routes = [(METADATA_ROUTE, metadata_ip)] if metadata_ip else []
    routes += [(str(ipaddress.ip_network(route.destination)), route.nexthop) for route in subnet.host_routes]
    chosen = {destination for destination, _ in routes}
    if routes and subnet.gateway_ip and DEFAULT_ROUTE not in chosen:
        routes.append((DEFAULT_ROUTE, subnet.gateway_ip))
    return [f"{destination},{nexthop}" for destination, nexthop in routes]


def _options_v6(subnet: Subnet, settings: DhcpSettings) -> dict[str, str]:
    options = {"server_id": mac_for(subnet.id)}
    servers = [server for server in subnet.dns_nameservers if ip_version(server) == 6]
    if servers:
        options["dns_server"] = _listed(servers)
    if settings.domain_name:
        options["domain_search"] = _quoted(settings.domain_name)
    if subnet.ipv6_address_mode is Ipv6Mode.STATELESS:
        options["dhcpv6_stateless"] = "true"
    return options


def _first_host(subnet: Subnet) -> str:
    return str(ipaddress.ip_address(parse_cidr(subnet.cidr).host_range[0]))


def _quoted(text: str) -> str:
    """OVN wants its own quotes around option values that are text; without them DHCP is silent."""
    return '"' + text.replace("\\", "").replace('"', "") + '"'


def _listed(items: list[str]) -> str:
    return "{" + ", ".join(items) + "}"
