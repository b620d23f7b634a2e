"""A guest in libvirt's words: a pure function, accepted by libvirt's own schema.

Source: https://libvirt.org/formatdomain.html
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from nacre.agent.domain.sight import Make, PluggedNic
from nacre.agent.drivers.files import disk_number
from nacre.compute.domain.guests import GuestNic, GuestSpec
from nacre.kernel.ids import PortId, ServerId

METADATA_URI = "https://nacre.cloud/agent/1"
TAP_ID_LENGTH = 11  # "tap" and so many characters of the port's id fit the kernel's 15.
TCG_CACHE_MIB = 32  # The default of 1 GiB costs memory and saves little.
EMULATED_CPU = "Nehalem"  # x86-64-v2, which newer distributions insist on, and the cheapest to emulate.

ET.register_namespace("nacre", METADATA_URI)


class DomainHost(msgspec.Struct, frozen=True, kw_only=True):
    """What a definition depends on beside the guest itself.

    `userspace_switch`: packets are switched by a process, which needs whole checksums: a guest that leaves
    them to its network card gets addresses by DHCP and no TCP.
    """

    name_prefix: str
    kvm: bool
    bridge: str
    userspace_switch: bool


def domain_name(name_prefix: str, guest_id: ServerId) -> str:
    """The name by which libvirt knows a guest; its prefix says whose guest it is."""
    return name_prefix + guest_id


def tap_name(port_id: PortId) -> str:
    """The network interface of the host that a port is plugged by."""
    return "tap" + port_id[:TAP_ID_LENGTH]


def domain_xml(spec: GuestSpec, host: DomainHost, *, disk: Path, console_log: Path) -> str:
    """The whole definition of a guest with its root disk and its interfaces."""
    domain = ET.Element("domain", type="kvm" if host.kvm else "qemu")
    _add(domain, "name", text=domain_name(host.name_prefix, spec.guest_id))
    _add(domain, "uuid", text=spec.guest_id)
    _add(domain, "metadata").append(_owner(host.name_prefix))
    _add(domain, "memory", text=str(spec.memory_mib), unit="MiB")
    _add(domain, "vcpu", text=str(spec.vcpus))
    _add_firmware(domain, spec)
    _add_processor(domain, kvm=host.kvm)
    _add(domain, "clock", offset="utc")
    _add(domain, "on_poweroff", text="destroy")
    _add(domain, "on_reboot", text="restart")
    _add(domain, "on_crash", text="destroy")
    devices = _add(domain, "devices")
    _add_disk(devices, disk)
    devices.extend(_interface(nic, host) for nic in spec.nics)
    serial = _add(devices, "serial", type="pty")
    _add(serial, "log", file=str(console_log), append="on")
    random = _add(devices, "rng", model="virtio")
    _add(random, "backend", text="/dev/urandom", model="random")
    _add(devices, "memballoon", model="none")
    _add(devices, "controller", type="usb", model="none")
    return ET.tostring(domain, encoding="unicode")


def interface_xml(nic: GuestNic, host: DomainHost) -> str:
    """One interface, as a guest that runs is given it."""
    return ET.tostring(_interface(nic, host), encoding="unicode")


def make_in(definition: str) -> Make:
    """What the process of a guest that runs was made with."""
    domain = ET.fromstring(definition)  # noqa: S314 - It comes from our own libvirtd.
    disk = domain.find("devices/disk/source")
    file = "" if disk is None else disk.get("file", "")
    return Make(
        vcpus=int(domain.findtext("vcpu", "0")),
        memory_mib=int(domain.findtext("memory", "0")) // 1024,  # libvirt says KiB, whatever it was told.
        disk=disk_number(Path(file).name),
    )


def nics_in(definition: str) -> Mapping[PluggedNic, str]:
    """The interfaces of a guest that runs, each with the name by which libvirt knows the device."""
    found = {}
    domain = ET.fromstring(definition)  # noqa: S314 - It comes from our own libvirtd.
    for interface in domain.iterfind("devices/interface"):
        port_id = interface.find("virtualport/parameters")
        mac, alias = interface.find("mac"), interface.find("alias")
        if port_id is not None and mac is not None and alias is not None:
            nic = PluggedNic(PortId(port_id.get("interfaceid", "")), mac.get("address", ""))
            found[nic] = alias.get("name", "")
    return found


def _owner(name_prefix: str) -> ET.Element:
    """The mark within a definition that says which cloud made it."""
    return ET.Element(f"{{{METADATA_URI}}}guest", cloud=name_prefix)


def _add_firmware(domain: ET.Element, spec: GuestSpec) -> None:
    """The machine, and the names in its BIOS by which cloud-init knows that metadata is to be had."""
    system = _add(_add(domain, "sysinfo", type="smbios"), "system")
    _add(system, "entry", text="OpenStack Foundation", name="manufacturer")
    _add(system, "entry", text="OpenStack Nova", name="product")
    _add(system, "entry", text=spec.guest_id, name="uuid")
    _add(system, "entry", text=spec.guest_id, name="serial")
    _add(system, "entry", text="Virtual Machine", name="family")
    os = _add(domain, "os")
    _add(os, "type", text="hvm", arch="x86_64", machine="pc")
    _add(os, "boot", dev="hd")
    _add(os, "smbios", mode="sysinfo")


def _add_processor(domain: ET.Element, *, kvm: bool) -> None:
    features = _add(domain, "features")
    _add(features, "acpi")
    _add(features, "apic")
    if kvm:
        _add(domain, "cpu", mode="host-model")
        return
    _add(_add(features, "tcg"), "tb-cache", text=str(TCG_CACHE_MIB), unit="MiB")
    cpu = _add(domain, "cpu", mode="custom", match="exact", check="none")
    _add(cpu, "model", text=EMULATED_CPU, fallback="forbid")


def _add_disk(devices: ET.Element, path: Path) -> None:
    disk = _add(devices, "disk", type="file", device="disk")
    _add(disk, "driver", name="qemu", type="qcow2", discard="unmap")
    _add(disk, "source", file=str(path))
    _add(disk, "target", dev="vda", bus="virtio")


def _interface(nic: GuestNic, host: DomainHost) -> ET.Element:
    interface = ET.Element("interface", type="bridge")
    _add(interface, "mac", address=nic.mac)
    _add(interface, "source", bridge=host.bridge)
    _add(_add(interface, "virtualport", type="openvswitch"), "parameters", interfaceid=nic.port_id)
    _add(interface, "target", dev=tap_name(nic.port_id))
    _add(interface, "model", type="virtio")
    if host.userspace_switch:
        driver = _add(interface, "driver")
        _add(driver, "host", csum="off", gso="off", tso4="off", tso6="off", ecn="off", ufo="off")
        _add(driver, "guest", csum="off", tso4="off", tso6="off", ecn="off", ufo="off")
    _add(interface, "mtu", size=str(nic.mtu))
    return interface


def _add(parent: ET.Element, tag: str, *, text: str | None = None, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, tag, attributes)
    child.text = text
    return child
