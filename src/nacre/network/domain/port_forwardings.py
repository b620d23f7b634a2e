"""Port forwardings: ports of a floating IP that lead to ports of addresses inside."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from nacre.kernel.ids import FloatingIpId, PortId

PROTOCOLS = ("tcp", "udp", "sctp")
MOST_PORTS = 256
"""How many ports one forwarding may span: the switches hold an entry for each."""


class PortRange(msgspec.Struct, frozen=True, order=True):
    """Ports from the first to the last, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1

    def overlaps(self, other: PortRange) -> bool:
        return self.first <= other.last and other.first <= self.last


def parse_range(text: str) -> PortRange:
    """`80` or `80:90` as a range. Raises ValueError."""
    first, _, last = text.partition(":")
    if not (first.isascii() and first.isdigit() and (last or first).isascii() and (last or first).isdigit()):
        raise ValueError(f"'{text[:40]}' is not a port, nor a range of ports such as 80:90")
    found = PortRange(int(first), int(last or first))
    if not 1 <= found.first <= found.last <= 65535:
        raise ValueError(f"'{text[:40]}' is not a range of ports between 1 and 65535")
    return found


class PortForwarding(msgspec.Struct, frozen=True, kw_only=True):
    """One forwarding. The ranges are of equal length, or all outside ports lead to one inside."""

    id: str
    floating_ip_id: FloatingIpId
    internal_port_id: PortId
    internal_ip_address: str
    protocol: str
    external_ports: PortRange
    internal_ports: PortRange
    description: str = ""

    def pairs(self) -> Iterable[tuple[int, int]]:
        """Each outside port, and the one inside that it leads to."""
        inside = self.internal_ports
        for offset in range(len(self.external_ports)):
            yield self.external_ports.first + offset, min(inside.first + offset, inside.last)

    def conflicts_with(self, other: PortForwarding) -> bool:
        """Whether both claim a port outside, or both lead to the same one inside."""
        if self.id == other.id or self.protocol != other.protocol:
            return False
        if self.external_ports.overlaps(other.external_ports):
            return True
        return (self.internal_port_id, self.internal_ip_address) == (
            other.internal_port_id,
            other.internal_ip_address,
        ) and self.internal_ports.overlaps(other.internal_ports)
