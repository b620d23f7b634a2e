"""What a guest reads about itself, as documents under paths: pure functions of its spec.

Source: the OpenStack metadata format of Nova's user guide ("Metadata"), and the EC2 layout that cloud-init
falls back to.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from nacre.agent.drivers.domain_xml import tap_name
from nacre.compute.domain.guests import Address, GuestNic, GuestSpec

OPENSTACK_VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
)
EC2_VERSIONS = ("1.0", "2007-01-19", "2008-02-01", "2008-09-01", "2009-04-04", "latest")


@dataclass(frozen=True)
class Folder:
    """Documents and folders by name, and the lines that are answered when the folder itself is asked for."""

    entries: Mapping[str, bytes | Folder]
    lines: tuple[str, ...]


def _plain(entries: Mapping[str, bytes | Folder]) -> Folder:
    """Listed by name, as OpenStack does."""
    return Folder(entries, tuple(entries))


def _slashed(entries: Mapping[str, bytes | Folder]) -> Folder:
    """Listed with a slash behind folders, as EC2 does."""
    lines = (name + "/" if isinstance(node, Folder) else name for name, node in entries.items())
    return Folder(entries, tuple(lines))


class Document(msgspec.Struct, frozen=True):
    """What is answered to one request."""

    content_type: str
    body: bytes


def find_document(spec: GuestSpec, path: str) -> Document | None:
    """The document at `path`, or the list of what is below it; None if there is nothing."""
    names = [name for name in path.partition("?")[0].split("/") if name]
    node: bytes | Folder = _root(spec)
    for name in names:
        if isinstance(node, bytes) or name not in node.entries:
            return None
        node = node.entries[name]
    if isinstance(node, bytes):
        return Document(_content_type(names[-1]), node)
    return Document("text/plain; charset=utf-8", "\n".join(node.lines).encode())


def _root(spec: GuestSpec) -> Folder:
    """The EC2 versions are listed; whoever knows of `openstack` asks for it by name."""
    by_version = dict.fromkeys(EC2_VERSIONS, _ec2(spec))
    openstack = _plain(dict.fromkeys(OPENSTACK_VERSIONS, _openstack(spec)))
    return Folder({**by_version, "openstack": openstack}, EC2_VERSIONS)


def _content_type(name: str) -> str:
    if name.endswith(".json"):
        return "application/json"
    return "application/octet-stream" if name in ("user_data", "user-data") else "text/plain; charset=utf-8"


# -- as OpenStack shows it -----------------------------------------------------------------------------


def _openstack(spec: GuestSpec) -> Folder:
    tree: dict[str, bytes] = {"meta_data.json": _json(_meta_data(spec))}
    if user_data := _user_data(spec):
        tree["user_data"] = user_data
    tree["vendor_data.json"] = _json({})
    if spec.nics:  # cloud-init would take an empty one for "no network at all".
        tree["network_data.json"] = _json(_network_data(spec))
    tree["vendor_data2.json"] = _json({})
    return _plain(tree)


def _meta_data(spec: GuestSpec) -> Mapping[str, object]:
    instance = spec.instance
    document: dict[str, object] = {
        "uuid": spec.guest_id,
        "hostname": instance.hostname,
        "name": instance.name,
        "availability_zone": instance.availability_zone,
        "launch_index": instance.launch_index,
        "project_id": spec.project_id,
        "meta": dict(instance.metadata),
        "devices": [
            {"type": "nic", "bus": "pci", "mac": nic.mac, "tags": [nic.tag]} for nic in spec.nics if nic.tag
        ],
    }
    if instance.public_keys:
        document["public_keys"] = dict(instance.public_keys)
        document["keys"] = [
            {"name": name, "type": "ssh", "data": key} for name, key in instance.public_keys.items()
        ]
    if instance.admin_password:
        document["admin_pass"] = instance.admin_password
    return document


def _network_data(spec: GuestSpec) -> Mapping[str, object]:
    networks: list[Mapping[str, object]] = []
    for nic in spec.nics:
        for address in nic.addresses:
            networks.append(_network(nic, address, name=f"network{len(networks)}"))
    return {"links": [_link(nic) for nic in spec.nics], "networks": networks, "services": []}


def _link(nic: GuestNic) -> Mapping[str, object]:
    return {
        "id": tap_name(nic.port_id),
        "vif_id": nic.port_id,
        "type": "ovs",
        "mtu": nic.mtu,
        "ethernet_mac_address": nic.mac,
    }


def _network(nic: GuestNic, address: Address, *, name: str) -> Mapping[str, object]:
    """How an address is had: always by asking, since the network answers DHCP with the rest."""
    version = ipaddress.ip_address(address.ip).version
    return {
        "id": name,
        "type": f"ipv{version}_dhcp",
        "link": tap_name(nic.port_id),
        "network_id": nic.network_id,
    }


# -- as EC2 shows it -----------------------------------------------------------------------------------


def _ec2(spec: GuestSpec) -> Folder:
    tree: dict[str, bytes | Folder] = {"meta-data": _ec2_meta_data(spec)}
    if user_data := _user_data(spec):
        tree["user-data"] = user_data
    return _slashed(tree)


def _ec2_meta_data(spec: GuestSpec) -> Folder:
    instance, hostname = spec.instance, spec.instance.hostname.encode()
    addresses = [address.ip for nic in spec.nics for address in nic.addresses]
    first_v4 = next((ip for ip in addresses if ipaddress.ip_address(ip).version == 4), "")
    tree: dict[str, bytes | Folder] = {
        "ami-launch-index": str(instance.launch_index).encode(),
        "hostname": hostname,
        "instance-id": b"i-" + spec.guest_id.replace("-", "")[:17].encode(),
        "local-hostname": hostname,
        "local-ipv4": first_v4.encode(),
        "placement": _slashed({"availability-zone": instance.availability_zone.encode()}),
        "public-hostname": hostname,
        # Empty without one, and not absent: who waits for it asks again.
        "public-ipv4": next((each.ip for nic in spec.nics for each in nic.outside), "").encode(),
    }
    if spec.nics:
        tree["mac"] = spec.nics[0].mac.encode()
    if instance.public_keys:
        tree["public-keys"] = _ec2_keys(instance.public_keys)
    return _slashed(tree)


def _ec2_keys(keys: Mapping[str, str]) -> Folder:
    """Listed as `0=name`, read under `0`."""
    entries = {
        str(number): _slashed({"openssh-key": key.encode()}) for number, key in enumerate(keys.values())
    }
    return Folder(entries, tuple(f"{number}={name}" for number, name in enumerate(keys)))


def _user_data(spec: GuestSpec) -> bytes:
    """Empty if there is none; what is no base64 was refused when the server was asked for."""
    try:
        return base64.b64decode(spec.instance.user_data_base64)
    except binascii.Error:
        return b""


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
