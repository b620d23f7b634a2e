"""Frames that guests tag themselves, between guests and on the wire, on a real OVN."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from nacre.network.domain.addresses import new_mac
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ports import AddressPair
from tests.contracts.vlan_probe import AUXDATA, SOL_PACKET, echo
from tests.support.inside import inside
from tests.support.ovn_cloud import Cloud, a_cloud_on
from tests.support.ovn_lab import CHASSIS, NEEDS_OVN, PHYSICAL_NETWORK, OvnLab

pytestmark = [
    pytest.mark.engines,
    NEEDS_OVN,
]

CUSTOMER, SERVICE = 0x8100, 0x88A8
"""The kinds of tags: IEEE 802.1Q, and 802.1ad."""
ALL_PACKETS, TAG_IS_VALID = 3, 1 << 4
EVERYBODY = "ff:ff:ff:ff:ff:ff"

Tags = list[tuple[int, int]]


@pytest.fixture(scope="module")
def lab() -> Iterator[OvnLab]:
    with OvnLab() as lab:
        yield lab
        assert lab.misread() == [], "OVN could not read a row of ours"
        assert "ethertype" not in lab.log("controller"), "ovn-controller does not know a kind of tags"


@pytest.fixture
def cloud(lab: OvnLab) -> Iterator[Cloud]:
    with a_cloud_on(lab, gateway_hosts=[CHASSIS]) as cloud:
        yield cloud


@pytest.mark.parametrize(
    ("said", "passes", "kind"),
    [({}, False, CUSTOMER), ({"vlan_transparent": True}, True, CUSTOMER), ({"qinq": True}, True, SERVICE)],
)
def test_tags_of_guests_arrive_where_their_network_lets_them_pass(
    cloud: Cloud, said: dict[str, bool], passes: bool, kind: int
) -> None:
    network = cloud.network(
        provider_network_type=NetworkType.VLAN,
        provider_physical_network=PHYSICAL_NETWORK,
        provider_segmentation_id=100,
        **said,
    )
    subnet, pings, mac = cloud.subnet(network), cloud.group({"protocol": "icmp"}), new_mac()
    pairs = (AddressPair("10.7.0.0/24", mac),)
    port = cloud.port(subnet, "10.0.0.11", pings, mac_address=mac, allowed_address_pairs=pairs)
    guest = cloud.plug(port, addresses=["10.0.0.11/24"])
    neighbour = cloud.plug(cloud.port(subnet, "10.0.0.12", pings), addresses=["10.0.0.12/24"])
    wire = cloud.lab.outsider(address="10.0.0.201/24", vlan=None)

    with ear(guest) as mouth, ear(neighbour) as near, ear(wire) as far:
        mouth.send(echo(7, mac, "10.7.0.11", EVERYBODY, "10.7.0.12"))
        out = tags_heard(near), tags_heard(far)
        frame = echo(7, "02:00:00:00:00:99", "10.7.0.13", EVERYBODY, "10.7.0.12")
        far.send(frame[:12] + struct.pack("!HH", kind, 100) + frame[12:])
        back = tags_heard(near)

    within: Tags = [(CUSTOMER, 7)]
    assert (out, back) == (((within, [(kind, 100), *within]), within) if passes else ((None, None), None))


def test_rules_hold_for_what_is_tagged(cloud: Cloud) -> None:
    subnet, closed = cloud.subnet(cloud.network(vlan_transparent=True)), cloud.group()
    mac = new_mac()
    pairs = (AddressPair("10.7.0.0/24", mac),)
    port = cloud.port(subnet, "10.0.0.11", closed, mac_address=mac, allowed_address_pairs=pairs)
    guest = cloud.plug(port, addresses=["10.0.0.11/24"])
    neighbour = cloud.plug(cloud.port(subnet, "10.0.0.12", closed), addresses=["10.0.0.12/24"])

    with ear(neighbour) as near, ear(guest) as mouth:
        frame = echo(7, mac, "10.7.0.11", EVERYBODY, "10.7.0.12")
        mouth.send(frame)
        assert tags_heard(near) is None

        cloud.group({"protocol": "icmp"}, group=closed)
        cloud.lab.settle()
        mouth.send(echo(7, mac, "10.8.0.11", EVERYBODY, "10.7.0.12"))
        assert tags_heard(near) is None, "an address that is not the guest's"
        mouth.send(frame)
        assert tags_heard(near) == [(CUSTOMER, 7)]


def ear(namespace: str) -> socket.socket:
    """Hears, and says, whole frames on a machine's wire."""
    wire: socket.socket = inside(
        namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PACKETS))
    )
    wire.setsockopt(SOL_PACKET, AUXDATA, 1)
    inside(namespace, lambda: wire.bind(("eth0", 0)))
    return wire


def tags_heard(wire: socket.socket, *, within_s: float = 1.0) -> Tags | None:
    """The tags, outer first, of the first of our echo requests that comes; None if none does."""
    end = time.monotonic() + within_s
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            frame, ancillary, _flags, _from = wire.recvmsg(2048, 128)
        except TimeoutError:
            return None
        if b"nacre---" in frame:
            return [*_taken_off(ancillary), *_left_on(frame)]
    return None


def _taken_off(ancillary: list[tuple[int, int, bytes]]) -> Tags:
    """The tag that the kernel took off a frame (packet(7), PACKET_AUXDATA)."""
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, AUXDATA):
            status, *_, tag, protocol = struct.unpack("=IIIHHHH", data[:20])
            return [(protocol, tag & 0xFFF)] if status & TAG_IS_VALID else []
    return []


def _left_on(frame: bytes) -> Tags:
    kind, tag = struct.unpack("!HH", frame[12:16])
    return [(kind, tag & 0xFFF)] if kind in {CUSTOMER, SERVICE} else []
