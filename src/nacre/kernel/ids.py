"""Identifiers. Each noun has its own type, so that a port id cannot be passed for a server id."""

from __future__ import annotations

import os
import re
import uuid
from typing import NewType

FloatingIpId = NewType("FloatingIpId", str)
HostId = NewType("HostId", str)
ImageId = NewType("ImageId", str)
NetworkId = NewType("NetworkId", str)
PortId = NewType("PortId", str)
ProjectId = NewType("ProjectId", str)
RouterId = NewType("RouterId", str)
SecurityGroupId = NewType("SecurityGroupId", str)
SecurityGroupRuleId = NewType("SecurityGroupRuleId", str)
ServerId = NewType("ServerId", str)
SubnetId = NewType("SubnetId", str)
UserId = NewType("UserId", str)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


def new_id() -> str:
    """A random UUID in its dashed form, as compute, network, image and volume show it."""
    return str(uuid.uuid4())


def new_hex_id() -> str:
    """A random UUID as 32 hexadecimal digits, as identity shows it."""
    return uuid.uuid4().hex


def new_request_id() -> str:
    """`req-` and a UUID: the trace id from the API call to the hypervisor call."""
    return "req-" + str(uuid.UUID(bytes=os.urandom(16), version=4))


def is_uuid(text: str) -> bool:
    """Whether `text` is a UUID in its canonical lower-case dashed form."""
    return _UUID.match(text) is not None
