"""What becomes of a guest's packets while its port is prepared on a second host: moved by its first word from there."""

from __future__ import annotations

import sys

import pytest
from msgspec.structs import replace

from nacre.kernel.ids import HostId
from nacre.network.domain.ovn.ports import compile_port
from nacre.network.domain.rows import owner_of
from tests.support.ovn_cloud import Cloud
from tests.support.ovn_lab import NEEDS_OVN, eventually

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

ONE, TWO, THREE = (HostId(f"host{number}") for number in (1, 2, 3))

ANNOUNCE = """
import socket, sys
mac = bytes.fromhex(sys.argv[1].replace(":", ""))
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
body = bytes.fromhex("0001080006040003") + mac + bytes(4) + mac + bytes(4)
wire.send(b"\\xff" * 6 + mac + bytes.fromhex("8035") + body + bytes(18))
"""
"""Says by RARP that a guest is here, as hypervisors do for one that has just moved. Source: RFC 903."""


def test_a_port_moves_to_a_prepared_host_when_the_guest_is_heard_there(wide_cloud: Cloud) -> None:
    cloud, lab = wide_cloud, wide_cloud.lab
    subnet, open_to_all = cloud.subnet(cloud.network(), gateway_ip=None), cloud.group({})
    port, before = cloud.guest(subnet, "10.0.0.11", ONE, open_to_all)
    _, asking = cloud.guest(subnet, "10.0.0.13", THREE, open_to_all)
    lab.reaches("10.0.0.11", namespace=asking)

    wish = compile_port(port, cloud.networks[port.network_id], cloud.subnets, prepared=[TWO])
    cloud.apply(owner_of("port", port.id), wish)
    after = lab.plug(replace(port, binding_host_id=TWO), addresses=["10.0.0.11/24"])
    lab.settle()

    lab.reaches("10.0.0.11", namespace=asking)
    lab.run("ip", "link", "set", "eth0", "down", namespace=before)
    assert not lab.pings("10.0.0.11", namespace=asking, count=3), "nothing leads to the second host yet"

    def is_heard() -> bool:
        lab.run(sys.executable, "-c", ANNOUNCE, port.mac_address, namespace=after)
        return lab.pings("10.0.0.11", namespace=asking)

    eventually(is_heard, "the guest on its new host")
