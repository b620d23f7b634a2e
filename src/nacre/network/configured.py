"""What the configuration says of segments, as values."""

from __future__ import annotations

import re

from nacre.kernel.config import BadConfiguration, SegmentSettings
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.segments import NUMBERS, SegmentRange

_INTERVAL = re.compile(r"([0-9]{1,8}):([0-9]{1,8})")


def default_ranges(settings: SegmentSettings) -> list[SegmentRange]:
    """The ranges that there are without anybody making them; they have no ids yet. Raises BadConfiguration."""
    found = [
        _default(kind, None, words, where=f"segments.{kind}")
        for kind, said in ((NetworkType.GENEVE, settings.geneve), (NetworkType.VXLAN, settings.vxlan))
        for words in _words(said)
    ]
    for words in _words(settings.vlan):
        name, _, interval = words.partition(":")
        found.append(_default(NetworkType.VLAN, name, interval, where="segments.vlan"))
    return found


def self_service_types(settings: SegmentSettings) -> tuple[NetworkType, ...]:
    """Which networks people get who say nothing of a wire, in the order they are tried. Raises BadConfiguration."""
    try:
        types = tuple(NetworkType(word) for word in _words(settings.self_service_types))
    except ValueError as error:
        raise BadConfiguration("segments.self_service_types", str(error)) from error
    if NetworkType.FLAT in types or not types:
        raise BadConfiguration("segments.self_service_types", "expected one or more of geneve, vxlan, vlan")
    return types


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _default(kind: NetworkType, name: str | None, interval: str, *, where: str) -> SegmentRange:
    least, most = NUMBERS[kind]
    match = _INTERVAL.fullmatch(interval)
    if match is None or name == "" or not least <= int(match[1]) <= int(match[2]) <= most:
        form = "NETWORK:LEAST:MOST" if kind is NetworkType.VLAN else "LEAST:MOST"
        raise BadConfiguration(where, f"expected {form} within {least} to {most}, got '{interval}'")
    minimum, maximum = int(match[1]), int(match[2])
    return SegmentRange(
        id="",
        network_type=kind,
        physical_network=name,
        minimum=minimum,
        maximum=maximum,
        default=True,
    )
