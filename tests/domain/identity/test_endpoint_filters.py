"""Which endpoints belong to a group, what a project sees of the catalogue, and which policy is the nearest."""

from __future__ import annotations

import pytest

from nacre.identity.domain.catalog import (
    Catalog,
    CloudService,
    Endpoint,
    EndpointFilters,
    PolicyAssociation,
    Selection,
    effective_association,
    line_of,
)

SERVICE = CloudService(service_id="s", type="sounds", name="sounds")
INSIDE = Endpoint(endpoint_id="inside", service_id="s", region_id="town", interface="public", url="http://x")
NOWHERE = Endpoint(endpoint_id="nowhere", service_id="s", region_id=None, interface="admin", url="http://y")
PARENTS = {"town": "country", "country": "world", "world": None, "elsewhere": "world"}


@pytest.mark.parametrize(
    ("filters", "matching"),
    [
        (EndpointFilters(), [INSIDE, NOWHERE]),
        (EndpointFilters(interface="admin"), [NOWHERE]),
        (EndpointFilters(region_id=None), [NOWHERE]),
        (EndpointFilters(region_id="town", service_id="s", enabled=True), [INSIDE]),
        (EndpointFilters(service_id="other"), []),
        (EndpointFilters(enabled=False), []),
    ],
)
def test_an_endpoint_belongs_to_a_group_if_it_is_all_that_the_group_says(filters, matching):
    assert [each for each in (INSIDE, NOWHERE) if filters.match(each)] == matching


def test_a_selection_holds_what_is_named_and_what_belongs_to_its_groups():
    whole = Catalog(services=[(SERVICE, [INSIDE, NOWHERE])])

    def seen(*ids: str, groups=()):
        return whole.only(Selection(endpoint_ids=frozenset(ids), groups=groups)).services

    assert seen("inside") == [(SERVICE, [INSIDE])]
    assert seen(groups=(EndpointFilters(interface="admin"),)) == [(SERVICE, [NOWHERE])]
    assert seen("inside", groups=(EndpointFilters(interface="admin"),)) == [(SERVICE, [INSIDE, NOWHERE])]
    assert seen("gone") == []


OWN = PolicyAssociation(policy_id="own", endpoint_id="inside")
TOWN = PolicyAssociation(policy_id="town", service_id="s", region_id="town")
WORLD = PolicyAssociation(policy_id="world", service_id="s", region_id="world")
ELSEWHERE = PolicyAssociation(policy_id="elsewhere", service_id="s", region_id="elsewhere")
OF_SERVICE = PolicyAssociation(policy_id="service", service_id="s")
OTHER = PolicyAssociation(policy_id="other", service_id="t")


@pytest.mark.parametrize(
    ("associations", "nearest"),
    [
        ([OF_SERVICE, WORLD, TOWN, OWN], OWN),
        ([OF_SERVICE, WORLD, TOWN], TOWN),
        ([OF_SERVICE, WORLD], WORLD),
        ([OF_SERVICE, ELSEWHERE], OF_SERVICE),
        ([ELSEWHERE, OTHER], None),
        ([], None),
    ],
)
def test_the_nearest_policy_counts(associations, nearest):
    assert effective_association(associations, INSIDE, line_of("town", PARENTS)) == nearest


def test_without_a_region_only_the_services_policy_counts():
    assert effective_association([WORLD, OF_SERVICE], NOWHERE, line_of(None, PARENTS)) == OF_SERVICE


def test_every_association_has_a_target_of_its_own():
    assert len({each.target for each in (OWN, TOWN, WORLD, ELSEWHERE, OF_SERVICE, OTHER)}) == 6
