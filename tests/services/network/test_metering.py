"""Metering labels and their rules, through the API."""

from __future__ import annotations

import pytest

from tests.services.network.conftest import problem

LABELS, RULES = "/metering/metering-labels", "/metering/metering-label-rules"


def make(client, path: str, **said):
    noun = "metering_label" if path == LABELS else "metering_label_rule"
    return client.post(path, json={noun: said})


@pytest.fixture
def label(admin):
    return make(admin, LABELS, name="out", description="d").json["metering_label"]


def test_a_label_is_told_with_its_rules_until_it_is_deleted(admin, label):
    rule = make(admin, RULES, metering_label_id=label["id"], remote_ip_prefix="10.0.0.0/24")
    rule = rule.json["metering_label_rule"]

    assert (label["shared"], label["project_id"], label["tenant_id"]) == (False, "admin", "admin")
    assert (rule["direction"], rule["excluded"]) == ("ingress", False)
    assert admin.get(f"{RULES}/{rule['id']}").json["metering_label_rule"] == rule
    assert admin.find(f"{LABELS}?name=out") == [label]
    assert admin.find(f"{RULES}?metering_label_id={label['id']}") == [rule]
    assert admin.delete(f"{LABELS}/{label['id']}").status == 204
    assert problem(admin.get(f"{LABELS}/{label['id']}")) == (404, "MeteringLabelNotFound")
    assert problem(admin.delete(f"{RULES}/{rule['id']}")) == (404, "MeteringLabelRuleNotFound")


def test_rules_of_one_label_and_direction_do_not_overlap(admin, label):
    def add(prefix: str, **more):
        return make(admin, RULES, metering_label_id=label["id"], remote_ip_prefix=prefix, **more)

    assert add("10.0.0.0/24").status == 201
    assert problem(add("10.0.0.128/25")) == (409, "MeteringLabelRuleOverlaps")
    assert add("10.0.0.128/25", direction="egress").status == 201
    assert add("fd00::/64").status == 201
    assert len(admin.find(RULES)) == 3


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"remote_ip_prefix": "nowhere"},
        {"remote_ip_prefix": "10.0.0.0/8", "source_ip_prefix": "10.1.0.0/16"},
        {"source_ip_prefix": "10.1.0.0/16", "direction": "up"},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(admin, label, said):
    assert make(admin, RULES, metering_label_id=label["id"], **said).status == 400
    assert admin.find(RULES) == []


def test_labels_are_the_operators(demo, label):
    assert make(demo, LABELS, name="mine").status == 403
    assert demo.get(LABELS).status == 403
    assert demo.delete(f"{LABELS}/{label['id']}").status == 403
