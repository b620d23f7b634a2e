"""What can go wrong with networks. Class names are the `type` that clients see in a NeutronError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed


@dataclass(eq=False)
class InvalidAllocationPool(Invalid):
    """A pool whose ends are not two addresses in order."""

    code: ClassVar[str] = "network.invalid_allocation_pool"
    pool: str

    def __str__(self) -> str:
        return f"The allocation pool {self.pool} is not valid."


@dataclass(eq=False)
class OutOfBoundsAllocationPool(Invalid):
    """A pool that leaves its subnet."""

    code: ClassVar[str] = "network.pool_out_of_bounds"
    pool: str
    subnet_cidr: str

    def __str__(self) -> str:
        return f"The allocation pool {self.pool} spans beyond the subnet cidr {self.subnet_cidr}."


@dataclass(eq=False)
class OverlappingAllocationPools(Conflict):
    """Two pools that share addresses."""

    code: ClassVar[str] = "network.overlapping_pools"
    pool_1: str
    pool_2: str
    subnet_cidr: str

    def __str__(self) -> str:
        return (
            f"Found overlapping allocation pools {self.pool_1} and {self.pool_2} for subnet "
            f"{self.subnet_cidr}."
        )


@dataclass(eq=False)
class GatewayConflictWithAllocationPools(Conflict):
    """A pool that would give the gateway's address to a port."""

    code: ClassVar[str] = "network.gateway_in_pool"
    pool: str
    ip_address: str

    def __str__(self) -> str:
        return f"Gateway ip {self.ip_address} conflicts with allocation pool {self.pool}."


@dataclass(eq=False)
class SecurityGroupRuleInvalidEtherType(Invalid):
    """Neither IPv4 nor IPv6."""

    code: ClassVar[str] = "network.rule_ethertype"
    ethertype: str

    def __str__(self) -> str:
        return (
            f"Security group rule for ethertype '{self.ethertype}' not supported. Allowed values "
            "are IPv4, IPv6."
        )


@dataclass(eq=False)
class SecurityGroupRuleInvalidProtocol(Invalid):
    """Not an IP protocol by name, nor a number from 0 to 255."""

    code: ClassVar[str] = "network.rule_protocol"
    protocol: str

    def __str__(self) -> str:
        return (
            f"Security group rule protocol {self.protocol} not supported: a name of an IP protocol "
            "or 0 to 255."
        )


@dataclass(eq=False)
class SecurityGroupEthertypeConflictWithProtocol(Invalid):
    """An IPv6 protocol in an IPv4 rule."""

    code: ClassVar[str] = "network.rule_ethertype_protocol"
    ethertype: str
    protocol: str

    def __str__(self) -> str:
        return f"Invalid ethertype {self.ethertype} for protocol {self.protocol}."


@dataclass(eq=False)
class SecurityGroupProtocolRequiredWithPorts(Invalid):
    """Ports without a protocol that has ports."""

    code: ClassVar[str] = "network.rule_ports_need_protocol"

    def __str__(self) -> str:
        return "Must also specify protocol if port range is given."


@dataclass(eq=False)
class SecurityGroupInvalidProtocolForPort(Invalid):
    """Ports with a protocol that has none."""

    code: ClassVar[str] = "network.rule_protocol_without_ports"
    protocol: str

    def __str__(self) -> str:
        return f"Invalid protocol {self.protocol} for port range, only supported for tcp, udp and sctp."


@dataclass(eq=False)
class SecurityGroupInvalidPortRange(Invalid):
    """Only one end of a range, or the ends in the wrong order."""

    code: ClassVar[str] = "network.rule_port_range"

    def __str__(self) -> str:
        return "For TCP/UDP/SCTP protocols, port_range_min must be <= port_range_max, and both be given."


@dataclass(eq=False)
class SecurityGroupInvalidPortValue(Invalid):
    """A port outside 1 to 65535."""

    code: ClassVar[str] = "network.rule_port"
    port: int

    def __str__(self) -> str:
        return f"Invalid value for port {self.port}: expected 1 to 65535."


@dataclass(eq=False)
class SecurityGroupInvalidIcmpValue(Invalid):
    """An ICMP type or code outside 0 to 255."""

    code: ClassVar[str] = "network.rule_icmp"
    field: str
    value: int

    def __str__(self) -> str:
        return f"Invalid value for ICMP {self.field}: {self.value}. It must be 0 to 255."


@dataclass(eq=False)
class SecurityGroupMissingIcmpType(Invalid):
    """A code without its type."""

    code: ClassVar[str] = "network.rule_icmp_type"
    value: int

    def __str__(self) -> str:
        return (
            f"ICMP code (port-range-max) {self.value} is provided but ICMP type (port-range-min) is missing."
        )


@dataclass(eq=False)
class SecurityGroupMultipleRemoteEntites(Invalid):
    """More than one answer to "who is the other side"."""

    code: ClassVar[str] = "network.rule_remotes"

    def __str__(self) -> str:
        return "Only one of remote_ip_prefix, remote_group_id and remote_address_group_id may be provided."


@dataclass(eq=False)
class SecurityGroupRuleParameterConflict(Invalid):
    """An IPv6 prefix in an IPv4 rule, or the reverse."""

    code: ClassVar[str] = "network.rule_ethertype_prefix"
    ethertype: str
    cidr: str

    def __str__(self) -> str:
        return f"Conflicting value ethertype {self.ethertype} for CIDR {self.cidr}."


@dataclass(eq=False)
class SecurityGroupRuleInvalidPrefix(Invalid):
    """A remote prefix that is no CIDR."""

    code: ClassVar[str] = "network.rule_prefix"
    prefix: str

    def __str__(self) -> str:
        return f"Invalid input for remote_ip_prefix: '{self.prefix}' is not a valid IP subnet."


@dataclass(eq=False)
class NetworkNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.network_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Network {self.object_id} could not be found."


@dataclass(eq=False)
class SubnetNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.subnet_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Subnet {self.object_id} could not be found."


@dataclass(eq=False)
class PortNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.port_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Port {self.object_id} could not be found."


@dataclass(eq=False)
class RouterNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.router_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Router {self.object_id} could not be found"


@dataclass(eq=False)
class FloatingIPNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.floating_ip_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Floating IP {self.object_id} could not be found."


@dataclass(eq=False)
class SecurityGroupNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.security_group_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Security group {self.object_id} does not exist."


@dataclass(eq=False)
class SecurityGroupRuleNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.security_group_rule_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Security group rule {self.object_id} does not exist."


@dataclass(eq=False)
class SubnetPoolNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.subnet_pool_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Subnet pool {self.object_id} could not be found."


@dataclass(eq=False)
class AgentNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.agent_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Agent {self.object_id} could not be found."


