"""What local IPs do to packets between three hosts."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack

import pytest
from msgspec.structs import replace

from nacre.kernel.ids import HostId, PortId, ProjectId, new_id
from nacre.network.domain.addresses import new_mac
from nacre.network.domain.local_ips import Association, IpMode, LocalIp
from nacre.network.domain.ovn.local_ips import compile_host, compile_local_ip
from nacre.network.domain.ports import AddressPair
from nacre.network.domain.rows import owner_of
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

ONE, TWO, THREE = (HostId(f"host{number}") for number in (1, 2, 3))
LOCAL = "10.0.0.50"


TELL_WHO = """
import socket, sys
server = socket.create_server(("0.0.0.0", 80))
print("listening", flush=True)
while True:
    client, (peer, _) = server.accept()
    client.sendall(f"{sys.argv[1]} {peer}".encode())
    client.close()
"""
ASK_WHO = """
import socket, sys
client = socket.create_connection((sys.argv[1], 80), 5)
print(client.recv(99).decode(), client.getpeername()[0])
"""


@pytest.mark.parametrize("mode", IpMode)
def test_a_local_ip_leads_to_the_port_of_the_asking_guests_own_host(wide_cloud: Cloud, mode: IpMode) -> None:
    cloud = wide_cloud
    subnet, group = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group({})
    asking = {host: cloud.guest(subnet, f"10.0.0.1{host[-1]}", host, group)[1] for host in (ONE, TWO, THREE)}
    local_ip = LocalIp(
        id=new_id(),
        project_id=ProjectId("p"),
        local_port_id=PortId(new_id()),
        network_id=subnet.network_id,
        local_ip_address=LOCAL,
        ip_mode=mode,
    )
    with ExitStack() as stack:
        associations = []
        for host in (ONE, TWO):
            port, guest = cloud.guest(subnet, f"10.0.0.2{host[-1]}", host, group)
            answers(guest, host, stack)
            associations.append(
                Association(
                    local_ip_id=local_ip.id, fixed_port_id=port.id, fixed_ip=port.addresses[0], host_id=host
                )
            )
            if mode is IpMode.PASSTHROUGH:
                cloud.put(replace(port, allowed_address_pairs=(AddressPair(LOCAL, port.mac_address),)))
                cloud.lab.run("ip", "addr", "add", f"{LOCAL}/32", "dev", "lo", namespace=guest)
        wish = compile_local_ip(local_ip, subnet, associations, mac=new_mac())
        cloud.apply(owner_of("local_ip", local_ip.id), wish)
        for each in associations if mode is IpMode.TRANSLATE else ():
            cloud.apply(owner_of("host", each.host_id), compile_host(each.host_id, [each]))
        cloud.lab.settle()

        for host in (ONE, TWO):
            cloud.lab.reaches(LOCAL, namespace=asking[host])
            said = cloud.lab.run(sys.executable, "-c", ASK_WHO, LOCAL, namespace=asking[host])
            assert said == f"{host} 10.0.0.1{host[-1]} {LOCAL}"
        assert not cloud.lab.pings(LOCAL, namespace=asking[THREE], count=3), "it leads nowhere there"


def answers(guest: str, host: HostId, stack: ExitStack) -> None:
    """Let a guest tell whoever connects on which host it is."""
    command = ["ip", "netns", "exec", guest, sys.executable, "-c", TELL_WHO, host]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.kill)
    assert server.stdout is not None
    assert server.stdout.readline().strip() == "listening"
