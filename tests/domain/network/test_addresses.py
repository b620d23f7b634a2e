"""Addresses: which are free, which are default, which overlap."""

from __future__ import annotations

import time

import pytest

from nacre.kernel.errors import Problem
from nacre.network.domain.addresses import (
    AllocationPool,
    check_pools,
    default_gateway,
    default_pools,
    eui64_address,
    ip_number,
    lowest_free,
    mac_for,
    new_mac,
    overlaps,
    parse_cidr,
    pool_ranges,
)
from nacre.network.errors import (
    GatewayConflictWithAllocationPools,
    InvalidAllocationPool,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
)


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
        ("10.0.0.0/30", "10.0.0.1", [("10.0.0.2", "10.0.0.2")]),
        ("10.0.0.0/31", "10.0.0.1", [("10.0.0.0", "10.0.0.0")]),
        ("10.0.0.8/32", None, [("10.0.0.8", "10.0.0.8")]),
        ("fd00::/64", "fd00::1", [("fd00::2", "fd00::ffff:ffff:ffff:ffff")]),
        ("fd00::/127", "fd00::1", [("fd00::", "fd00::")]),
    ],
)
def test_a_subnet_without_choices_gets_the_first_address_as_gateway_and_gives_out_the_rest(
    cidr: str, gateway: str | None, pools: list[tuple[str, str]]
) -> None:
    network = parse_cidr(cidr)

    assert default_gateway(network) == gateway
    assert default_pools(network, gateway) == tuple(AllocationPool(*pool) for pool in pools)


def test_a_gateway_in_the_middle_splits_the_pool() -> None:
    assert default_pools(parse_cidr("10.0.0.0/28"), "10.0.0.5") == (
        AllocationPool("10.0.0.1", "10.0.0.4"),
        AllocationPool("10.0.0.6", "10.0.0.14"),
    )


@pytest.mark.parametrize(
    ("pools", "problem"),
    [
        ([("10.0.0.2", "10.0.1.4")], OutOfBoundsAllocationPool),
        ([("10.0.0.0", "10.0.0.4")], OutOfBoundsAllocationPool),
        ([("10.0.0.200", "10.0.0.255")], OutOfBoundsAllocationPool),
        ([("fd00::1", "fd00::2")], OutOfBoundsAllocationPool),
        ([("10.0.0.9", "10.0.0.2")], InvalidAllocationPool),
        ([("10.0.0.9", "ten")], InvalidAllocationPool),
        ([("10.0.0.9", "fd00::1")], InvalidAllocationPool),
        ([("10.0.0.2", "10.0.0.9"), ("10.0.0.9", "10.0.0.12")], OverlappingAllocationPools),
        ([("10.0.0.20", "10.0.0.30"), ("10.0.0.2", "10.0.0.25")], OverlappingAllocationPools),
        ([("10.0.0.1", "10.0.0.9")], GatewayConflictWithAllocationPools),
    ],
)
def test_pools_that_cannot_be_are_refused_by_name(
    pools: list[tuple[str, str]], problem: type[Problem]
) -> None:
    with pytest.raises(problem):
        check_pools(parse_cidr("10.0.0.0/24"), [AllocationPool(*pool) for pool in pools], "10.0.0.1")


def test_pools_side_by_side_are_good() -> None:
    pools = [AllocationPool("10.0.0.10", "10.0.0.19"), AllocationPool("10.0.0.2", "10.0.0.9")]

    check_pools(parse_cidr("10.0.0.0/24"), pools, "10.0.0.1")


@pytest.mark.parametrize(
    ("ranges", "used", "free"),
    [
        ([(2, 9)], [], 2),
        ([(2, 9)], [2, 3, 5], 4),
        ([(2, 9)], [3], 2),
        ([(2, 4)], [1, 2, 3, 4, 5], None),
        ([(2, 4), (10, 12)], [2, 3, 4, 10], 11),
        ([(2, 4), (10, 12)], [0, 1, 11, 12], 2),
        ([(5, 9)], [1, 2, 3, 4], 5),
        ([(2, 3)], [2, 3, 4, 5, 6], None),
        ([], [1], None),
    ],
)
def test_the_lowest_free_address_is_found(
    ranges: list[tuple[int, int]], used: list[int], free: int | None
) -> None:
    assert lowest_free(ranges, used) == free


def test_the_lowest_free_address_is_found_fast_among_sixty_thousand() -> None:
    ranges = pool_ranges(default_pools(parse_cidr("10.0.0.0/16"), "10.0.0.1"))
    first = ranges[0][0]
    used = [*range(first, first + 60_000)]
    del used[59_000]

    began = time.perf_counter()
    found = [lowest_free(ranges, used) for _ in range(100)]

    assert set(found) == {first + 59_000}
    assert (time.perf_counter() - began) / 100 < 0.001


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.0/24", "10.0.0.128/25", True),
        ("10.0.0.0/24", "10.0.1.0/24", False),
        ("0.0.0.0/0", "192.0.2.1/32", True),
        ("fd00::/8", "fd00:1::/64", True),
        ("::/0", "0.0.0.0/0", False),
    ],
)
def test_networks_that_share_an_address_overlap(one: str, other: str, same: bool) -> None:
    assert overlaps(one, other) is overlaps(other, one) is same


def test_an_ipv6_host_makes_its_address_from_its_mac() -> None:
    # RFC 4291, appendix A: the universal bit is inverted, ff:fe goes into the middle.
    assert eui64_address(parse_cidr("fd00:1::/64"), "fa:16:3e:12:34:56") == "fd00:1::f816:3eff:fe12:3456"


def test_macs_have_the_clouds_prefix_and_those_made_from_names_stay() -> None:
    assert new_mac().startswith("fa:16:3e:")
    assert len({new_mac() for _ in range(100)}) > 90
    assert mac_for("a") == mac_for("a") != mac_for("b")


@pytest.mark.parametrize("text", ["10.0.0", "10.0.0.0/24", "", "fd00::g", "1"])
def test_what_is_no_address_has_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="not an IP address"):
        ip_number(text)
