"""Which hosts are to blame for ways between hosts that do not work, and what a server has against them."""

from __future__ import annotations

import pytest

from nacre.network.domain.chassis import (
    ChassisFacts,
    ChassisFault,
    Needs,
    Spoils,
    Standing,
    Unreached,
    cut_off,
    standings,
)

TUNNELLED = Needs(tunnels=True)
MTU = ChassisFault(spoils=Spoils.TUNNELS, what="the MTU is too small")
NO_WIRE = ChassisFault(spoils=Spoils.PHYSICAL, what="bridge br-ex is missing", physical_network="public")
NO_SWITCH = ChassisFault(spoils=Spoils.EVERYTHING, what="bridge br-int is missing")


def facts(*, of: int, unreached: str = "", faults: tuple[ChassisFault, ...] = ()) -> ChassisFacts:
    """Of a host among `of`, that misses those whose letters are given."""
    return ChassisFacts(
        bridge="br-int",
        datapath_type="netdev",
        encap_type="geneve",
        encap_ip="192.0.2.1",
        tunnel_mtu=1500,
        tunnels=of - 1,
        faults=faults,
        unreached=tuple(Unreached(letter, "no packet is answered") for letter in unreached),
    )


@pytest.mark.parametrize(
    ("hosts", "missing", "blamed"),
    [
        ("abc", {"a": "c", "b": "c", "c": "ab"}, "c"),
        ("abc", {"a": "bc", "b": "ac", "c": "ab"}, "abc"),
        ("ab", {"a": "b", "b": "a"}, "ab"),
        ("abcd", {"a": "b", "b": "a"}, ""),
        ("abcde", {"a": "de", "b": "de", "c": "de", "d": "abc", "e": "abc"}, "de"),
        # One after another: with three of five gone, the two good ones reach all that is left.
        ("abcde", {"a": "cde", "b": "cde", "c": "abde", "d": "abce", "e": "abcd"}, "cde"),
        ("abc", {}, ""),
    ],
)
def test_those_who_miss_most_are_to_blame_and_one_bad_host_leaves_the_others_good(hosts, missing, blamed):
    peers = dict.fromkeys(hosts, len(hosts) - 1)

    assert cut_off({host: set(others) for host, others in missing.items()}, peers) == set(blamed)


def test_a_host_that_others_miss_is_cut_off_even_if_it_says_nothing():
    said = {"a": facts(of=3, unreached="c"), "b": facts(of=3, unreached="c"), "c": facts(of=3)}

    found = standings(said, alive="abc")

    assert list(found) == ["c"]
    assert "tunnels between it and a, b do not work" in found["c"].objection(TUNNELLED)


def test_nobody_is_blamed_for_missing_the_dead_and_the_sick():
    said = {
        "a": facts(of=3, unreached="bc"),
        "b": facts(of=3, unreached="a", faults=(MTU,)),
        "c": facts(of=3),
    }

    assert list(standings(said, alive="ab")) == ["b"]
    assert standings({"a": facts(of=2, unreached="b"), "b": facts(of=2)}, alive="a") == {}


@pytest.mark.parametrize(
    ("fault", "needs", "objects"),
    [
        (MTU, TUNNELLED, True),
        (MTU, Needs(wires=(frozenset({"public"}),)), False),
        (NO_WIRE, TUNNELLED, False),
        (NO_WIRE, Needs(wires=(frozenset({"public"}),)), True),
        (NO_WIRE, Needs(wires=(frozenset({"other"}),)), False),
        (NO_WIRE, Needs(wires=(frozenset({"public", "other"}),)), False),
        (NO_SWITCH, Needs(), True),
    ],
)
def test_a_fault_keeps_away_what_needs_the_broken_part_and_nothing_else(fault, needs, objects):
    assert bool(Standing(faults=(fault,)).objection(needs)) is objects
