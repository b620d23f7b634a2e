"""A guest in libvirt's words."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from nacre.agent.drivers.domain_xml import DomainHost, domain_xml, tap_name
from tests.agent.control_plane import SAME_GUEST, new_nic, new_spec

HOST = DomainHost(name_prefix="nacre-abc123-", kvm=False, bridge="br-int", userspace_switch=True)
KERNEL_SWITCH = msgspec.structs.replace(HOST, userspace_switch=False)
KVM = msgspec.structs.replace(HOST, kvm=True)
SPEC = new_spec(SAME_GUEST, vcpus=3, memory_mib=512, nics=(new_nic(11), new_nic(12, mtu=9000)))


def domain_of(spec=SPEC, host=HOST):
    return ET.fromstring(
        domain_xml(spec, host, disk=Path("/d/disk.qcow2"), console_log=Path("/d/console.log"))
    )


def attributes(domain, path):
    return [element.attrib for element in domain.findall(path)]


@pytest.mark.parametrize(
    ("path", "text"),
    {
        "name": f"nacre-abc123-{SPEC.guest_id}",
        "uuid": SPEC.guest_id,
        "memory": "512",
        "vcpu": "3",
        "on_reboot": "restart",
        "on_poweroff": "destroy",
        "sysinfo/system/entry[@name='product']": "OpenStack Nova",
        "sysinfo/system/entry[@name='uuid']": SPEC.guest_id,
    }.items(),
)
def test_it_says(path, text):
    assert domain_of().findtext(path) == text


def test_it_carries_the_mark_of_its_cloud():
    assert domain_of().find("metadata")[0].attrib == {"cloud": "nacre-abc123-"}


def test_it_is_emulated_or_not():
    emulated, accelerated = domain_of(), domain_of(host=KVM)

    assert emulated.attrib == {"type": "qemu"}
    assert emulated.findtext("features/tcg/tb-cache") == "32"
    assert emulated.findtext("cpu/model") == "Nehalem"
    assert accelerated.attrib == {"type": "kvm"}
    assert accelerated.find("features/tcg") is None
    assert accelerated.find("cpu").attrib == {"mode": "host-model"}


def test_every_port_is_an_interface_of_the_integration_bridge():
    domain = domain_of()

    assert [each.attrib["address"] for each in domain.findall("devices/interface/mac")] == [
        nic.mac for nic in SPEC.nics
    ]
    assert attributes(domain, "devices/interface/virtualport/parameters") == [
        {"interfaceid": nic.port_id} for nic in SPEC.nics
    ]
    assert attributes(domain, "devices/interface/target") == [
        {"dev": tap_name(nic.port_id)} for nic in SPEC.nics
    ]
    assert attributes(domain, "devices/interface/mtu") == [{"size": "1442"}, {"size": "9000"}]
    assert all(len(tap_name(nic.port_id)) <= 15 for nic in SPEC.nics)


def test_checksums_are_left_to_the_card_only_where_the_kernel_switches():
    in_userspace, in_kernel = domain_of(), domain_of(host=KERNEL_SWITCH)

    offloads = attributes(in_userspace, "devices/interface/driver/host")
    assert len(offloads) == 2
    assert all(set(each.values()) == {"off"} and "csum" in each for each in offloads)
    assert in_kernel.find("devices/interface/driver") is None


def test_what_is_odd_in_a_path_stays_text():
    xml = domain_xml(SPEC, HOST, disk=Path("/d&'<>\"/disk"), console_log=Path("/d"))

    assert ET.fromstring(xml).find("devices/disk/source").attrib["file"] == "/d&'<>\"/disk"
