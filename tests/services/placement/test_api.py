"""The Placement API: providers, inventories, traits, classes, aggregates, allocations, usages."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.services.placement.conftest import (
    AGGREGATE,
    OTHER_AGGREGATE,
    PlacementClient,
    PlacementCloud,
    allocation_body,
)

VCPUS = {"VCPU": {"total": 8}}


def test_the_root_tells_the_range_of_versions(cloud: PlacementCloud) -> None:
    reply = PlacementClient(cloud.http).get("/placement/")

    assert reply.json["versions"][0]["min_version"] == "1.0"
    assert reply.json["versions"][0]["max_version"] == "1.39"
    refused = cloud.client().at("1.40").get("/placement/resource_providers")
    assert refused.status == 406
    assert refused.json["errors"][0]["max_version"] == "1.39"


def test_a_provider_lives_and_dies(admin: PlacementClient) -> None:
    made = admin.call("POST", "/resource_providers", {"name": "one"})
    path = f"/resource_providers/{made['uuid']}"

    assert made["generation"] == 0
    assert made["root_provider_uuid"] == made["uuid"]
    assert {each["rel"] for each in made["links"]} == {
        "self", "inventories", "usages", "aggregates", "traits", "allocations"
    }  # fmt: skip
    assert admin.call("GET", path) == made
    assert admin.call("PUT", path, {"name": "other"})["name"] == "other"
    admin.call("DELETE", path, status=204)
    admin.call("GET", path, status=404)


def test_older_versions_show_less(admin: PlacementClient) -> None:
    reply = admin.at("1.0").post("/placement/resource_providers", json={"name": "one"})
    assert (reply.status, reply.body) == (201, b"")

    shown = admin.at("1.0").call("GET", "/resource_providers")["resource_providers"][0]
    assert reply.headers["location"].endswith(shown["uuid"])
    assert set(shown) == {"uuid", "name", "generation", "links"}
    assert [each["rel"] for each in shown["links"]] == ["self", "inventories", "usages"]
    assert "last-modified" not in admin.at("1.14").get("/placement/resource_providers").headers
    assert "last-modified" in admin.at("1.15").get("/placement/resource_providers").headers
    admin.at("1.0").call("GET", "/traits", status=404)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"name": ""}, {"name": "x" * 201}, {"name": 7}, {"name": "a", "colour": "red"}, {"name": "a\0"},
        {"name": "a", "uuid": "b"}, {"name": "a", "parent_provider_uuid": str(uuid.uuid4())}, [],
    ],
)  # fmt: skip
def test_what_is_no_provider_is_refused(admin: PlacementClient, body: Any) -> None:
    reply = admin.post("/placement/resource_providers", json=body)

    assert reply.status == 400
    assert set(reply.json["errors"][0]) == {"status", "title", "detail", "code", "request_id"}
    assert admin.call("GET", "/resource_providers") == {"resource_providers": []}


def test_names_and_ids_are_taken_once(admin: PlacementClient) -> None:
    provider_id = admin.make("one")

    admin.call("POST", "/resource_providers", {"name": "one"}, status=409)
    admin.call("POST", "/resource_providers", {"name": "two", "uuid": provider_id}, status=409)
    other = admin.make("two")
    admin.call("PUT", f"/resource_providers/{other}", {"name": "one"}, status=409)


def test_ordinary_people_see_their_usage_and_nothing_else(
    cloud: PlacementCloud, admin: PlacementClient
) -> None:
    member = cloud.client("a-project", "member")
    admin.allocate(admin.make("one", VCPUS), VCPU=3)

    member.call("GET", "/resource_providers", status=403)
    member.call("POST", "/resource_providers", {"name": "mine"}, status=403)
    member.call("GET", "/allocation_candidates?resources=VCPU:1", status=403)
    assert member.call("GET", "/usages?project_id=a-project")["usages"]["INSTANCE"]["VCPU"] == 3
    member.call("GET", "/usages?project_id=another", status=403)
    assert PlacementClient(cloud.http).get("/placement/resource_providers").status == 401


def test_trees_are_built_moved_and_never_tied_in_a_loop(admin: PlacementClient) -> None:
    root = admin.make("root")
    child = admin.make("child", parent=root)
    leaf = admin.make("leaf", parent=child)
    other = admin.make("other")

    def in_tree(provider_id: str) -> set[str]:
        found = admin.call("GET", f"/resource_providers?in_tree={provider_id}")["resource_providers"]
        return {each["name"] for each in found}

    assert in_tree(leaf) == in_tree(root) == {"root", "child", "leaf"}
    admin.call("DELETE", f"/resource_providers/{root}", status=409)
    move = {"name": "child", "parent_provider_uuid": leaf}
    admin.call("PUT", f"/resource_providers/{child}", move, status=400)
    move = {"name": "child", "parent_provider_uuid": other}
    admin.at("1.36").call("PUT", f"/resource_providers/{child}", move, status=400)
    admin.call("PUT", f"/resource_providers/{child}", move)
    assert in_tree(leaf) == {"other", "child", "leaf"}
    assert in_tree(root) == {"root"}


def test_inventories_are_replaced_together_at_the_generation_seen(admin: PlacementClient) -> None:
    provider_id = admin.make("one")
    path = f"/resource_providers/{provider_id}/inventories"
    body = {
        "resource_provider_generation": 0,
        "inventories": {**VCPUS, "DISK_GB": {"total": 10, "reserved": 1}},
    }

    written = admin.call("PUT", path, body)

    assert written["resource_provider_generation"] == 1
    assert written["inventories"]["VCPU"] == {
        "total": 8, "reserved": 0, "min_unit": 1, "max_unit": 2147483647, "step_size": 1, "allocation_ratio": 1.0
    }  # fmt: skip
    assert admin.call("GET", path) == written
    refused = admin.call("PUT", path, body, status=409)
    assert refused["errors"][0]["code"] == "placement.concurrent_update"
    assert admin.call("GET", path) == written
    admin.call("DELETE", path, status=204)
    assert admin.call("GET", path)["inventories"] == {}


def test_one_inventory_at_a_time(admin: PlacementClient) -> None:
    provider_id = admin.make("one")
    path = f"/resource_providers/{provider_id}/inventories"
    new = {"resource_provider_generation": 0, "resource_class": "VCPU", "total": 4}

    admin.call("POST", path, new, status=201)
    admin.call("POST", path, {**new, "resource_provider_generation": 1}, status=409)
    changed = {"resource_provider_generation": 1, "total": 6}
    assert admin.call("PUT", f"{path}/VCPU", changed)["total"] == 6
    assert admin.call("GET", f"{path}/VCPU")["resource_provider_generation"] == 2
    admin.call("DELETE", f"{path}/VCPU", status=204)
    admin.call("DELETE", f"{path}/VCPU", status=404)
    admin.call("GET", f"{path}/VCPU", status=404)


@pytest.mark.parametrize(
    "inventory",
    [
        {}, {"total": 0}, {"total": "8"}, {"total": 1 << 40}, {"total": 8, "reserved": 9}, {"total": 8, "colour": 1},
        {"total": 8, "allocation_ratio": 0}, {"total": 8, "allocation_ratio": 1e300}, {"total": 8, "min_unit": 0},
        {"total": 8, "step_size": -1}, {"total": True},
    ],
)  # fmt: skip
def test_what_is_no_inventory_is_refused(admin: PlacementClient, inventory: Any) -> None:
    provider_id = admin.make("one")
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": inventory}}

    admin.call("PUT", f"/resource_providers/{provider_id}/inventories", body, status=400)

    assert admin.generation(provider_id) == 0


def test_a_class_must_exist_before_it_is_had(admin: PlacementClient) -> None:
    provider_id = admin.make("one")
    body = {"resource_provider_generation": 0, "inventories": {"CUSTOM_GOLD": {"total": 1}}}
    path = f"/resource_providers/{provider_id}/inventories"

    admin.call("PUT", path, body, status=400)
    admin.call("PUT", "/resource_classes/CUSTOM_GOLD", status=201)
    admin.call("PUT", "/resource_classes/CUSTOM_GOLD", status=204)
    admin.call("POST", "/resource_classes", {"name": "CUSTOM_GOLD"}, status=409)
    admin.call("POST", "/resource_classes", {"name": "GOLD"}, status=400)
    admin.call("PUT", path, body)

    names = [each["name"] for each in admin.call("GET", "/resource_classes")["resource_classes"]]
    assert "CUSTOM_GOLD" in names
    assert "VCPU" in names
    admin.call("DELETE", "/resource_classes/CUSTOM_GOLD", status=409)
    admin.call("DELETE", path, status=204)
    admin.call("DELETE", "/resource_classes/CUSTOM_GOLD", status=204)
    admin.call("DELETE", "/resource_classes/VCPU", status=400)
    admin.call("GET", "/resource_classes/CUSTOM_GOLD", status=404)


def test_traits_are_made_carried_and_removed(admin: PlacementClient) -> None:
    provider_id = admin.make("one")
    path = f"/resource_providers/{provider_id}/traits"
    body = {"traits": ["CUSTOM_A", "HW_CPU_X86_AVX2"], "resource_provider_generation": 0}

    admin.call("PUT", path, body, status=400)
    admin.call("PUT", "/traits/CUSTOM_A", status=201)
    admin.call("PUT", "/traits/CUSTOM_A", status=204)
    admin.call("PUT", "/traits/NOT_CUSTOM", status=400)
    assert admin.call("PUT", path, body)["traits"] == ["CUSTOM_A", "HW_CPU_X86_AVX2"]
    admin.call("PUT", path, body, status=409)

    assert admin.call("GET", "/traits?name=startswith:CUSTOM_")["traits"] == ["CUSTOM_A"]
    assert admin.call("GET", "/traits?name=in:CUSTOM_A,CUSTOM_B")["traits"] == ["CUSTOM_A"]
    assert set(admin.call("GET", "/traits?associated=true")["traits"]) == {"CUSTOM_A", "HW_CPU_X86_AVX2"}
    admin.call("DELETE", "/traits/CUSTOM_A", status=409)
    admin.call("DELETE", path, status=204)
    assert admin.call("GET", path)["traits"] == []
    admin.call("DELETE", "/traits/CUSTOM_A", status=204)
    admin.call("GET", "/traits/CUSTOM_A", status=404)
    admin.call("GET", "/traits/HW_CPU_X86_AVX2", status=204)


def test_aggregates_in_both_forms(admin: PlacementClient) -> None:
    provider_id = admin.make("one", aggregates=(AGGREGATE,))
    path = f"/resource_providers/{provider_id}/aggregates"

    assert admin.call("GET", path) == {"aggregates": [AGGREGATE], "resource_provider_generation": 1}
    assert admin.at("1.18").call("PUT", path, [OTHER_AGGREGATE]) == {"aggregates": [OTHER_AGGREGATE]}
    admin.at("1.18").call("PUT", path, {"aggregates": []}, status=400)
    admin.at("1.18").call("PUT", path, ["x"], status=400)
    admin.call("PUT", path, {"aggregates": [], "resource_provider_generation": 0}, status=409)


def test_providers_are_filtered_by_what_they_have_and_are(admin: PlacementClient) -> None:
    admin.make("big", {"VCPU": {"total": 64}}, traits=("HW_CPU_X86_AVX2",), aggregates=(AGGREGATE,))
    admin.make("small", VCPUS, aggregates=(OTHER_AGGREGATE,))
    admin.make("empty")

    def names(query: str) -> list[str]:
        found = admin.call("GET", f"/resource_providers?{query}")["resource_providers"]
        return sorted(each["name"] for each in found)

    assert names("") == ["big", "empty", "small"]
    assert names("name=small") == ["small"]
    assert names("resources=VCPU:8") == ["big", "small"]
    assert names("resources=VCPU:9") == ["big"]
    assert names("required=HW_CPU_X86_AVX2") == ["big"]
    assert names("required=!HW_CPU_X86_AVX2&resources=VCPU:1") == ["small"]
    assert names(f"member_of=in:{AGGREGATE},{OTHER_AGGREGATE}") == ["big", "small"]
    assert names(f"member_of=!{AGGREGATE}") == ["empty", "small"]
    admin.call("GET", "/resource_providers?colour=red", status=400)
    admin.call("GET", "/resource_providers?resources=GOLD:1", status=400)
    admin.call("GET", "/resource_providers?required=NO_SUCH_TRAIT", status=400)
    admin.at("1.2").call("GET", f"/resource_providers?member_of={AGGREGATE}", status=400)


def test_what_is_held_is_counted_and_protects_its_provider(admin: PlacementClient) -> None:
    provider_id = admin.make("one", VCPUS)
    path = f"/resource_providers/{provider_id}"

    consumer_id = admin.allocate(provider_id, VCPU=5)

    assert admin.call("GET", f"{path}/usages")["usages"] == {"VCPU": 5}
    held = admin.call("GET", f"/allocations/{consumer_id}")
    assert held["allocations"][provider_id]["resources"] == {"VCPU": 5}
    assert held["consumer_generation"] == 1
    assert list(admin.call("GET", f"{path}/allocations")["allocations"]) == [consumer_id]
    admin.call("DELETE", path, status=409)
    admin.call("DELETE", f"{path}/inventories/VCPU", status=409)
    admin.call("DELETE", f"/allocations/{consumer_id}", status=204)
    admin.call("DELETE", f"/allocations/{consumer_id}", status=404)
    assert admin.call("GET", f"/allocations/{consumer_id}") == {"allocations": {}}
    admin.call("DELETE", path, status=204)


def test_no_more_is_held_than_there_is(admin: PlacementClient) -> None:
    inventory = {"total": 8, "reserved": 2, "max_unit": 4, "min_unit": 2, "step_size": 2}
    provider_id = admin.make("one", {"VCPU": inventory})

    for amount in (1, 3, 5, 6):
        admin.allocate(provider_id, VCPU=amount, status=409)
    admin.allocate(provider_id, VCPU=4)
    admin.allocate(provider_id, VCPU=4, status=409)
    admin.allocate(provider_id, VCPU=2)
    admin.allocate(provider_id, DISK_GB=1, status=409)
    admin.allocate(provider_id, GOLD=1, status=400)
    admin.allocate(str(uuid.uuid4()), VCPU=2, status=400)
    assert admin.call("GET", f"/resource_providers/{provider_id}/usages")["usages"] == {"VCPU": 6}


def test_a_consumer_is_changed_at_the_generation_seen(admin: PlacementClient) -> None:
    one, two = admin.make("one", VCPUS), admin.make("two", VCPUS)
    consumer_id = admin.allocate(one, VCPU=8)
    path = f"/allocations/{consumer_id}"

    admin.call("PUT", path, allocation_body({two: {"VCPU": 1}}), status=409)
    move = allocation_body({two: {"VCPU": 8}}, consumer_generation=1)
    admin.call("PUT", path, move, status=204)
    assert list(admin.call("GET", path)["allocations"]) == [two]
    admin.allocate(one, VCPU=8)
    admin.call("PUT", path, move, status=409)
    nothing = allocation_body({}, consumer_generation=2)
    admin.call("PUT", path, nothing, status=204)
    assert admin.call("GET", path) == {"allocations": {}}


def test_several_consumers_change_together_or_not_at_all(admin: PlacementClient) -> None:
    one = admin.make("one", VCPUS)
    first, second = str(uuid.uuid4()), str(uuid.uuid4())

    too_much = {each: allocation_body({one: {"VCPU": 5}}) for each in (first, second)}
    admin.call("POST", "/allocations", too_much, status=409)
    assert admin.call("GET", f"/allocations/{first}") == {"allocations": {}}
    enough = {each: allocation_body({one: {"VCPU": 4}}) for each in (first, second)}
    admin.call("POST", "/allocations", enough, status=204)
    swap = {
        first: allocation_body({}, consumer_generation=1),
        second: allocation_body({one: {"VCPU": 8}}, consumer_generation=1),
    }
    admin.call("POST", "/allocations", swap, status=204)
    assert admin.call("GET", f"/resource_providers/{one}/usages")["usages"] == {"VCPU": 8}


def test_older_forms_of_allocations(admin: PlacementClient) -> None:
    one = admin.make("one", VCPUS)
    path = f"/allocations/{uuid.uuid4()}"
    part = {"resource_provider": {"uuid": one}, "resources": {"VCPU": 2}}

    admin.at("1.0").call("PUT", path, {"allocations": [part]}, status=204)
    admin.at("1.8").call("PUT", path, {"allocations": [part]}, status=400)
    admin.at("1.11").call("PUT", path, {"allocations": [part], "project_id": "p", "user_id": "u"}, status=204)
    admin.at("1.12").call("PUT", path, {"allocations": [part], "project_id": "p", "user_id": "u"}, status=400)
    body = {"allocations": {one: {"resources": {"VCPU": 3}}}, "project_id": "p", "user_id": "u"}
    admin.at("1.12").call("PUT", path, body, status=204)
    admin.at("1.28").call("PUT", path, body, status=400)
    assert set(admin.at("1.12").call("GET", path)) == {"allocations", "project_id", "user_id"}


@pytest.mark.parametrize(
    "change",
    [
        {"project_id": ""}, {"user_id": None}, {"consumer_generation": "1"}, {"consumer_type": "server"},
        {"colour": "red"}, {"allocations": {"x": {}}}, {"allocations": {"x": {"resources": {}}}},
        {"allocations": {"x": {"resources": {"VCPU": 0}}}}, {"allocations": {"x": {"resources": {"VCPU": 1 << 40}}}},
    ],
)  # fmt: skip
def test_what_is_no_allocation_is_refused(admin: PlacementClient, change: dict[str, Any]) -> None:
    one = admin.make("one", VCPUS)
    path = f"/allocations/{uuid.uuid4()}"

    admin.call("PUT", path, allocation_body({one: {"VCPU": 1}}) | change, status=400)
    assert admin.call("GET", path) == {"allocations": {}}
    admin.call("PUT", "/allocations/not-an-id", allocation_body({one: {"VCPU": 1}}), status=400)


def test_usage_is_told_by_project_user_and_type(admin: PlacementClient) -> None:
    one = admin.make("one", VCPUS)
    for user, kind, amount in (("u", "INSTANCE", 1), ("v", "INSTANCE", 2), ("u", "MIGRATION", 4)):
        body = allocation_body({one: {"VCPU": amount}}, user_id=user, consumer_type=kind)
        admin.call("PUT", f"/allocations/{uuid.uuid4()}", body, status=204)

    assert admin.call("GET", "/usages?project_id=a-project")["usages"] == {
        "INSTANCE": {"VCPU": 3, "consumer_count": 2},
        "MIGRATION": {"VCPU": 4, "consumer_count": 1},
    }
    by_user = admin.call("GET", "/usages?project_id=a-project&user_id=u&consumer_type=all")["usages"]
    assert by_user == {"all": {"VCPU": 5, "consumer_count": 2}}
    assert admin.at("1.37").call("GET", "/usages?project_id=a-project")["usages"] == {"VCPU": 7}
    admin.call("GET", "/usages", status=400)


def test_reshaping_is_left_out_by_name(cloud: PlacementCloud, admin: PlacementClient) -> None:
    admin.call("POST", "/reshaper", {}, status=403)
