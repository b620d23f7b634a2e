"""Small honest neighbours: what compute asks of identity, images, networks and placement, kept in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from nacre.identity.contract import ProjectName
from nacre.image.contract import BootImage
from nacre.kernel.database import Reader, Tx
from nacre.kernel.errors import NotFound, Stale, Unauthenticated
from nacre.kernel.ids import HostId, ImageId, NetworkId, PortId, ProjectId, ServerId, UserId, new_id
from nacre.kernel.policy import Caller
from nacre.network.contract import (
    Address,
    ChassisFacts,
    Nic,
    NicAsk,
    NicPlan,
    PlannedNic,
    PortView,
    ShownAddress,
    Unstated,
)
from nacre.placement.contract import (
    NO_PARTS,
    Candidate,
    Demand,
    Inventory,
    NoRoom,
    Part,
    PartDemands,
    Rejection,
)

ROLES = {
    "admin": ("admin", "manager", "member", "reader"),
    "member": ("member", "reader"),
    "reader": ("reader",),
}


class FakeIdentity:
    """A token is `PROJECT:ROLE`; every project but `nowhere` exists."""

    def authenticate(self, token: str) -> Caller:
        project, _, role = token.partition(":")
        if role not in ROLES:
            raise Unauthenticated
        return Caller(
            user_id=UserId(f"user-of-{project}"),
            user_name=project,
            user_domain_id="default",
            user_domain_name="Default",
            project_id=ProjectId(project),
            roles=ROLES[role],
        )

    def projects(self, db: Reader, project_ids: Collection[ProjectId]) -> Mapping[ProjectId, ProjectName]:
        return {
            each: ProjectName(project_id=each, name=each, domain_id="default", enabled=True)
            for each in project_ids
            if each != "nowhere"
        }


class FakeImages:
    """Two images: one of a mebibyte, one whose disk is 10 GiB."""

    def __init__(self) -> None:
        self.small = self._image("small", 1 << 20)
        self.large = self._image("large", 10 << 30)
        self.content = b"the small image's bytes"

    def _image(self, name: str, virtual_size: int) -> BootImage:
        return BootImage(
            image_id=ImageId(new_id()), name=name, sha256=name, disk_format="raw", size_bytes=23,
            virtual_size_bytes=virtual_size, min_disk_gib=0, min_memory_mib=0,
        )  # fmt: skip

    def load_bootable(self, db: Reader, image_id: ImageId, caller: Caller) -> BootImage:
        found = self.find_bootable(db, [image_id])
        if image_id not in found:
            raise NotFound(f"Image {image_id} could not be found.")
        return found[image_id]

    def find_bootable(self, db: Reader, image_ids: Collection[ImageId]) -> Mapping[ImageId, BootImage]:
        return {image.image_id: image for image in (self.small, self.large) if image.image_id in image_ids}

    async def read(self, image: BootImage) -> AsyncIterator[bytes]:
        yield self.content


class FakeNetworks:
    """One network, whose ports live in memory. What a failed transaction did to it stays, unlike the real one."""

    def __init__(self) -> None:
        self.network_id = NetworkId(new_id())
        self.ports: dict[ServerId, list[Nic]] = {}
        self.hosts: dict[ServerId, HostId] = {}
        self.up: set[PortId] = set()
        self.count = 0
        self.objection = ""

    def plan_nics(
        self, db: Reader, caller: Caller, asks: Sequence[NicAsk] | Unstated, security_groups: Sequence[str]
    ) -> NicPlan:
        if asks is Unstated.NONE:
            return ()
        listed = [NicAsk(network_id=self.network_id)] if isinstance(asks, Unstated) else asks
        for ask in listed:
            if ask.network_id != self.network_id:
                raise NotFound(f"Network {ask.network_id} could not be found.")
        return tuple(
            PlannedNic(network_id=self.network_id, port_id=None, fixed_ip=ask.fixed_ip, tag=None,
                       security_group_ids=tuple(security_groups))
            for ask in listed
        )  # fmt: skip

    def claim_nics(
        self,
        tx: Tx,
        plan: NicPlan,
        *,
        server_id: ServerId,
        caller: Caller,
        host_name: str = "",
        beside_others: bool = False,
    ) -> Sequence[PortId]:
        for _ in plan:
            self.count += 1
            address = Address(f"10.0.{self.count // 250}.{self.count % 250 + 1}", 16)
            nic = Nic(port_id=PortId(new_id()), network_id=self.network_id, mtu=1442, addresses=(address,),
                      mac=f"fa:16:3e:00:{self.count // 256:02x}:{self.count % 256:02x}")  # fmt: skip
            self.ports.setdefault(server_id, []).append(nic)
        return [nic.port_id for nic in self.ports.get(server_id, ())[-len(plan) :]]

    def objections(
        self, db: Reader, server_id: ServerId, host_ids: Collection[HostId], *, now: float
    ) -> Mapping[HostId, str]:
        return dict.fromkeys(host_ids, self.objection) if self.objection else {}

    def report_chassis(self, tx: Tx, facts: Mapping[HostId, ChassisFacts]) -> None:
        """How hosts' switches stand is of no interest here."""

    def guarantees_of(self, db: Reader, server_ids: Collection[ServerId]) -> Mapping[ServerId, PartDemands]:
        return dict.fromkeys(server_ids, NO_PARTS)

    def placed_guarantees(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Mapping[HostId, PartDemands]]:
        return {}

    def bind_nics(
        self, tx: Tx, server_id: ServerId, host_id: HostId, *, only: PortId | None = None
    ) -> PartDemands:
        self.hosts[server_id] = host_id
        return NO_PARTS

    def release_nics(self, tx: Tx, server_id: ServerId) -> None:
        self.ports.pop(server_id, None)
        self.hosts.pop(server_id, None)

    def release_nic(self, tx: Tx, server_id: ServerId, port_id: PortId) -> None:
        self.ports[server_id] = [nic for nic in self.ports[server_id] if nic.port_id != port_id]

    def nics_of(self, db: Reader, server_ids: Collection[ServerId]) -> Mapping[ServerId, Sequence[Nic]]:
        return {each: self.ports[each] for each in server_ids if each in self.ports}

    def addresses_of(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Sequence[ShownAddress]]:
        return {
            each: [
                ShownAddress(network_name="net", ip=nic.addresses[0].ip, version=4, mac=nic.mac, kind="fixed")
                for nic in self.ports[each]
            ]
            for each in server_ids
            if each in self.ports
        }

    def ports_of(self, db: Reader, server_id: ServerId) -> Sequence[PortView]:
        return [
            PortView(port_id=nic.port_id, network_id=nic.network_id, mac=nic.mac,
                     status="ACTIVE" if nic.port_id in self.up else "DOWN",
                     fixed_ips=((new_id(), nic.addresses[0].ip),))
            for nic in self.ports.get(server_id, ())
        ]  # fmt: skip

    def security_groups_of(
        self, db: Reader, server_ids: Collection[ServerId]
    ) -> Mapping[ServerId, Sequence[str]]:
        return {each: ["default"] for each in server_ids if each in self.ports}

    def hear_wires(self, tx: Tx, wires: Mapping[HostId, Collection[str]]) -> None:
        """Which wires hosts are on is of no interest here."""

    def hear_hosts(self, tx: Tx, host_ids: Collection[HostId]) -> None:
        """Who runs for networks is of no interest here."""

    def report_ports(
        self, tx: Tx, host_id: HostId, *, up: Collection[PortId], down: Collection[PortId]
    ) -> None:
        self.up |= set(up)
        self.up -= set(down)