@dataclass(eq=False)
class TagNotFound(NotFound):
    """The object does not carry this tag."""

    code: ClassVar[str] = "network.tag_not_found"
    tag: str

    def __str__(self) -> str:
        return f"Tag {self.tag} could not be found."


@dataclass(eq=False)
class ExtensionNotFound(NotFound):
    """No extension of this alias is offered."""

    code: ClassVar[str] = "network.extension_not_found"
    alias: str

    def __str__(self) -> str:
        return f"Extension with alias {self.alias} does not exist"


@dataclass(eq=False)
class NetworkInUse(Conflict):
    """Ports still stand on it."""

    code: ClassVar[str] = "network.network_in_use"
    network_id: str

    def __str__(self) -> str:
        return (
            f"Unable to complete operation on network {self.network_id}. There are one or more "
            "ports still in use on the network."
        )


@dataclass(eq=False)
class SubnetInUse(Conflict):
    """Ports still have addresses from it."""

    code: ClassVar[str] = "network.subnet_in_use"
    subnet_id: str

    def __str__(self) -> str:
        return (
            f"Unable to complete operation on subnet {self.subnet_id}: One or more ports have an IP "
            "allocation from this subnet."
        )


@dataclass(eq=False)
class FlatNetworkInUse(Conflict):
    """The wire carries another network untagged."""

    code: ClassVar[str] = "network.flat_network_in_use"
    physical_network: str

    def __str__(self) -> str:
        return f"Unable to create the flat network. Physical network {self.physical_network} is in use."


@dataclass(eq=False)
class VlanIdInUse(Conflict):
    """The wire carries another network under this tag."""

    code: ClassVar[str] = "network.vlan_in_use"
    vlan_id: int
    physical_network: str

    def __str__(self) -> str:
        return (
            f"Unable to create the network. The VLAN {self.vlan_id} on physical network "
            f"{self.physical_network} is in use."
        )


@dataclass(eq=False)
class PortInUse(Conflict):
    """Something is attached to the port already."""

    code: ClassVar[str] = "network.port_in_use"
    port_id: str
    network_id: str
    device_id: str

    def __str__(self) -> str:
        return (
            f"Unable to complete operation on port {self.port_id} for network {self.network_id}. "
            f"Port already has an attached device {self.device_id}."
        )


@dataclass(eq=False)
class ServicePortInUse(Conflict):
    """The port belongs to the cloud, which deletes it itself."""

    code: ClassVar[str] = "network.service_port_in_use"
    port_id: str
    reason: str

    def __str__(self) -> str:
        return f"Port {self.port_id} cannot be deleted directly via the port API: {self.reason}."


@dataclass(eq=False)
class MacAddressInUse(Conflict):
    """Another port of the network has this MAC."""

    code: ClassVar[str] = "network.mac_in_use"
    network_id: str
    mac: str

    def __str__(self) -> str:
        return (
            f"Unable to complete operation for network {self.network_id}. The mac address "
            f"{self.mac} is in use."
        )


@dataclass(eq=False)
class IpAddressAlreadyAllocated(Conflict):
    """Another port has this address."""

    code: ClassVar[str] = "network.address_in_use"
    ip: str
    subnet_id: str

    def __str__(self) -> str:
        return f"IP address {self.ip} already allocated in subnet {self.subnet_id}"


@dataclass(eq=False)
class IpAddressGenerationFailure(Conflict):
    """All addresses are taken."""

    code: ClassVar[str] = "network.no_address_left"
    network_id: str
    subnet_id: str = ""

    def __str__(self) -> str:
        return (
            f"No more IP addresses available for subnet {self.subnet_id}."
            if self.subnet_id
            else f"No more IP addresses available on network {self.network_id}."
        )


@dataclass(eq=False)
class InvalidIpForNetwork(Invalid):
    """No subnet of the network holds the address."""

    code: ClassVar[str] = "network.address_outside_network"
    ip: str

    def __str__(self) -> str:
        return f"IP address {self.ip} is not a valid IP for any of the subnets on the specified network."


@dataclass(eq=False)
class InvalidIpForSubnet(Invalid):
    """The subnet does not hold the address."""

    code: ClassVar[str] = "network.address_outside_subnet"
    ip: str

    def __str__(self) -> str:
        return f"IP address {self.ip} is not a valid IP for the specified subnet."


@dataclass(eq=False)
class InvalidInput(Invalid):
    """What is asked cannot be meant."""

    code: ClassVar[str] = "network.invalid_input"
    reason: str

    def __str__(self) -> str:
        return f"Invalid input for operation: {self.reason}."


@dataclass(eq=False)
class BadRequest(Invalid):
    """What is asked of this object cannot be."""

    code: ClassVar[str] = "network.bad_request"
    resource: str
    reason: str

    def __str__(self) -> str:
        return f"Bad {self.resource} request: {self.reason}."


@dataclass(eq=False)
class HTTPBadRequest(Invalid):
    """The body or the query is not what the API takes."""

    code: ClassVar[str] = "network.bad_body"
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class GatewayIpInUse(Conflict):
    """The gateway of a subnet is the address of a router that stays."""

    code: ClassVar[str] = "network.gateway_in_use"
    ip_address: str
    port_id: str

    def __str__(self) -> str:
        return (
            f"Current gateway ip {self.ip_address} already in use by port {self.port_id}. Unable to update."
        )


@dataclass(eq=False)
class NetworkAmbiguous(Conflict):
    """Several networks are possible, and none was named."""

    code: ClassVar[str] = "network.network_ambiguous"

    def __str__(self) -> str:
        return "Multiple possible networks found, use a Network ID to be more specific."


@dataclass(eq=False)
class NotOnNetwork(Invalid):
    """The server has no port on the network."""

    code: ClassVar[str] = "network.not_on_network"
    server_id: str
    network_id: str

    def __str__(self) -> str:
        return f"Server {self.server_id} has no interface on network {self.network_id[:80]}."


@dataclass(eq=False)
class AddressNotOnServer(Invalid):
    """No port of the server has the address."""

    code: ClassVar[str] = "network.address_not_on_server"
    server_id: str
    ip: str

    def __str__(self) -> str:
        return f"Server {self.server_id} has no fixed address {self.ip[:80]}."


@dataclass(eq=False)
class ExternalNetworkAttachForbidden(Forbidden):
    """An external network that is not shared takes no ports of projects."""

    code: ClassVar[str] = "network.external_network"
    network_id: str

    def __str__(self) -> str:
        return f"It is not allowed to create an interface on external network {self.network_id}"


@dataclass(eq=False)
class RouterInUse(Conflict):
    """The router still joins networks."""

    code: ClassVar[str] = "network.router_in_use"
    router_id: str
    reason: str

    def __str__(self) -> str:
        return f"Router {self.router_id} still has {self.reason}"


