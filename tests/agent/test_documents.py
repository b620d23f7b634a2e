"""What guests read about themselves."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from nacre.agent.metadata.documents import OPENSTACK_VERSIONS, find_document
from nacre.compute.domain.guests import Address, InstanceData, OutsideAddress
from tests.agent.control_plane import NETWORK_ID, SAME_GUEST, new_nic, new_spec

KEY = "ssh-ed25519 AAAA pearl"
OUTSIDE = OutsideAddress(ip="172.24.4.7", fixed_ip="10.0.0.11", revision=0)
SPEC = new_spec(
    SAME_GUEST,
    nics=(
        new_nic(11, outside=(OUTSIDE, msgspec.structs.replace(OUTSIDE, ip="172.24.4.9"))),
        new_nic(12, mtu=9000, addresses=(Address(ip="fd00::12", prefix_length=64),)),
        new_nic(13, addresses=()),
    ),
    instance=InstanceData(
        hostname="pearl.example",
        name="Pearl of the sea",
        availability_zone="reef",
        public_keys={"mine": KEY},
        metadata={"role": "oyster"},
        user_data_base64=base64.b64encode(b"#!/bin/sh\n\xff").decode(),
        launch_index=3,
        admin_password="s3cret",
    ),
)
PLAIN = new_spec(nics=())


def read(path, spec=SPEC):
    document = find_document(spec, path)
    return None if document is None else document.body


def text(path, spec=SPEC):
    return read(path, spec).decode()


def test_meta_data_says_who_the_guest_is():
    assert json.loads(read("/openstack/latest/meta_data.json")) == {
        "uuid": SPEC.guest_id,
        "hostname": "pearl.example",
        "name": "Pearl of the sea",
        "availability_zone": "reef",
        "launch_index": 3,
        "project_id": SPEC.project_id,
        "meta": {"role": "oyster"},
        "devices": [],
        "public_keys": {"mine": KEY},
        "keys": [{"name": "mine", "type": "ssh", "data": KEY}],
        "admin_pass": "s3cret",
    }


def test_what_a_guest_does_not_have_is_not_in_its_meta_data():
    document = json.loads(read("/openstack/latest/meta_data.json", PLAIN))

    assert not {"public_keys", "keys", "admin_pass"} & set(document)


@pytest.mark.parametrize("version", OPENSTACK_VERSIONS)
def test_every_version_has_the_same_documents(version):
    names = ["meta_data.json", "user_data", "vendor_data.json", "network_data.json", "vendor_data2.json"]

    assert text(f"/openstack/{version}").splitlines() == names
    for name in names:
        assert read(f"/openstack/{version}/{name}") == read(f"/openstack/latest/{name}")


def test_the_versions_are_listed_with_and_without_a_slash():
    assert text("/openstack").splitlines() == list(OPENSTACK_VERSIONS)
    assert read("/openstack/") == read("/openstack")
    assert "latest" in text("/").splitlines()
    assert "openstack" not in text("/").splitlines()


def test_network_data_names_every_interface_and_address():
    first, second, third = SPEC.nics
    taps = ["tap" + nic.port_id[:11] for nic in SPEC.nics]

    document = json.loads(read("/openstack/latest/network_data.json"))

    assert document == {
        "links": [
            {
                "id": taps[0],
                "vif_id": first.port_id,
                "type": "ovs",
                "mtu": 1442,
                "ethernet_mac_address": first.mac,
            },
            {
                "id": taps[1],
                "vif_id": second.port_id,
                "type": "ovs",
                "mtu": 9000,
                "ethernet_mac_address": second.mac,
            },
            {
                "id": taps[2],
                "vif_id": third.port_id,
                "type": "ovs",
                "mtu": 1442,
                "ethernet_mac_address": third.mac,
            },
        ],
        "networks": [
            {"id": "network0", "type": "ipv4_dhcp", "link": taps[0], "network_id": NETWORK_ID},
            {"id": "network1", "type": "ipv6_dhcp", "link": taps[1], "network_id": NETWORK_ID},
        ],
        "services": [],
    }


def test_a_guest_without_interfaces_has_no_network_data_rather_than_an_empty_one():
    assert read("/openstack/latest/network_data.json", PLAIN) is None
    assert "network_data.json" not in text("/openstack/latest", PLAIN).splitlines()


def test_user_data_comes_byte_by_byte_or_not_at_all():
    assert read("/openstack/latest/user_data") == b"#!/bin/sh\n\xff"
    assert read("/latest/user-data") == b"#!/bin/sh\n\xff"
    assert read("/openstack/latest/user_data", PLAIN) is None
    assert read("/latest/user-data", PLAIN) is None


@pytest.mark.parametrize(
    ("path", "value"),
    {
        "instance-id": "i-" + SPEC.guest_id.replace("-", "")[:17],
        "hostname": "pearl.example",
        "local-hostname": "pearl.example",
        "local-ipv4": "10.0.0.11",
        "public-ipv4": "172.24.4.7",
        "mac": SPEC.nics[0].mac,
        "placement/": "availability-zone",
        "placement/availability-zone": "reef",
        "public-keys/": "0=mine",
        "public-keys/0/": "openssh-key",
        "public-keys/0/openssh-key": KEY,
        "ami-launch-index": "3",
    }.items(),
)
def test_the_ec2_tree_says_the_same(path, value):
    assert text(f"/latest/meta-data/{path}") == value
    assert read(f"/2009-04-04/meta-data/{path}") == read(f"/latest/meta-data/{path}")


def test_who_has_no_floating_ip_is_told_of_none_rather_than_that_there_is_no_such_thing():
    assert text("/latest/meta-data/public-ipv4", PLAIN) == ""


def test_the_ec2_tree_lists_what_can_be_entered_with_a_slash():
    lines = text("/latest/meta-data/").splitlines()

    assert {"hostname", "placement/", "public-keys/"} <= set(lines)
    assert text("/latest").splitlines() == ["meta-data/", "user-data"]


@pytest.mark.parametrize(
    "path",
    [
        "/openstack/1999-01-01/meta_data.json",
        "/openstack/latest/meta_data.json/x",
        "/latest/meta-data/nope",
        "/..",
    ],
)
def test_what_there_is_not_is_not_found(path):
    assert read(path) is None


def test_a_query_is_no_part_of_the_path():
    assert read("/openstack/latest/meta_data.json?x=/y") == read("/openstack/latest/meta_data.json")


def test_types_say_what_a_document_is():
    types = {
        path: find_document(SPEC, path).content_type
        for path in ("/openstack/latest/meta_data.json", "/openstack/latest/user_data", "/openstack")
    }

    assert list(types.values()) == [
        "application/json",
        "application/octet-stream",
        "text/plain; charset=utf-8",
    ]


def test_user_data_that_is_no_base64_is_as_if_there_were_none():
    instance = msgspec.structs.replace(SPEC.instance, user_data_base64="%")

    assert read("/openstack/latest/user_data", msgspec.structs.replace(SPEC, instance=instance)) is None
