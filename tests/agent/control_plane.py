"""A control plane in memory: what the agent's tests wish, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec

from nacre.compute.domain.guests import (
    Address,
    GuestFacts,
    GuestImage,
    GuestNic,
    GuestSpec,
    HostReport,
    HostWishes,
    InstanceData,
    MetadataPort,
    Power,
    Question,
    Reboot,
)
from nacre.kernel.errors import Unavailable
from nacre.kernel.ids import HostId, ImageId, NetworkId, PortId, ProjectId, ServerId, new_id

HOST_ID = HostId("host-a")
NETWORK_ID = NetworkId("0a000000-0000-4000-8000-000000000001")
IMAGE = GuestImage(
    image_id=ImageId("1a000000-0000-4000-8000-000000000001"),
    sha256="ab" * 32,
    disk_format="qcow2",
    size_bytes=1000,
    virtual_size_bytes=1 << 20,
)
METADATA = MetadataPort(
    port_id=PortId("2a000000-0000-4000-8000-000000000001"),
    mac="fa:16:3e:00:00:02",
    addresses=(Address(ip="10.0.0.2", prefix_length=24),),
)


def new_nic(number: int = 11, **fields: Any) -> GuestNic:
    """An interface on the one network of the tests, with the address 10.0.0.`number`."""
    nic = GuestNic(
        port_id=PortId(new_id()),
        network_id=NETWORK_ID,
        mac=f"fa:16:3e:00:01:{number:02x}",
        mtu=1442,
        addresses=(Address(ip=f"10.0.0.{number}", prefix_length=24),),
        metadata=METADATA,
    )
    return msgspec.structs.replace(nic, **fields)


SAME_GUEST = ServerId("5bdf32c1-0d4f-4f93-9f1a-5c38cc6ba38d")
"""For guests whose ids become parts of tests' names, which stay the same from run to run."""


def new_spec(guest_id: ServerId | None = None, **fields: Any) -> GuestSpec:
    """A guest that should run, with one interface."""
    guest_id = guest_id or ServerId(new_id())
    spec = GuestSpec(
        guest_id=guest_id,
        project_id=ProjectId("3a" * 16),
        generation=1,
        present=True,
        power=Power.ON,
        boots=1,
        reboot=Reboot.SOFT,
        vcpus=1,
        memory_mib=128,
        disk_gib=1,
        image=IMAGE,
        nics=(new_nic(),),
        instance=InstanceData(hostname="pearl", name="Pearl", availability_zone="nova"),
    )
    return msgspec.structs.replace(spec, **fields)


class ControlPlane:
    """An AgentLink and a FleetLink. `away` makes every call fail; `calls` counts them by name."""

    def __init__(self) -> None:
        self.away = False
        self.generation = 1  # 0 asks for everything.
        self.hosts: dict[HostId, HostReport] = {}
        self.specs: dict[HostId, dict[ServerId, tuple[int, GuestSpec]]] = {}
        self.facts: dict[ServerId, GuestFacts] = {}
        self.history: list[GuestFacts] = []
        self.questions: dict[HostId, list[Question]] = {}
        self.answers: dict[str, bytes] = {}
        self.calls: dict[str, int] = {}
        self._subscribers: list[Callable[[HostId], None]] = []

    # -- what tests wish -------------------------------------------------------------------------------

    def wish(self, spec: GuestSpec, *, on: HostId = HOST_ID, **changes: Any) -> GuestSpec:
        """Wish for `spec` with `changes`, under a generation above the last."""
        known = self.specs.get(on, {}).get(spec.guest_id)
        generation = known[1].generation + 1 if known else spec.generation
        self.generation += 1
        spec = msgspec.structs.replace(spec, generation=generation, **changes)
        self.specs.setdefault(on, {})[spec.guest_id] = (self.generation, spec)
        self._tell(on)
        return spec

    def forget(self, guest_id: ServerId, *, on: HostId = HOST_ID) -> None:
        """Drop a guest from the list, as after its removal was reported."""
        del self.specs[on][guest_id]

    def ask_console(self, guest_id: ServerId, *, lines: int, on: HostId = HOST_ID) -> str:
        question = Question(question_id=new_id(), guest_id=guest_id, lines=lines)
        self.questions.setdefault(on, []).append(question)
        self._tell(on)
        return question.question_id

    def _tell(self, host_id: HostId) -> None:
        for changed in self._subscribers:
            changed(host_id)

    # -- AgentLink -------------------------------------------------------------------------------------

    def report_host(self, report: HostReport) -> None:
        self._called("report_host")
        self.hosts[report.host_id] = report

    def wishes(self, host_id: HostId, *, since: int, wait_s: float) -> HostWishes:
        self._called("wishes")
        assert host_id in self.hosts, "a host says who it is before it asks"
        return self._answer_of(host_id, since)

    def report_guests(self, host_id: HostId, facts: Sequence[GuestFacts]) -> None:
        self._called("report_guests")
        self._hear(facts)

    def answer(self, host_id: HostId, question_id: str, data: bytes) -> None:
        self._called("answer")
        self.answers[question_id] = data
        mine = self.questions[host_id]
        self.questions[host_id] = [each for each in mine if each.question_id != question_id]

    def open_image(self, image_id: ImageId) -> AbstractContextManager[Iterator[bytes]]:
        @contextmanager
        def opened() -> Iterator[Iterator[bytes]]:
            yield iter([b"x" * IMAGE.size_bytes])

        return opened()

    # -- FleetLink -------------------------------------------------------------------------------------

    def subscribe(self, changed: Callable[[HostId], None]) -> None:
        self._subscribers.append(changed)

    def fleet_wishes(self, since: Mapping[HostId, int]) -> Sequence[HostWishes]:
        self._called("fleet_wishes")
        return [self._answer_of(host_id, generation) for host_id, generation in since.items()]

    def report_hosts(self, reports: Sequence[HostReport]) -> None:
        self._called("report_hosts")
        self.hosts.update({report.host_id: report for report in reports})

    def report_fleet(self, facts: Mapping[HostId, Sequence[GuestFacts]]) -> None:
        self._called("report_fleet")
        for each in facts.values():
            self._hear(each)

    def _called(self, name: str) -> None:
        if self.away:
            raise Unavailable("the control plane is away")
        self.calls[name] = self.calls.get(name, 0) + 1

    def _answer_of(self, host_id: HostId, since: int) -> HostWishes:
        specs = self.specs.get(host_id, {}).values()
        return HostWishes(
            host_id=host_id,
            generation=self.generation,
            complete=since == 0,
            guests=tuple(spec for generation, spec in specs if generation > since),
            questions=tuple(self.questions.get(host_id, ())),
        )

    def _hear(self, facts: Sequence[GuestFacts]) -> None:
        self.history += facts
        self.facts.update({each.guest_id: each for each in facts})