@dataclass(eq=False)
class RouterInterfaceNotFound(NotFound):
    """The router has no such port."""

    code: ClassVar[str] = "network.router_interface_not_found"
    router_id: str
    port_id: str

    def __str__(self) -> str:
        return f"Router {self.router_id} does not have an interface with id {self.port_id}"


@dataclass(eq=False)
class RouterInterfaceNotFoundForSubnet(NotFound):
    """The router is not on this subnet."""

    code: ClassVar[str] = "network.router_interface_not_found_for_subnet"
    router_id: str
    subnet_id: str

    def __str__(self) -> str:
        return f"Router {self.router_id} has no interface on subnet {self.subnet_id}"


@dataclass(eq=False)
class RouterInterfaceInUseByFloatingIP(Conflict):
    """Floating IPs lead through it."""

    code: ClassVar[str] = "network.router_interface_in_use"
    router_id: str
    subnet_id: str

    def __str__(self) -> str:
        return (
            f"Router interface for subnet {self.subnet_id} on router {self.router_id} cannot be "
            "deleted, as it is required by one or more floating IPs."
        )


@dataclass(eq=False)
class RouterInterfaceInUseByRoute(Conflict):
    """Routes lead through it."""

    code: ClassVar[str] = "network.router_interface_in_use_by_route"
    router_id: str
    subnet_id: str

    def __str__(self) -> str:
        return (
            f"Router interface for subnet {self.subnet_id} on router {self.router_id} cannot be "
            "deleted, as it is required by one or more routes."
        )


@dataclass(eq=False)
class RouterExternalGatewayInUseByFloatingIp(Conflict):
    """Floating IPs lead through it."""

    code: ClassVar[str] = "network.router_gateway_in_use"
    router_id: str
    net_id: str

    def __str__(self) -> str:
        return (
            f"Gateway cannot be updated for router {self.router_id}, since a gateway to external "
            f"network {self.net_id} is required by one or more floating IPs."
        )


@dataclass(eq=False)
class InvalidRoutes(Invalid):
    """A route leads nowhere."""

    code: ClassVar[str] = "network.invalid_routes"
    routes: str
    reason: str

    def __str__(self) -> str:
        return f"Invalid format for routes: {self.routes}, {self.reason}"


@dataclass(eq=False)
class ExternalGatewayForFloatingIPNotFound(NotFound):
    """No router joins the port and the external network."""

    code: ClassVar[str] = "network.floating_ip_unreachable"
    subnet_id: str
    external_network_id: str
    port_id: str

    def __str__(self) -> str:
        return (
            f"External network {self.external_network_id} is not reachable from subnet "
            f"{self.subnet_id}.  Therefore, cannot associate Port {self.port_id} with a Floating "
            "IP."
        )


@dataclass(eq=False)
class FloatingIPPortAlreadyAssociated(Conflict):
    """The fixed address has a floating IP from there already."""

    code: ClassVar[str] = "network.floating_ip_associated"
    floating_ip_address: str
    fip_id: str
    port_id: str
    fixed_ip: str
    net_id: str

    def __str__(self) -> str:
        return (
            f"Cannot associate floating IP {self.floating_ip_address} ({self.fip_id}) with port "
            f"{self.port_id} using fixed IP {self.fixed_ip}, as that fixed IP already has a "
            f"floating IP on external network {self.net_id}."
        )


@dataclass(eq=False)
class SecurityGroupDefaultAlreadyExists(Conflict):
    """The name belongs to the group that every project has."""

    code: ClassVar[str] = "network.default_group"

    def __str__(self) -> str:
        return "Default security group already exists."


@dataclass(eq=False)
class SecurityGroupCannotRemoveDefault(Conflict):
    """Every project keeps its default group."""

    code: ClassVar[str] = "network.default_group_stays"

    def __str__(self) -> str:
        return "Insufficient rights for removing default security group."


@dataclass(eq=False)
class SecurityGroupCannotUpdateDefault(Conflict):
    """The default group keeps its name."""

    code: ClassVar[str] = "network.default_group_name"

    def __str__(self) -> str:
        return "Updating default security group not allowed."


@dataclass(eq=False)
class SecurityGroupInUse(Conflict):
    """Ports are in the group, or the template for new groups names it."""

    code: ClassVar[str] = "network.group_in_use"
    group_id: str

    def __str__(self) -> str:
        return f"Security Group {self.group_id} in use."


@dataclass(eq=False)
class SecurityGroupRuleExists(Conflict):
    """A rule of the group lets the same through."""

    code: ClassVar[str] = "network.rule_exists"
    rule_id: str

    def __str__(self) -> str:
        return f"Security group rule already exists. Rule id is {self.rule_id}."


@dataclass(eq=False)
class SubnetPoolInUse(Conflict):
    """Subnets are cut from the pool."""

    code: ClassVar[str] = "network.subnet_pool_in_use"
    pool_id: str

    def __str__(self) -> str:
        return (
            f"Unable to complete operation on subnet pool {self.pool_id}. There are one or more "
            "subnets in use."
        )


@dataclass(eq=False)
class SubnetAllocationError(Conflict):
    """The pool has no prefix of this length left."""

    code: ClassVar[str] = "network.no_prefix_left"
    reason: str

    def __str__(self) -> str:
        return f"Failed to allocate subnet: {self.reason}."


@dataclass(eq=False)
class RevisionNumberConstraintFailed(PreconditionFailed):
    """The object has changed since the caller looked."""

    code: ClassVar[str] = "network.revision"
    object_id: str
    expected: int

    def __str__(self) -> str:
        return f"Constrained to {self.expected}, but current revision is different."


@dataclass(eq=False)
class InvalidQuotaValue(Invalid):
    """A quota was to be checked against what is in use, and is less."""

    code: ClassVar[str] = "network.quota_below_use"
    nouns: tuple[str, ...]

    def __str__(self) -> str:
        return f"Change would make usage more than the quota for the following resources: {list(self.nouns)}."


@dataclass(eq=False)
class OverQuota(Conflict):
    """The project may have no more of these."""

    code: ClassVar[str] = "network.over_quota"
    noun: str
    project_id: str
    limit: int
    used: int
    asked: int

    def __str__(self) -> str:
        return (
            f"Quota exceeded for resources: ['{self.noun}']. The limit of project {self.project_id} is"
            f" {self.limit}, {self.used} are in use, and {self.asked} more asked for."
        )


@dataclass(eq=False)
class InvalidSharedSetting(Conflict):
    """Others stand on the network, and would be cut off from it."""

    code: ClassVar[str] = "network.shared_in_use"
    network: str

    def __str__(self) -> str:
        return (
            f"Unable to reconfigure sharing settings for network {self.network}. Multiple tenants "
            "are using it."
        )


