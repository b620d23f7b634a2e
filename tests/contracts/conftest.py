"""Three hosts that more than one suite of packets shares: they are built once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ovn_cloud import Cloud, a_cloud_on
from tests.support.ovn_lab import OvnLab


@pytest.fixture(scope="package")
def three_hosts() -> Iterator[OvnLab]:
    with OvnLab(hosts=3) as lab:
        yield lab
        assert lab.misread() == [], "OVN could not read a row of ours"


@pytest.fixture
def wide_cloud(three_hosts: OvnLab) -> Iterator[Cloud]:
    """An empty cloud of three hosts. The third carries gateways; the second does when that is dead."""
    with a_cloud_on(three_hosts, gateway_hosts=("host3", "host2")) as cloud:
        yield cloud
