"""Which limits bound a project, and how much they leave."""

from __future__ import annotations

import sys

from nacre.identity.domain.limits import Bound, Said, amounts, bounds, in_units, tightest


def said(node_id: str, above: int, amount: int, *, region: str = "", resource: str = "servers") -> Said:
    return Said(node_id, above, resource, region, amount)


def bounds_of(*limits: Said, default: int = 10) -> tuple[Bound, ...]:
    found = bounds("ada", ["servers"], builtin={}, registered=[said("", 0, default)], limits=limits)
    return found["servers"]


def test_a_project_without_limits_is_bounded_by_the_default_for_what_it_uses_itself():
    assert bounds_of() == (Bound("ada", 0, 10, whole=False),)


def test_an_own_limit_takes_the_place_of_the_default_and_counts_all_below():
    assert bounds_of(said("ada", 0, 3)) == (Bound("ada", 0, 3, whole=True),)
    assert bounds_of(said("ada", 0, -1)) == ()


def test_limits_above_bound_as_well_from_the_nearest_upwards_and_unlimited_ones_do_not():
    limits = [said("lab", 2, 40), said("group", 1, 20), said("default", 3, -1)]

    assert bounds_of(*limits) == (
        Bound("ada", 0, 10, whole=False),
        Bound("group", 1, 20, whole=True),
        Bound("lab", 2, 40, whole=True),
    )


def test_what_is_said_for_a_region_counts_before_what_is_said_for_all():
    assert amounts({"servers": 1}, [said("", 0, 5, region="R"), said("", 0, 7)]) == {"servers": 5}
    assert bounds_of(said("ada", 0, 4, region="R"), said("ada", 0, 9)) == (Bound("ada", 0, 4, whole=True),)


def test_what_nobody_registered_has_the_services_own_default_or_no_bound():
    found = bounds("ada", ["servers", "gold"], builtin={"servers": 2}, registered=[], limits=[])

    assert found == {"servers": (Bound("ada", 0, 2, whole=False),), "gold": ()}


def test_the_tightest_bound_says_what_is_left():
    own, group = Bound("ada", 0, 10, whole=False), Bound("group", 1, 20, whole=True)

    room = tightest("servers", [own, group], {own: 4, group: 19}, own=4, unit=1)

    assert (room.node_id, room.limit, room.used, room.left) == ("group", 20, 19, 1)
    assert not room.refuses(1)
    assert room.refuses(2)
    free = tightest("servers", [], {}, own=4, unit=1)
    assert (free.node_id, free.limit, free.used, free.left) == ("", -1, 4, sys.maxsize)


def test_a_project_over_its_limit_may_still_ask_for_nothing():
    over = Bound("ada", 0, 1, whole=True)

    room = tightest("servers", [over], {over: 5}, own=5, unit=1)

    assert room.refuses(1)
    assert not room.refuses(0)


def test_limits_in_units_bound_amounts_exactly_and_show_begun_units():
    limit = Bound("ada", 0, 2, whole=True)

    room = tightest("image_size_total", [limit], {limit: 1500}, own=1500, unit=1024)

    assert (room.used, room.left) == (2, 548)
    assert in_units(0, 1024) == 0