@dataclass(eq=False)
class NoUniqueMatch(Conflict):
    """Several security groups have this name."""

    code: ClassVar[str] = "network.group_ambiguous"
    name: str

    def __str__(self) -> str:
        return f"Multiple security groups found matching '{self.name}'. Use an ID to be more specific."


@dataclass(eq=False)
class NetworkRequiresSubnet(Invalid):
    """A server on the network would have no address."""

    code: ClassVar[str] = "network.no_subnet"
    network_id: str

    def __str__(self) -> str:
        return f"Network {self.network_id} requires a subnet in order to boot instances on."


# -- who may see what, and the nouns of addresses --------------------------------------------------------------


@dataclass(eq=False)
class RbacPolicyNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.rbac_policy_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"RBAC policy {self.object_id} could not be found."


@dataclass(eq=False)
class RbacPolicyInUse(Conflict):
    """A project uses the object that only this entry lets it use."""

    code: ClassVar[str] = "network.rbac_policy_in_use"
    object_id: str
    details: str

    def __str__(self) -> str:
        return (
            f"RBAC policy on object {self.object_id} cannot be removed because other objects depend on it. "
            f"Details: {self.details}"
        )


@dataclass(eq=False)
class DuplicateRbacPolicy(Conflict):
    """There is such an entry already."""

    code: ClassVar[str] = "network.duplicate_rbac_policy"

    def __str__(self) -> str:
        return "An RBAC policy already exists with those values."


@dataclass(eq=False)
class RbacObjectNotFound(NotFound):
    """What is to be shared is not there, or the caller may not know of it."""

    code: ClassVar[str] = "network.rbac_object_not_found"
    object_type: str
    object_id: str

    def __str__(self) -> str:
        return f"{self.object_type} {self.object_id} could not be found."


@dataclass(eq=False)
class ExternalNetworkInUse(Conflict):
    """Routers or floating IPs lead out through the network."""

    code: ClassVar[str] = "network.external_network_in_use"
    network_id: str

    def __str__(self) -> str:
        return (
            f"External network {self.network_id} cannot be updated to be made non-external, since it has "
            "existing gateway ports."
        )


@dataclass(eq=False)
class AddressScopeNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.address_scope_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Address scope {self.object_id} could not be found."


@dataclass(eq=False)
class AddressScopeInUse(Conflict):
    """Subnet pools are in the scope."""

    code: ClassVar[str] = "network.address_scope_in_use"
    object_id: str

    def __str__(self) -> str:
        return (
            f"Unable to complete operation on address scope {self.object_id}. There are one or more subnet pools "
            "in use on the address scope."
        )


@dataclass(eq=False)
class AddressScopeUpdateError(Invalid):
    """A scope that is shared stays so."""

    code: ClassVar[str] = "network.address_scope_update"
    object_id: str
    reason: str

    def __str__(self) -> str:
        return f"Unable to update address scope {self.object_id} : {self.reason}"


@dataclass(eq=False)
class AddressScopePrefixConflict(Conflict):
    """Another pool of the scope holds some of these addresses."""

    code: ClassVar[str] = "network.address_scope_conflict"

    def __str__(self) -> str:
        return "Failed to associate address scope: subnetpools within an address scope must have unique prefixes."


@dataclass(eq=False)
class IllegalSubnetPoolIpVersionAssociationToAddressScope(Invalid):
    """The scope is of the other IP version."""

    code: ClassVar[str] = "network.address_scope_version"
    pool_id: str
    scope_id: str
    ip_version: int

    def __str__(self) -> str:
        return (
            f"Illegal subnetpool association: subnetpool {self.pool_id} cannot associate with address scope "
            f"{self.scope_id} because subnetpool ip_version is not {self.ip_version}."
        )


@dataclass(eq=False)
class IllegalSubnetPoolPrefixUpdate(Invalid):
    """Prefixes are taken away by an operation of its own."""

    code: ClassVar[str] = "network.subnet_pool_prefixes"
    message: str

    def __str__(self) -> str:
        return f"Illegal update to prefixes: {self.message}"


@dataclass(eq=False)
class SubnetPoolQuotaExceeded(Conflict):
    """The project has as many addresses of this pool as anybody may."""

    code: ClassVar[str] = "network.subnet_pool_quota"

    def __str__(self) -> str:
        return "Per-tenant subnet pool prefix quota exceeded."


@dataclass(eq=False)
class NetworkSubnetPoolAffinityError(Invalid):
    """The subnets of a network come from one pool."""

    code: ClassVar[str] = "network.subnet_pool_affinity"

    def __str__(self) -> str:
        return "Subnets hosted on the same network must be allocated from the same subnet pool."


@dataclass(eq=False)
class IllegalSubnetPoolUpdate(Invalid):
    """What is asked would take something from the subnets of the pool."""

    code: ClassVar[str] = "network.subnet_pool_update"
    reason: str

    def __str__(self) -> str:
        return f"Illegal subnetpool update : {self.reason}."


@dataclass(eq=False)
class AddressGroupNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.address_group_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Address group {self.object_id} could not be found."


@dataclass(eq=False)
class AddressGroupInUse(Conflict):
    """Rules of security groups name the group."""

    code: ClassVar[str] = "network.address_group_in_use"
    object_id: str

    def __str__(self) -> str:
        return f"Address group {self.object_id} is in use on one or more security group rules."


@dataclass(eq=False)
class AddressesNotFound(NotFound):
    """Some of the addresses are not in the group."""

    code: ClassVar[str] = "network.addresses_not_found"
    address_group_id: str
    addresses: str

    def __str__(self) -> str:
        return f"Addresses {self.addresses} not found in address group {self.address_group_id}."


@dataclass(eq=False)
class AddressesAlreadyExist(Invalid):
    """Some of the addresses are in the group already."""

    code: ClassVar[str] = "network.addresses_exist"
    address_group_id: str
    addresses: str

    def __str__(self) -> str:
        return f"Addresses {self.addresses} already exist in address group {self.address_group_id}."


@dataclass(eq=False)
class DefaultSecurityGroupRuleNotFound(NotFound):
    """The template has no such rule."""

    code: ClassVar[str] = "network.default_security_group_rule_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Default Security Group rule {self.object_id} does not exist."


@dataclass(eq=False)
class DefaultSecurityGroupRuleExists(Conflict):
    """The template has a rule that means the same."""

    code: ClassVar[str] = "network.default_security_group_rule_exists"
    rule_id: str

    def __str__(self) -> str:
        return f"Default Security group rule already exists. Rule id is {self.rule_id}."


@dataclass(eq=False)
class PolicyRemoveAuthorizationError(Forbidden):
    """A policy that the operator gave was to be taken away by somebody who may not use it."""

    code: ClassVar[str] = "network.qos_policy_stays"
    policy_id: str

    def __str__(self) -> str:
        return f"User is not allowed to remove QoS policy {self.policy_id}."


