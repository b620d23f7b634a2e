"""What a host can guarantee to the ports of its servers: parts that placement keeps of its switch and its wires."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from nacre.kernel.config import BadConfiguration, GuaranteeSettings
from nacre.network.contract import SWITCH, TUNNELS, vnic_trait, wire_part, wire_trait
from nacre.placement.contract import Inventory, Part

Bandwidths = Mapping[str, tuple[int, int]]
"""Kilobits a second by wire: those that leave the host, and those that come in."""


class Guarantees:
    """The parts of hosts, as the operator has measured them out. Raises BadConfiguration for what cannot be read."""

    def __init__(self, settings: GuaranteeSettings) -> None:
        self._bandwidths = dict(_bandwidths(settings.bandwidths))
        self._packets = {
            "NET_PACKET_RATE_KILOPACKET_PER_SEC": settings.packet_rate_kpps,
            "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC": settings.packet_rate_egress_kpps,
            "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC": settings.packet_rate_ingress_kpps,
        }

    def parts_of(self, physical_networks: Collection[str]) -> tuple[Part, ...]:
        """The parts of a host that is on these physical networks; none if there is nothing to guarantee."""
        wires = [wire for wire in self._bandwidths if wire == TUNNELS or wire in physical_networks]
        packets = _inventories(self._packets)
        if not wires and not packets:
            return ()
        vnic = vnic_trait()
        switch = Part(name=SWITCH, inventories=packets, traits=(vnic,))
        return (switch, *(self._wire(wire, vnic) for wire in sorted(wires)))

    def _wire(self, wire: str, vnic: str) -> Part:
        egress, ingress = self._bandwidths[wire]
        amounts = {"NET_BW_EGR_KILOBIT_PER_SEC": egress, "NET_BW_IGR_KILOBIT_PER_SEC": ingress}
        return Part(
            name=wire_part(wire),
            below=SWITCH,
            inventories=_inventories(amounts),
            traits=(wire_trait(wire), vnic),
        )


def _inventories(amounts: Mapping[str, int]) -> Mapping[str, Inventory]:
    return {name: Inventory(total=amount) for name, amount in amounts.items() if amount}


def _bandwidths(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    for each in filter(None, (part.strip() for part in text.split(","))):
        wire, *rates = each.split(":")
        if not wire or len(rates) != 2 or not all(rate.isascii() and rate.isdigit() for rate in rates):
            raise BadConfiguration("guarantees.bandwidths", f"expected NETWORK:EGRESS:INGRESS, got '{each}'")
        yield wire, (int(rates[0]), int(rates[1]))
