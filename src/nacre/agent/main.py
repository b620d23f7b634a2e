"""The agent as a process: builds it from the settings, runs it until it is told to end, leaves guests running."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nacre.agent.drivers.base import HostDrivers
from nacre.agent.drivers.chassis import Chassis
from nacre.agent.drivers.domain_xml import DomainHost
from nacre.agent.drivers.files import GuestFiles
from nacre.agent.drivers.libvirt import LibvirtGuests
from nacre.agent.drivers.switch import OvsSwitch
from nacre.agent.images import ImageCache
from nacre.agent.link import AgentLink, HttpLink
from nacre.agent.loop import Agent
from nacre.agent.machine import CPUINFO, observe_machine, uses_kvm
from nacre.agent.metadata.namespaces import NamespaceMetadata
from nacre.agent.metadata.server import MetadataServer
from nacre.compute.domain.guests import GuestSpec, HostReport
from nacre.host import engines, paths
from nacre.kernel.clock import Clock, SystemClock
from nacre.kernel.config import Settings
from nacre.kernel.ids import HostId, NetworkId
from nacre.kernel.log import set_up_logging

log = logging.getLogger("nacre.agent")

BRIDGE = engines.INTEGRATION_BRIDGE
FIRST_LOOK_S = 5.0


def run(settings: Settings) -> int:
    """Be this machine's agent until SIGTERM or SIGINT. The process's exit status."""
    set_up_logging(settings.log)
    os.umask(0o077)  # What guests keep on their disks is nobody else's business.
    state = settings.state_dir
    link = HttpLink(paths.api_socket(state), paths.agent_token(state))
    with told_to_end() as wait_until_told:
        with running_agent(settings, link, SystemClock()):
            log.info("the agent of host %s works", paths.local_host_id())
            wait_until_told()
        log.info("the agent ends; guests run on")
    return 0


@contextmanager
def told_to_end() -> Iterator[Callable[[], None]]:
    """From here on SIGTERM and SIGINT are requests to end; the function given waits for the first of them.

    The kernel may hand a signal to any thread that has just begun or just started a process, and this wakes
    nobody who waits for a lock in the main thread; it does wake who reads the wake-up descriptor.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def wait_until_told() -> None:
        reader.recv(1)

    with reader, writer:
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)
        try:
            yield wait_until_told
        finally:
            signal.set_wakeup_fd(-1)


@contextmanager
def running_agent(settings: Settings, link: AgentLink, clock: Clock) -> Iterator[Agent]:
    """An agent on this machine's real engines. At the end of the block it stops and leaves guests running."""
    state = settings.state_dir
    with ExitStack() as stack:
        switch = OvsSwitch(f"unix:{paths.ovs_socket(state)}", bridge=BRIDGE)
        switch.start()
        stack.callback(switch.stop)
        keeper_of: list[Agent] = []

        def find_guest(network_id: NetworkId, ip: str) -> GuestSpec | None:
            return keeper_of[0].keeper.spec_at(network_id, ip) if keeper_of else None

        metadata = NamespaceMetadata(
            MetadataServer(find_guest),
            name_prefix=paths.namespace_prefix(state),
            bridge=BRIDGE,
            vsctl=switch.vsctl,
        )
        stack.callback(metadata.close)
        guests = _libvirt_guests(settings, switch)
        agent = Agent(
            link,
            HostDrivers(
                guests=guests,
                switch=switch,
                images=ImageCache(_images_dir(state), link.open_image, clock),
                metadata=metadata,
                chassis=Chassis(engines.chassis_wish(settings), switch),
            ),
            clock,
            host_id=paths.local_host_id(),
            describe=_describer(state, paths.local_host_id(), guests, switch),
        )
        keeper_of.append(agent)
        # Else the first that is heard of this host would be a complaint about a switch that has just begun.
        switch.wait_connected(FIRST_LOOK_S)
        agent.start()
        stack.callback(agent.stop)
        yield agent


def _libvirt_guests(settings: Settings, switch: OvsSwitch) -> LibvirtGuests:
    state = settings.state_dir
    prefix, kvm = (
        paths.namespace_prefix(state),
        uses_kvm(settings.local.virt_type, cpuinfo=CPUINFO.read_text()),
    )

    def describe_host() -> DomainHost:
        return DomainHost(name_prefix=prefix, kvm=kvm, bridge=BRIDGE, userspace_switch=switch.is_userspace())

    files = GuestFiles(state / "agent" / "guests", _images_dir(state))
    return LibvirtGuests(paths.libvirt_uri(state), files, name_prefix=prefix, describe_host=describe_host)


def _images_dir(state: Path) -> Path:
    return state / "agent" / "images"


def _describer(
    state: Path, host_id: HostId, guests: LibvirtGuests, switch: OvsSwitch
) -> Callable[[], HostReport]:
    machine = observe_machine(state)

    def describe() -> HostReport:
        hypervisor = guests.capabilities
        complaint = guests.complaint() or switch.complaint()
        return HostReport(
            host_id=host_id,
            hostname=host_id,
            address="127.0.0.1",
            vcpus=machine.vcpus,
            memory_mib=machine.memory_mib,
            disk_gib=machine.disk_gib,
            hypervisor_type=hypervisor.hypervisor_type,
            hypervisor_version=hypervisor.hypervisor_version,
            cpu_model=machine.cpu_model,
            architecture=machine.architecture,
            physical_networks=switch.physical_networks(),
            healthy=not complaint,
            complaint=complaint,
        )

    return describe