@dataclass(eq=False)
class QosPolicyNotFound(NotFound):
    """No such policy of quality of service, for the caller."""

    code: ClassVar[str] = "network.qos_policy_not_found"
    policy_id: str

    def __str__(self) -> str:
        return f"QoS policy {self.policy_id} could not be found."


@dataclass(eq=False)
class QosRuleNotFound(NotFound):
    """No such rule of this kind in the policy."""

    code: ClassVar[str] = "network.qos_rule_not_found"
    policy_id: str
    rule_id: str

    def __str__(self) -> str:
        return f"QoS rule {self.rule_id} for policy {self.policy_id or 'of the caller'} could not be found."


@dataclass(eq=False)
class QosRuleTypeNotFound(NotFound):
    """Rules of this kind are not carried out here."""

    code: ClassVar[str] = "network.qos_rule_type_not_found"
    rule_type: str

    def __str__(self) -> str:
        return f"QoS rule type {self.rule_type} could not be found."


@dataclass(eq=False)
class QosPolicyInUse(Conflict):
    """Something is shaped by the policy."""

    code: ClassVar[str] = "network.qos_policy_in_use"
    policy_id: str
    object_type: str
    object_id: str

    def __str__(self) -> str:
        return f"QoS Policy {self.policy_id} is used by {self.object_type} {self.object_id}."


@dataclass(eq=False)
class QosRulesConflict(Conflict):
    """The policy says this already."""

    code: ClassVar[str] = "network.qos_rules_conflict"
    policy_id: str
    rule_kind: str

    def __str__(self) -> str:
        return (
            f"QoS policy {self.policy_id} has a rule of type {self.rule_kind} for that direction already; "
            "change or delete it."
        )


@dataclass(eq=False)
class QosPlacementAllocationUpdateConflict(Conflict):
    """A server's host has not what its ports would be guaranteed from now on."""

    code: ClassVar[str] = "network.qos_guarantee_not_kept"
    provider_id: str
    why: str

    def __str__(self) -> str:
        return f"Resource provider {self.provider_id} cannot keep what would be guaranteed: {self.why}."


@dataclass(eq=False)
class QosPolicyDefaultAlreadyExists(Conflict):
    """A second default policy for one project."""

    code: ClassVar[str] = "network.qos_default_exists"
    project_id: str

    def __str__(self) -> str:
        return f"A default QoS policy exists for project {self.project_id}."


@dataclass(eq=False)
class SecurityGroupConflict(Conflict):
    """A port remembers connections, or does not."""

    code: ClassVar[str] = "network.mixed_groups"

    def __str__(self) -> str:
        return "Cannot apply both stateful and stateless security groups on the same port at the same time."


@dataclass(eq=False)
class AgentAlive(Conflict):
    """An agent that is heard would be back at once."""

    code: ClassVar[str] = "network.agent_alive"
    object_id: str

    def __str__(self) -> str:
        return f"Agent {self.object_id} is alive. Only agents of hosts that are gone can be deleted."


@dataclass(eq=False)
class AutoAllocationFailure(Conflict):
    """What a network for everybody is made of is not there."""

    code: ClassVar[str] = "network.auto_allocation"
    reason: str

    def __str__(self) -> str:
        return f"Deployment error: {self.reason}."


@dataclass(eq=False)
class AutoAllocatedTopologyNotFound(NotFound):
    """Nothing was made for the project."""

    code: ClassVar[str] = "network.auto_topology_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"No auto-allocated topology of project {self.object_id} could be found."


@dataclass(eq=False)
class DefaultExternalNetworkExists(Conflict):
    """There is one external network that is taken when nobody names one."""

    code: ClassVar[str] = "network.default_external_network"
    net_id: str

    def __str__(self) -> str:
        return f"A default external network already exists: {self.net_id}."


@dataclass(eq=False)
class FlavorNotFound(NotFound):
    """There is none."""

    code: ClassVar[str] = "network.flavor_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Flavor {self.object_id} could not be found."


@dataclass(eq=False)
class FlavorInUse(Conflict):
    """Routers are of the flavor."""

    code: ClassVar[str] = "network.flavor_in_use"
    object_id: str

    def __str__(self) -> str:
        return f"Flavor {self.object_id} is used by some service instance."


@dataclass(eq=False)
class FlavorDisabled(Conflict):
    """Nothing new is of this flavor."""

    code: ClassVar[str] = "network.flavor_disabled"

    def __str__(self) -> str:
        return "Flavor is not enabled."


@dataclass(eq=False)
class InvalidServiceType(Invalid):
    """There are no flavors of this service."""

    code: ClassVar[str] = "network.service_type"
    service_type: str

    def __str__(self) -> str:
        return f"Invalid service type {self.service_type[:60]}."


@dataclass(eq=False)
class ServiceProfileNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.service_profile_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Service Profile {self.object_id} could not be found."


@dataclass(eq=False)
class ServiceProfileInUse(Conflict):
    """A flavor stands for the profile."""

    code: ClassVar[str] = "network.service_profile_in_use"
    object_id: str

    def __str__(self) -> str:
        return f"Service Profile {self.object_id} is used by some service instance."


@dataclass(eq=False)
class ServiceProfileDisabled(Conflict):
    """No flavor may stand for the profile."""

    code: ClassVar[str] = "network.service_profile_disabled"

    def __str__(self) -> str:
        return "Service Profile is not enabled."


@dataclass(eq=False)
class ServiceProfileEmpty(Invalid):
    """A profile says something."""

    code: ClassVar[str] = "network.service_profile_empty"

    def __str__(self) -> str:
        return "Service Profile needs either a driver or metainfo."


@dataclass(eq=False)
class FlavorServiceProfileBindingExists(Conflict):
    """The flavor stands for the profile already."""

    code: ClassVar[str] = "network.flavor_binding_exists"
    profile_id: str
    flavor_id: str

    def __str__(self) -> str:
        return f"Service Profile {self.profile_id} is already associated with flavor {self.flavor_id}."


@dataclass(eq=False)
class FlavorServiceProfileBindingNotFound(NotFound):
    """The flavor does not stand for the profile."""

    code: ClassVar[str] = "network.flavor_binding_not_found"
    profile_id: str
    flavor_id: str

    def __str__(self) -> str:
        return f"Service Profile {self.profile_id} is not associated with flavor {self.flavor_id}."


@dataclass(eq=False)
class PortForwardingNotFound(NotFound):
    """No such forwarding of this floating IP."""

    code: ClassVar[str] = "network.port_forwarding_not_found"
    forwarding_id: str

    def __str__(self) -> str:
        return f"Port Forwarding {self.forwarding_id} could not be found."