@dataclass
class FakePlacement:
    """Room on hosts, in memory, with a generation that every claim raises."""

    inventories: dict[HostId, Mapping[str, Inventory]] = field(default_factory=dict)
    claims: dict[HostId, dict[ServerId, Demand]] = field(default_factory=dict)
    generations: dict[HostId, int] = field(default_factory=dict)

    def ensure_host(
        self,
        tx: Tx,
        host_id: HostId,
        *,
        name: str,
        inventories: Mapping[str, Inventory],
        parts: Sequence[Part] = (),
    ) -> None:
        self.inventories[host_id] = inventories
        self.claims.setdefault(host_id, {})
        self.generations.setdefault(host_id, 1)

    def candidates(
        self, db: Reader, demand: Demand, *, parts: PartDemands = NO_PARTS
    ) -> tuple[Sequence[Candidate], Sequence[Rejection]]:
        fit, unfit = [], []
        for host_id, has in self.inventories.items():
            used = self._used(host_id)
            capacity = {
                name: int((each.total - each.reserved) * each.allocation_ratio) for name, each in has.items()
            }
            short = [name for name in demand if used[name] + demand[name] > capacity[name]]
            if short:
                unfit.append(Rejection(host_id=host_id, why=f"too little {', '.join(short)}"))
            else:
                fit.append(
                    Candidate(
                        host_id=host_id, generation=self.generations[host_id], used=used, capacity=capacity
                    )
                )
        return sorted(fit, key=lambda each: each.used["MEMORY_MB"]), unfit

    def _used(self, host_id: HostId) -> dict[str, int]:
        names = ("VCPU", "MEMORY_MB", "DISK_GB")
        return {name: sum(claim.get(name, 0) for claim in self.claims[host_id].values()) for name in names}

    def claim(
        self, tx: Tx, candidate: Candidate, demand: Demand, *, server_id: ServerId, project_id: ProjectId,
        user_id: UserId, parts: PartDemands = NO_PARTS,
    ) -> None:  # fmt: skip
        if self.generations[candidate.host_id] != candidate.generation:
            raise Stale
        self.generations[candidate.host_id] += 1
        self.claims[candidate.host_id][server_id] = dict(demand)

    def reclaim(self, tx: Tx, wanted: Mapping[ServerId, tuple[HostId, PartDemands]]) -> None:
        """No port is guaranteed anything here."""

    def resize(self, tx: Tx, host_id: HostId, server_id: ServerId, demand: Demand) -> None:
        has, held = self.inventories[host_id], self.claims[host_id][server_id]
        for name, amount in demand.items():
            others = self._used(host_id)[name] - held.get(name, 0)
            capacity = int((has[name].total - has[name].reserved) * has[name].allocation_ratio)
            if amount > held.get(name, 0) and others + amount > capacity:
                raise NoRoom(host_id, f"too little {name}")
        self.claims[host_id][server_id] = dict(demand)

    def release(self, tx: Tx, server_id: ServerId) -> None:
        for claims in self.claims.values():
            claims.pop(server_id, None)

    def claims_of(self, db: Reader, host_id: HostId) -> Mapping[ServerId, Demand]:
        return self.claims[host_id]

    def part_claims(self, db: Reader) -> Mapping[ServerId, Mapping[HostId, PartDemands]]:
        return {}

    def usage(self, db: Reader) -> Mapping[HostId, Mapping[str, int]]:
        return {host_id: self._used(host_id) for host_id in self.claims}
