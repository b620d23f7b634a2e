"""Ports as logical switch ports, and for a router's ports the other end of the pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nacre.kernel.ids import HostId, SubnetId
from nacre.network.domain import dns
from nacre.network.domain.addresses import ip_text, ip_version, parse_cidr
from nacre.network.domain.dhcp_options import effective, is_silenced
from nacre.network.domain.networks import Network
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.qos import port_rows
from nacre.network.domain.ovn.security_groups import unchecked
from nacre.network.domain.ovn.subnets import dhcp_row
from nacre.network.domain.ports import DeviceOwner, Port
from nacre.network.domain.qos import QosRule
from nacre.network.domain.routers import Router
from nacre.network.domain.rows import NOTHING, Desired, Place, Ref, Row, Value
from nacre.network.domain.subnets import Ipv6Mode, Subnet
from nacre.network.domain.trunks import Carried

_NONE: Mapping[SubnetId, str] = {}
_KEEPERS = (DeviceOwner.FLOATING_IP, DeviceOwner.LOCAL_IP)

RA_MODES = {
    Ipv6Mode.SLAAC: "slaac",
    Ipv6Mode.STATELESS: "dhcpv6_stateless",
    Ipv6Mode.STATEFUL: "dhcpv6_stateful",
}


def compile_port(
    port: Port,
    network: Network,
    subnets: Mapping[SubnetId, Subnet],
    *,
    qos_rules: Sequence[QosRule] = (),
    metadata_ips: Mapping[SubnetId, str] = _NONE,
    carried: Carried | None = None,
    prepared: Sequence[HostId] = (),
) -> Desired:
    """The switch port of a guest, of the metadata service, or of anything else that is no router.

    `subnets` holds at least those the port has addresses from; `qos_rules` are those of its policy, or else of its
    network's; `metadata_ips` are needed for ports that are told more by DHCP than others. A port that only keeps a
    floating IP's address from being used has no row. What is `carried` by another port is where that is. On hosts
    that are `prepared` it may already be plugged: what it sends from there first moves it to them.
    """
    if port.device_owner in _KEEPERS:
        return NOTHING
    if port.device_owner == DeviceOwner.METADATA:
        plug = _switch_port(port, network, {"type": "localport", "addresses": _addresses(port)})
        return Desired((plug, *unchecked(network.id, plug.ref)))
    chassis = _chassis(port, prepared) if port.binding_host_id and not carried else {}
    columns: dict[str, Value] = {
        "options": chassis,
        "parent_name": carried.parent_id if carried else None,
        "tag": carried.tag if carried else None,
        "addresses": _addresses(port),
        "port_security": _allowed_senders(port),
    }
    own_dhcp: list[Row] = []
    for version, column in ((4, "dhcpv4_options"), (6, "dhcpv6_options")):
        subnet = _dhcp_subnet(port, subnets, version=version)
        extra = effective(port.extra_dhcp_opts, version)
        if subnet is None:
            columns[column] = None
        elif not extra:
            columns[column] = names.dhcp_options(subnet.id)
        else:
            columns[column] = ref = names.port_dhcp_options(port.id, version)
            own_dhcp.append(
                dhcp_row(ref, subnet, network, metadata_ip=metadata_ips.get(subnet.id), extra=extra)
            )
    plug = _switch_port(port, network, columns, groups=_port_groups(port))
    freed = () if _is_guarded(port) else unchecked(network.id, plug.ref)
    shaping = () if port.is_trusted else port_rows(port.id, network.id, qos_rules)
    return Desired((*own_dhcp, plug, *freed, *shaping, *_dns_rows(port, network)))


def _chassis(port: Port, prepared: Sequence[HostId]) -> Mapping[str, str]:
    """Where the port may be. Source: ovn-nb(5), "Logical_Switch_Port", `requested-chassis`, `activation-strategy`."""
    further = [host_id for host_id in prepared if host_id != port.binding_host_id]
    if not further:
        return {"requested-chassis": port.binding_host_id}
    return {
        "requested-chassis": ",".join((port.binding_host_id, *further)),
        "activation-strategy": "rarp",
    }


def compile_router_port(
    port: Port,
    network: Network,
    subnets: Mapping[SubnetId, Subnet],
    router: Router,
    *,
    gateway_hosts: Sequence[HostId] = (),
    qos_rules: Sequence[QosRule] = (),
) -> Desired:
    """The pair of ports that joins a router and a network: one on the switch, one on the router.

    `gateway_hosts` carry a port on an external network, the favourite first; `qos_rules` shape what goes through it.
    Source: ovn-nb(5), "Logical_Router_Port".
    """
    end = names.router_port(port.id)
    is_gateway = port.device_owner == DeviceOwner.ROUTER_GATEWAY
    is_door = is_gateway or network.router_external
    options = {"router-port": end.key}
    if is_door:
        options["nat-addresses"] = "router"
    switch_side = _switch_port(
        port, network, {"type": "router", "addresses": frozenset({"router"}), "options": options}
    )
    router_side = Row(
        table=end.table,
        key=end.key,
        columns={
            "name": end.key,
            "mac": port.mac_address,
            "networks": frozenset(
                f"{fixed.ip_address}/{subnets[fixed.subnet_id].prefix_length}" for fixed in port.fixed_ips
            ),
            "enabled": port.admin_state_up,
            "options": {} if is_door else _residence(network, router),
            "ipv6_ra_configs": {} if is_gateway else _advertisement(port, network, subnets),
        },
        places=(names.inside(names.router(router.id), "ports"),),
    )
    carriers = _gateway_rows(end, gateway_hosts) if is_door else ()
    freed = unchecked(network.id, switch_side.ref)
    shaping = port_rows(port.id, network.id, qos_rules)
    return Desired((switch_side, *freed, router_side, *carriers, *shaping))


def _switch_port(
    port: Port, network: Network, columns: Mapping[str, Value], *, groups: tuple[Place, ...] = ()
) -> Row:
    ref = names.switch_port(port.id)
    return Row(
        table=ref.table,
        key=ref.key,
        columns={"name": ref.key, "enabled": port.admin_state_up and network.admin_state_up, **columns},
        places=(names.inside(names.switch(network.id), "ports"), *groups),
    )


def _dns_rows(port: Port, network: Network) -> tuple[Row, ...]:
    """What the switch answers to questions for the port's name, whomever they are put to.

    A row for each port, so that a change of one costs the same however many there are. Source: ovn-nb(5), "DNS".
    """
    records = (
        {}
        if port.is_trusted
        else dns.records(port.dns_name, port.addresses, port.dns_domain, network.dns_domain)
    )
    if not records:
        return ()
    ref = names.dns(port.id)
    place = names.inside(names.switch(network.id), "dns_records")
    return (Row(table=ref.table, key=ref.key, columns={"records": records}, places=(place,)),)


def _is_guarded(port: Port) -> bool:
    return port.port_security_enabled and not port.is_trusted


def _addresses(port: Port) -> frozenset[str]:
    """Where frames for the port are recognised. A port that may use a foreign MAC also gets unknown ones."""
    known = " ".join((port.mac_address, *port.addresses))
    foreign = any(pair.mac_address != port.mac_address for pair in port.allowed_address_pairs)
    if foreign or not (port.port_security_enabled or port.is_trusted):
        return frozenset((known, "unknown"))
    return frozenset((known,))


def _allowed_senders(port: Port) -> frozenset[str]:
    """Which MACs the port may send from, each with its addresses: an element per MAC."""
    if not _is_guarded(port):
        return frozenset()
    senders: dict[str, list[str]] = {port.mac_address: list(port.addresses)}
    for pair in port.allowed_address_pairs:
        allowed = senders.setdefault(pair.mac_address, [])
        if (address := _sender_address(pair.ip_address)) not in allowed:
            allowed.append(address)
    return frozenset(" ".join((mac, *addresses)) for mac, addresses in senders.items())


def _sender_address(text: str) -> str:
    """OVN reads a CIDR with host bits as one host; we mean the network. A network of one loses its prefix length."""
    cidr = parse_cidr(text)
    return ip_text(cidr.version, cidr.first) if cidr.first == cidr.last else str(cidr)


def _port_groups(port: Port) -> tuple[Place, ...]:
    if not _is_guarded(port):
        return ()
    groups = map(names.port_group, sorted(set(port.security_groups)))
    return tuple(names.inside(group, "ports") for group in groups)


def _dhcp_subnet(port: Port, subnets: Mapping[SubnetId, Subnet], *, version: int) -> Subnet | None:
    """The first subnet of that IP version where DHCP answers the port: OVN knows one for each version."""
    if port.is_trusted or is_silenced(port.extra_dhcp_opts, version):
        return None
    for fixed in port.fixed_ips:
        subnet = subnets[fixed.subnet_id]
        if ip_version(fixed.ip_address) == version and subnet.answers_dhcp:
            return subnet
    return None


def _residence(network: Network, router: Router) -> dict[str, str]:
    """On a physical network a router's MAC may be seen in one place only: where its gateway is."""
    central = network.is_physical and router.external_gateway_info is not None and not router.distributed
    return {"reside-on-redirect-chassis": "true"} if central else {}


def _advertisement(port: Port, network: Network, subnets: Mapping[SubnetId, Subnet]) -> dict[str, str]:
    """What hosts hear in router advertisements; nothing on a network without IPv6."""
    for fixed in port.fixed_ips:
        subnet = subnets[fixed.subnet_id]
        if subnet.ipv6_ra_mode is None:
            continue
        servers = [server for server in subnet.dns_nameservers if ip_version(server) == 6]
        return {
            "address_mode": RA_MODES[subnet.ipv6_ra_mode],
            "send_periodic": "true",
            "mtu": str(network.mtu),
            **({"rdnss": servers[0]} if servers else {}),
        }
    return {}


def _gateway_rows(end: Ref, hosts: Sequence[HostId]) -> tuple[Row, ...]:
    return tuple(
        Row(
            table="Gateway_Chassis",
            key=f"{end.key}_{host}",
            columns={"name": f"{end.key}_{host}", "chassis_name": host, "priority": len(hosts) - rank},
            places=(names.inside(end, "gateway_chassis"),),
        )
        for rank, host in enumerate(hosts)
    )