@dataclass(eq=False)
class FloatingIpInUse(Conflict):
    """A floating IP leads to a port as a whole, or by forwardings, not both."""

    code: ClassVar[str] = "network.floating_ip_in_use"
    floating_ip_id: str
    why: str

    def __str__(self) -> str:
        return f"Floating IP {self.floating_ip_id} is in use: {self.why}."


@dataclass(eq=False)
class PortHasBindedFloatingIP(Conflict):
    """The address inside has a floating IP of its own."""

    code: ClassVar[str] = "network.port_has_floating_ip"
    floating_ip_id: str
    port_id: str
    fixed_ip: str
    bound_id: str

    def __str__(self) -> str:
        return (
            f"Cannot forward ports of floating IP {self.floating_ip_id} to port {self.port_id} using fixed IP "
            f"{self.fixed_ip}, as that port already has floating IP {self.bound_id}."
        )


@dataclass(eq=False)
class NetworkMTUSubnetConflict(Conflict):
    """The subnets of the network need larger packets."""

    code: ClassVar[str] = "network.mtu_too_small"
    network_id: str
    least: int

    def __str__(self) -> str:
        return f"The MTU of network {self.network_id} is less than the {self.least} that its subnets need."


@dataclass(eq=False)
class PortSecurityPortHasSecurityGroup(Conflict):
    """Groups mean something only where senders are checked."""

    code: ClassVar[str] = "network.port_security_groups"

    def __str__(self) -> str:
        return (
            "Port has security group associated. Cannot disable port security or IP address until security "
            "group is removed."
        )


@dataclass(eq=False)
class AddressPairAndPortSecurityRequired(Conflict):
    """Pairs mean something only where senders are checked."""

    code: ClassVar[str] = "network.port_security_pairs"

    def __str__(self) -> str:
        return "Port Security must be enabled in order to have allowed address pairs on a port."


@dataclass(eq=False)
class SegmentNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.segment_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Segment {self.object_id} could not be found."


@dataclass(eq=False)
class SegmentInUse(Conflict):
    """Something keeps the segment."""

    code: ClassVar[str] = "network.segment_in_use"
    object_id: str
    reason: str

    def __str__(self) -> str:
        return f"Segment '{self.object_id}' cannot be deleted: {self.reason}."


@dataclass(eq=False)
class HostNotConnectedToAnySegment(Conflict):
    """A routed network has no subnet on the wires of a host."""

    code: ClassVar[str] = "network.host_not_on_segment"
    host: str
    network_id: str

    def __str__(self) -> str:
        return f"Host {self.host} is not connected to any segments on routed provider network '{self.network_id}'."


@dataclass(eq=False)
class HostConnectedToMultipleSegments(Conflict):
    """A host is on several segments of one routed network, so that nobody knows which addresses are right there."""

    code: ClassVar[str] = "network.host_on_segments"
    host: str
    network_id: str

    def __str__(self) -> str:
        return (
            f"Host {self.host} is connected to multiple segments on routed provider network "
            f"'{self.network_id}'. It should be connected to one."
        )


@dataclass(eq=False)
class HostNotCompatibleWithFixedIps(Conflict):
    """A port has addresses of one segment, and is to go to a host that is not on it."""

    code: ClassVar[str] = "network.host_not_on_segment_of_port"
    host: str
    port_id: str

    def __str__(self) -> str:
        return (
            f"Host {self.host} is not connected to a segment where the existing fixed_ips on port "
            f"{self.port_id} will function given the routed network topology."
        )


@dataclass(eq=False)
class FixedIpsSubnetsNotOnSameSegment(Invalid):
    """A port is asked to have addresses of several segments, and can only be on one."""

    code: ClassVar[str] = "network.addresses_on_segments"

    def __str__(self) -> str:
        return "Cannot allocate addresses from different segments."


@dataclass(eq=False)
class NetworkIdsDontMatch(Invalid):
    """A subnet of one network, and a segment of another."""

    code: ClassVar[str] = "network.segment_of_other_network"
    subnet_network: str
    segment_id: str

    def __str__(self) -> str:
        return (
            f"The subnet's network id, '{self.subnet_network}', doesn't match the network_id of segment "
            f"'{self.segment_id}'."
        )


@dataclass(eq=False)
class SubnetsNotAllAssociatedWithSegments(Invalid):
    """Some subnets of a network would be bound to segments, and others not."""

    code: ClassVar[str] = "network.subnets_partly_on_segments"
    network_id: str

    def __str__(self) -> str:
        return (
            f"All of the subnets on network '{self.network_id}' must either all be associated with segments "
            "or all not associated with any segment."
        )


@dataclass(eq=False)
class SubnetSegmentAssociationChangeNotAllowed(Invalid):
    """A subnet that is bound to a segment stays there: its addresses are in use there."""

    code: ClassVar[str] = "network.subnet_stays_on_segment"

    def __str__(self) -> str:
        return (
            "A subnet that is already associated with a segment cannot have its segment association changed."
        )


@dataclass(eq=False)
class NoUpdateSubnetWhenMultipleSegmentsOnNetwork(Invalid):
    """Nobody knows on which of several segments the ports of a subnet are."""

    code: ClassVar[str] = "network.subnet_on_segments"
    network_id: str

    def __str__(self) -> str:
        return (
            f"The network '{self.network_id}' has multiple segments, it is only possible to associate an "
            "existing subnet with a segment on networks with a single segment."
        )


@dataclass(eq=False)
class TunnelIdInUse(Conflict):
    """Another network of this type has the number."""

    code: ClassVar[str] = "network.tunnel_id_in_use"
    tunnel_id: int

    def __str__(self) -> str:
        return f"Unable to create the network. The tunnel ID {self.tunnel_id} is in use."


@dataclass(eq=False)
class NoNetworkAvailable(Conflict):
    """All numbers of the ranges that the network could be from are in use, or there are no such ranges."""

    code: ClassVar[str] = "network.no_segment_left"

    def __str__(self) -> str:
        return "Unable to create the network. No tenant network is available for allocation."


@dataclass(eq=False)
class NetworkSegmentRangeNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.segment_range_not_found"
    object_id: str

    def __str__(self) -> str:
        return f"Network Segment Range {self.object_id} could not be found."


@dataclass(eq=False)
class NetworkSegmentRangeReferencedByProject(Conflict):
    """Networks have numbers of the range, or of the part of it that would go."""

    code: ClassVar[str] = "network.segment_range_in_use"
    range_id: str

    def __str__(self) -> str:
        return f"Network Segment Range {self.range_id} is referenced by one or more tenant networks."


@dataclass(eq=False)
class NetworkSegmentRangeDefaultReadOnly(Invalid):
    """The default ranges are changed where they are written: in the configuration."""

    code: ClassVar[str] = "network.segment_range_default"
    range_id: str

    def __str__(self) -> str:
        return (
            f"Network Segment Range {self.range_id} is a default segment range which could not be updated "
            "or deleted."
        )


