"""Names of resource classes and traits: the standard ones, and what custom ones look like."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+\Z")
MOST_NAME_LENGTH = 255

ClassName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]+\Z", min_length=1, max_length=MOST_NAME_LENGTH)]
TraitName = ClassName

STANDARD_CLASSES = (
    "VCPU", "MEMORY_MB", "DISK_GB", "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE", "NUMA_THREAD",
    "NUMA_MEMORY_MB", "IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD", "NET_BW_EGR_KILOBIT_PER_SEC",
    "NET_BW_IGR_KILOBIT_PER_SEC", "PCPU", "MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU",
    "NET_PACKET_RATE_KILOPACKET_PER_SEC", "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
)  # fmt: skip


def is_custom(name: str) -> bool:
    """Whether a name is one that callers may make."""
    return len(name) <= MOST_NAME_LENGTH and CUSTOM.match(name) is not None


def dashed(text: str) -> str:
    """A UUID, given with dashes or without, in its canonical form."""
    digits = text.replace("-", "").lower()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
