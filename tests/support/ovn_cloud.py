"""A cloud of compiled objects on a real OVN: what the services would have the driver do, without the services."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nacre.kernel.ids import (
    HostId,
    NetworkId,
    PortId,
    SecurityGroupId,
    SecurityGroupRuleId,
    SubnetId,
    new_id,
)
from nacre.network.domain.addresses import new_mac
from nacre.network.domain.networks import Network
from nacre.network.domain.ovn.networks import compile_network
from nacre.network.domain.ovn.ports import compile_port, compile_router_port
from nacre.network.domain.ovn.security_groups import compile_security_group
from nacre.network.domain.ovn.subnets import compile_subnet
from nacre.network.domain.ports import DeviceOwner, FixedIp, Port
from nacre.network.domain.qos import QosRule
from nacre.network.domain.routers import Router
from nacre.network.domain.rows import NOTHING, Desired, Owner, owner_of
from nacre.network.domain.security_groups import Direction, SecurityGroup, SecurityGroupRule
from nacre.network.domain.subnets import Subnet
from nacre.network.domain.trunks import Carried
from nacre.network.drivers.ovn import OvnNetwork
from tests.domain.network.objects import a_group, a_network, a_port, a_rule, a_subnet
from tests.support.ovn_lab import CHASSIS, OvnLab, eventually


class Cloud:
    """A lab and the driver on it, with a verb for each object: it is compiled, applied and given back."""

    def __init__(self, lab: OvnLab, driver: OvnNetwork, *, gateway_hosts: Sequence[str] = (CHASSIS,)) -> None:
        self.lab = lab
        self.driver = driver
        self.subnets: dict[SubnetId, Subnet] = {}
        self.networks: dict[NetworkId, Network] = {}
        self.wishes: dict[Owner, Desired] = {}
        self.gateway_hosts = [HostId(name) for name in gateway_hosts]

    def apply(self, owner: Owner, desired: Desired) -> None:
        self.wishes[owner] = desired
        self.driver.apply(owner, desired)

    def network(self, **fields: Any) -> Network:
        network = a_network(**{"id": NetworkId(new_id())} | fields)
        self.networks[network.id] = network
        self.apply(owner_of("network", network.id), compile_network(network))
        return network

    def subnet(self, network: Network, *, metadata_ip: str | None = None, **fields: Any) -> Subnet:
        subnet = a_subnet(**{"id": SubnetId(new_id()), "network_id": network.id} | fields)
        self.subnets[subnet.id] = subnet
        self.apply(owner_of("subnet", subnet.id), compile_subnet(subnet, network, metadata_ip=metadata_ip))
        return subnet

    def group(self, *rules: dict[str, Any], group: SecurityGroup | None = None) -> SecurityGroup:
        """A group that lets everything out, and in what `rules` say."""
        group = group or a_group(id=SecurityGroupId(new_id()))
        out = ({"direction": Direction.EGRESS}, {"direction": Direction.EGRESS, "ethertype": "IPv6"})
        self.apply(
            owner_of("security_group", group.id),
            compile_security_group(group, [self._rule(group, fields) for fields in (*out, *rules)]),
        )
        return group

    @staticmethod
    def _rule(group: SecurityGroup, fields: dict[str, Any]) -> SecurityGroupRule:
        return a_rule(**{"id": SecurityGroupRuleId(new_id()), "security_group_id": group.id} | fields)

    def port(self, subnet: Subnet, address: str, *groups: SecurityGroup, **fields: Any) -> Port:
        usual = {
            "id": PortId(new_id()),
            "network_id": subnet.network_id,
            "mac_address": new_mac(),
            "fixed_ips": (FixedIp(subnet.id, address),),
            "security_groups": tuple(group.id for group in groups),
        }
        return self.put(a_port(**usual | {"binding_host_id": HostId(CHASSIS)} | fields))

    def put(self, port: Port, *, qos_rules: Sequence[QosRule] = (), carried: Carried | None = None) -> Port:
        wish = compile_port(
            port, self.networks[port.network_id], self.subnets, qos_rules=qos_rules, carried=carried
        )
        self.apply(owner_of("port", port.id), wish)
        return port

    def join(
        self,
        router: Router,
        subnet: Subnet,
        address: str,
        *,
        owner: DeviceOwner,
        also: Sequence[FixedIp] = (),
        qos_rules: Sequence[QosRule] = (),
        **fields: Any,
    ) -> Port:
        port = a_port(
            **{"id": PortId(new_id()), "network_id": subnet.network_id, "mac_address": new_mac()} | fields,
            device_owner=owner,
            fixed_ips=(FixedIp(subnet.id, address), *also),
        )
        wish = compile_router_port(
            port,
            self.networks[subnet.network_id],
            self.subnets,
            router,
            gateway_hosts=self.gateway_hosts,
            qos_rules=qos_rules,
        )
        self.apply(owner_of("port", port.id), wish)
        return port

    def plug(self, port: Port, *, settle: bool = True, **where: Any) -> str:
        """A guest on a port whose flows are realised: there, and unless said otherwise on every host."""
        guest = self.lab.plug(port, **where)
        eventually(lambda: self.driver.is_up(port.id), f"port {port.id} up")
        if settle:
            self.lab.settle()
        return guest

    def guest(
        self,
        subnet: Subnet,
        address: str,
        host: HostId,
        *groups: SecurityGroup,
        settle: bool = True,
        **fields: Any,
    ) -> tuple[Port, str]:
        """A port on a host, and its guest, whose way out is the subnet's gateway."""
        port = self.port(subnet, address, *groups, binding_host_id=host, **fields)
        whole = f"{address}/{subnet.cidr.partition('/')[2]}"
        return port, self.plug(port, settle=settle, addresses=[whole], gateway=subnet.gateway_ip or "")

    def seen_as(self, guest: str, there: str) -> str:
        """The address under which a guest's connection arrives outside, at an address of there."""
        command = ["ip", "netns", "exec", self.lab.outside, sys.executable, "-c", TELL_SOURCE, there]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            number = server.stdout.readline().strip()
            return self.lab.run(sys.executable, "-c", READ, there, number, namespace=guest)


TELL_SOURCE = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], 0), family=family)
print(server.getsockname()[1], flush=True)
server.settimeout(20)
client, (address, *_) = server.accept()
client.sendall(address.encode())
"""
"""Answers one connection with the address that it comes from."""

READ = """
import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).recv(99).decode())
"""
"""Prints what is answered there."""


@contextmanager
def a_cloud_on(lab: OvnLab, *, gateway_hosts: Sequence[str]) -> Iterator[Cloud]:
    """An empty cloud on a lab that others use after it: in the end nothing differs, and nothing is left."""
    driver = OvnNetwork(lab.remote)
    cloud = Cloud(lab, driver, gateway_hosts=gateway_hosts)
    yield cloud
    assert driver.audit(cloud.wishes) == (), "OVN's own daemons changed a row of ours"
    for owner in driver.observe_owners():
        driver.apply(owner, NOTHING)
    driver.close()