@dataclass(eq=False)
class NetworkSegmentRangeOverlaps(Conflict):
    """A number would be in two ranges."""

    code: ClassVar[str] = "network.segment_range_overlaps"
    range_id: str

    def __str__(self) -> str:
        return f"Network segment range overlaps with range(s) with id {self.range_id}."


@dataclass(eq=False)
class IpAddressGenerationFailureNoMatchingSubnet(Conflict):
    """All subnets of a network are kept for other kinds of ports."""

    code: ClassVar[str] = "network.no_subnet_for_service"
    network_id: str
    service_type: str

    def __str__(self) -> str:
        return (
            f"No valid service subnet for the given device owner, network {self.network_id}, "
            f"service type {self.service_type or 'null'}."
        )


@dataclass(eq=False)
class TrunkNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.trunk_not_found"
    trunk_id: str

    def __str__(self) -> str:
        return f"Trunk {self.trunk_id} could not be found."


@dataclass(eq=False)
class TrunkDisabled(Conflict):
    """A trunk that is down is not changed."""

    code: ClassVar[str] = "network.trunk_disabled"
    trunk_id: str

    def __str__(self) -> str:
        return f"Trunk {self.trunk_id} is currently disabled."


@dataclass(eq=False)
class SubPortNotFound(NotFound):
    """The trunk does not carry the port."""

    code: ClassVar[str] = "network.subport_not_found"
    trunk_id: str
    port_id: str

    def __str__(self) -> str:
        return f"SubPort on trunk {self.trunk_id} with parent port {self.port_id} could not be found."


@dataclass(eq=False)
class DuplicateSubPort(Conflict):
    """The trunk has something under that tag."""

    code: ClassVar[str] = "network.subport_tag_in_use"
    segmentation_type: str
    segmentation_id: int
    trunk_id: str

    def __str__(self) -> str:
        return (
            f"segmentation_type {self.segmentation_type} and segmentation_id {self.segmentation_id} already in "
            f"use on trunk {self.trunk_id}."
        )


@dataclass(eq=False)
class ParentPortInUse(Conflict):
    """The port carries others, or belongs to the cloud, so that it cannot be what is asked."""

    code: ClassVar[str] = "network.parent_port_in_use"
    port_id: str

    def __str__(self) -> str:
        return f"Port {self.port_id} is currently in use and is not eligible for use as a parent port."


@dataclass(eq=False)
class PortInUseAsTrunkParent(Conflict):
    """The port carries others."""

    code: ClassVar[str] = "network.port_is_trunk_parent"
    port_id: str
    trunk_id: str

    def __str__(self) -> str:
        return f"Port {self.port_id} is currently a parent port for trunk {self.trunk_id}."


@dataclass(eq=False)
class PortInUseAsSubPort(Conflict):
    """The port is carried by another."""

    code: ClassVar[str] = "network.port_is_subport"
    port_id: str
    trunk_id: str

    def __str__(self) -> str:
        return f"Port {self.port_id} is currently a subport for trunk {self.trunk_id}."


@dataclass(eq=False)
class SubPortMtuGreaterThanTrunkPortMtu(Conflict):
    """The parent could not carry the subport's largest packets."""

    code: ClassVar[str] = "network.subport_mtu"
    port_id: str
    port_mtu: int
    parent_id: str
    parent_mtu: int

    def __str__(self) -> str:
        return (
            f"MTU {self.port_mtu} of subport {self.port_id} cannot be greater than MTU {self.parent_mtu} of trunk "
            f"port {self.parent_id}."
        )


@dataclass(eq=False)
class MeteringLabelNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.metering_label_not_found"
    label_id: str

    def __str__(self) -> str:
        return f"Metering label {self.label_id} does not exist."


@dataclass(eq=False)
class MeteringLabelRuleNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.metering_rule_not_found"
    rule_id: str

    def __str__(self) -> str:
        return f"Metering label rule {self.rule_id} does not exist."


@dataclass(eq=False)
class MeteringLabelRuleOverlaps(Conflict):
    """A rule of the label counts some of that traffic already."""

    code: ClassVar[str] = "network.metering_rule_overlaps"
    remote_ip_prefix: str

    def __str__(self) -> str:
        return (
            f"Metering label rule with remote_ip_prefix '{self.remote_ip_prefix}' overlaps another for the same "
            "label and direction."
        )


@dataclass(eq=False)
class UnableToMatchGateways(Conflict):
    """It is not said which of a router's ways out is meant, or it has no such one."""

    code: ClassVar[str] = "network.gateways_not_matched"
    router_id: str
    reason: str

    def __str__(self) -> str:
        return (
            f"Unable to match a requested gateway port to existing gateway ports for router {self.router_id}: "
            f"{self.reason}."
        )


@dataclass(eq=False)
class UnableToRemoveGateways(Conflict):
    """The router has no way out."""

    code: ClassVar[str] = "network.no_gateways"
    router_id: str

    def __str__(self) -> str:
        return f"Unable to remove extra gateways from a router {self.router_id}: it has no external gateways."


@dataclass(eq=False)
class SeveralGatewaysAndForwardings(Conflict):
    """The switches forward single ports only on routers that meet the outside once."""

    code: ClassVar[str] = "network.several_gateways_and_forwardings"
    router_id: str

    def __str__(self) -> str:
        return (
            f"Router {self.router_id} cannot both have several ways out and forward ports of floating IPs: "
            "forwarded ports are possible with one way out only."
        )


@dataclass(eq=False)
class RouterInterfaceInUseAsGatewayByFloatingIP(Conflict):
    """Floating IPs of this network come in by it."""

    code: ClassVar[str] = "network.router_interface_in_use_as_gateway"
    router_id: str
    subnet_id: str

    def __str__(self) -> str:
        return (
            f"Router interface for subnet {self.subnet_id} on router {self.router_id} cannot be "
            "deleted, as it is required as a gateway by one or more floating IPs."
        )


@dataclass(eq=False)
class RouterNotOnFloatingNetwork(Conflict):
    """The router that was chosen for a floating IP does not meet its network."""

    code: ClassVar[str] = "network.router_not_on_floating_network"
    router_id: str
    network_id: str

    def __str__(self) -> str:
        return f"Router {self.router_id} is not on external network {self.network_id}."


@dataclass(eq=False)
class NDPProxyNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.ndp_proxy_not_found"
    proxy_id: str

    def __str__(self) -> str:
        return f"NDP proxy {self.proxy_id} could not be found."


@dataclass(eq=False)
class NDPProxyExists(Conflict):
    """The router answers for the address already."""

    code: ClassVar[str] = "network.ndp_proxy_exists"
    router_id: str
    ip_address: str

    def __str__(self) -> str:
        return f"Router {self.router_id} has an NDP proxy for {self.ip_address} already."


@dataclass(eq=False)
class RouterGatewayNotValid(Conflict):
    """The router has no way out by which it could answer for others."""

    code: ClassVar[str] = "network.gateway_without_ndp"
    router_id: str

    def __str__(self) -> str:
        return (
            f"Can not enable ndp proxy on router {self.router_id}: it has no external gateway with an IPv6 address "
            "that is in an address scope."
        )


@dataclass(eq=False)
class RouterGatewayInUseByNDPProxy(Conflict):
    """The router answers for others by this way out."""

    code: ClassVar[str] = "network.gateway_in_use_by_ndp"
    router_id: str

    def __str__(self) -> str:
        return (
            f"Unable to unset external gateway of router {self.router_id}: there are one or more ndp proxies "
            "still in use on the router."
        )


@dataclass(eq=False)
class RouterInterfaceInUseByNDPProxy(Conflict):
    """The router answers for others by this leg."""

    code: ClassVar[str] = "network.interface_in_use_by_ndp"
    router_id: str
    subnet_id: str

    def __str__(self) -> str:
        return (
            f"Unable to remove subnet {self.subnet_id} from router {self.router_id}: there are one or more ndp "
            "proxies still in use on the subnet."
        )


@dataclass(eq=False)
class RouterNDPProxyNotEnable(Conflict):
    """The router answers for nobody."""

    code: ClassVar[str] = "network.ndp_not_enabled"
    router_id: str

    def __str__(self) -> str:
        return f"The enable_ndp_proxy parameter of router {self.router_id} must be True to make ndp proxies on it."


@dataclass(eq=False)
class AddressScopeConflict(Conflict):
    """What is inside means nothing outside."""

    code: ClassVar[str] = "network.ndp_scopes_differ"
    outside: str
    inside: str

    def __str__(self) -> str:
        return (
            f"The IPv6 address scope of the external network ({self.outside}) conflicts with that of the internal "
            f"network ({self.inside})."
        )


@dataclass(eq=False)
class PortUnreachableRouter(Conflict):
    """No leg of the router is on an IPv6 subnet of the port."""

    code: ClassVar[str] = "network.port_unreachable"
    port_id: str
    router_id: str

    def __str__(self) -> str:
        return f"The port {self.port_id} cannot reach the router {self.router_id} by IPv6 subnet."


@dataclass(eq=False)
class InvalidAddress(Invalid):
    """An address that a router cannot answer for."""

    code: ClassVar[str] = "network.ndp_invalid_address"
    address: str
    reason: str

    def __str__(self) -> str:
        return f"The address {self.address} is invalid: {self.reason}."


@dataclass(eq=False)
class PortBindingNotFound(NotFound):
    """A host that is not prepared for a port."""

    code: ClassVar[str] = "network.port_binding_not_found"
    port_id: str
    host_id: str

    def __str__(self) -> str:
        return f"Binding for port {self.port_id} for host {self.host_id[:60]} could not be found."


@dataclass(eq=False)
class PortBindingAlreadyExists(Conflict):
    """A host that is prepared for a port, or has it, was to be prepared."""

    code: ClassVar[str] = "network.port_binding_exists"
    port_id: str
    host_id: str

    def __str__(self) -> str:
        return f"Binding for port {self.port_id} on host {self.host_id} already exists."


@dataclass(eq=False)
class PortBindingAlreadyActive(Conflict):
    """A port was to move to the host that has it."""

    code: ClassVar[str] = "network.port_binding_active"
    port_id: str
    host_id: str

    def __str__(self) -> str:
        return f"Binding for port {self.port_id} on host {self.host_id} is already active."


@dataclass(eq=False)
class LocalIPNotFound(NotFound):
    """There is none, or the caller may not know of it."""

    code: ClassVar[str] = "network.local_ip_not_found"
    local_ip_id: str

    def __str__(self) -> str:
        return f"Local IP {self.local_ip_id} could not be found."


@dataclass(eq=False)
class LocalIPInUse(Conflict):
    """It leads to ports yet."""

    code: ClassVar[str] = "network.local_ip_in_use"
    local_ip_id: str

    def __str__(self) -> str:
        return f"Local IP {self.local_ip_id} is still associated with one or more ports."


@dataclass(eq=False)
class LocalIPAssociationNotFound(NotFound):
    """The local IP does not lead to the port."""

    code: ClassVar[str] = "network.local_ip_association_not_found"
    local_ip_id: str
    port_id: str

    def __str__(self) -> str:
        return f"Local IP {self.local_ip_id} association with port {self.port_id} could not be found."


@dataclass(eq=False)
class LocalIPAssociationExists(Conflict):
    """The local IP leads to the port already."""

    code: ClassVar[str] = "network.local_ip_association_exists"
    local_ip_id: str
    port_id: str

    def __str__(self) -> str:
        return f"Local IP {self.local_ip_id} is associated with port {self.port_id} already."


@dataclass(eq=False)
class LocalIPNoIP(Invalid):
    """The port has no IPv4 address."""

    code: ClassVar[str] = "network.local_ip_no_address"
    port_id: str

    def __str__(self) -> str:
        return f"Specified Port {self.port_id} has no fixed IPv4 addresses configured."


@dataclass(eq=False)
class LocalIPRequestedIPNotFound(Invalid):
    """The port has another address."""

    code: ClassVar[str] = "network.local_ip_wrong_address"
    port_id: str
    ip: str

    def __str__(self) -> str:
        return f"Specified Port {self.port_id} does not have requested IP address: {self.ip}."


@dataclass(eq=False)
class LocalIPNoRequestedIP(Invalid):
    """The port has several addresses."""

    code: ClassVar[str] = "network.local_ip_address_ambiguous"
    port_id: str

    def __str__(self) -> str:
        return f"Specified Port {self.port_id} has several IPs, should specify exact IP address to use for Local IP."


@dataclass(eq=False)
class LocalIPPortOrNetworkRequired(Invalid):
    """It is not said where the address is from."""

    code: ClassVar[str] = "network.local_ip_where"

    def __str__(self) -> str:
        return "Either Port ID or Network ID must be specified for Local IP create."


@dataclass(eq=False)
class DefaultStatefulnessNotFound(NotFound):
    """No setting of whether new groups are stateful has this id."""

    code: ClassVar[str] = "network.default_statefulness_not_found"
    setting_id: str

    def __str__(self) -> str:
        return f"Default statefulness {self.setting_id[:60]} could not be found."


@dataclass(eq=False)
class DefaultStatefulnessExists(Conflict):
    """A project has one such setting, and so have all others together."""

    code: ClassVar[str] = "network.default_statefulness_exists"
    project_id: str

    def __str__(self) -> str:
        return f"The default statefulness of {self.project_id or 'all projects'} is set already."
