"""Allocation candidates: lone providers, trees, groups, traits and aggregates."""

from __future__ import annotations

import pytest

from tests.services.placement.conftest import AGGREGATE, OTHER_AGGREGATE, PlacementClient

VCPUS = {"VCPU": {"total": 8}, "MEMORY_MB": {"total": 1024}}


def test_those_with_room_are_answered_emptiest_first(admin: PlacementClient) -> None:
    one, two, three = (admin.make(name, VCPUS) for name in ("one", "two", "three"))
    admin.allocate(one, VCPU=4)
    admin.allocate(three, VCPU=8)

    found = admin.call("GET", "/allocation_candidates?resources=VCPU:2,MEMORY_MB:64")

    assert found["allocation_requests"] == [
        {"allocations": {each: {"resources": {"VCPU": 2, "MEMORY_MB": 64}}}, "mappings": {"": [each]}}
        for each in (two, one)
    ]
    assert found["provider_summaries"][one] == {
        "resources": {"VCPU": {"capacity": 8, "used": 4}, "MEMORY_MB": {"capacity": 1024, "used": 0}},
        "traits": [],
        "parent_provider_uuid": None,
        "root_provider_uuid": one,
    }
    assert admin.candidates("resources=VCPU:2&limit=1") == [{two}]


def test_a_summary_follows_what_is_claimed(admin: PlacementClient) -> None:
    one = admin.make("one", VCPUS)
    query = "/allocation_candidates?resources=VCPU:1"
    assert admin.call("GET", query)["provider_summaries"][one]["resources"]["VCPU"]["used"] == 0

    consumer = admin.allocate(one, VCPU=3)
    assert admin.call("GET", query)["provider_summaries"][one]["resources"]["VCPU"]["used"] == 3
    admin.call("DELETE", f"/allocations/{consumer}", status=204)
    assert admin.call("GET", query)["provider_summaries"][one]["resources"]["VCPU"]["used"] == 0


def test_older_versions_answer_in_older_forms(admin: PlacementClient) -> None:
    one = admin.make("one", VCPUS)
    query = "/allocation_candidates?resources=VCPU:1"

    oldest = admin.at("1.10").call("GET", query)
    assert oldest["allocation_requests"] == [
        {"allocations": [{"resource_provider": {"uuid": one}, "resources": {"VCPU": 1}}]}
    ]
    assert oldest["provider_summaries"] == {one: {"resources": {"VCPU": {"capacity": 8, "used": 0}}}}
    assert set(admin.at("1.33").call("GET", query)["allocation_requests"][0]) == {"allocations"}
    assert "traits" in admin.at("1.17").call("GET", query)["provider_summaries"][one]
    admin.at("1.9").call("GET", query, status=404)


def test_traits_and_aggregates_choose(admin: PlacementClient) -> None:
    avx = admin.make("avx", VCPUS, traits=("HW_CPU_X86_AVX2", "STORAGE_DISK_SSD"), aggregates=(AGGREGATE,))
    ssd = admin.make("ssd", VCPUS, traits=("STORAGE_DISK_SSD",), aggregates=(OTHER_AGGREGATE,))
    plain = admin.make("plain", VCPUS)

    def chosen(query: str) -> list[set[str]]:
        return sorted(admin.candidates(f"resources=VCPU:1&{query}"), key=sorted)

    def those(*ids: str) -> list[set[str]]:
        return sorted([{each} for each in ids], key=sorted)

    assert chosen("required=STORAGE_DISK_SSD") == those(avx, ssd)
    assert chosen("required=STORAGE_DISK_SSD,HW_CPU_X86_AVX2") == those(avx)
    assert chosen("required=STORAGE_DISK_SSD,!HW_CPU_X86_AVX2") == those(ssd)
    assert chosen("required=!STORAGE_DISK_SSD") == those(plain)
    assert chosen("required=in:HW_CPU_X86_AVX2,HW_CPU_X86_AVX") == those(avx)
    assert chosen("root_required=HW_CPU_X86_AVX2") == those(avx)
    assert chosen(f"member_of={AGGREGATE}") == those(avx)
    assert chosen(f"member_of=in:{AGGREGATE},{OTHER_AGGREGATE}") == those(avx, ssd)
    assert chosen(f"member_of={AGGREGATE}&member_of={OTHER_AGGREGATE}") == []
    assert chosen(f"member_of=!in:{AGGREGATE},{OTHER_AGGREGATE}") == those(plain)
    assert chosen(f"in_tree={plain}") == those(plain)


@pytest.mark.parametrize(
    "query",
    [
        "", "resources=", "resources=VCPU", "resources=VCPU:0", "resources=VCPU:x", "resources=VCPU:-1",
        "resources=VCPU:99999999999999999999", "resources=GOLD:1", "resources=VCPU:1&required=NO_SUCH",
        "resources=VCPU:1&required=VCPU,,", "resources=VCPU:1&limit=0", "resources=VCPU:1&limit=x",
        "resources=VCPU:1&member_of=x", "resources=VCPU:1&in_tree=x", "resources=VCPU:1&colour=red",
        "resources=VCPU:1&group_policy=maybe", "resources_A=VCPU:1&resources_B=VCPU:1", "required_A=HW_NUMA_ROOT",
        "resources=VCPU:1&same_subtree=_A", "resources=VCPU:1&required=HW_NUMA_ROOT,!HW_NUMA_ROOT",
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_meant_is_refused(admin: PlacementClient, query: str) -> None:
    admin.call("GET", f"/allocation_candidates?{query}", status=400)


class Tree:
    """A host with two NUMA cells, of which one has a device."""

    def __init__(self, admin: PlacementClient) -> None:
        self.root = admin.make("root", {"DISK_GB": {"total": 100}}, aggregates=(AGGREGATE,))
        self.cells = [
            admin.make(f"cell-{n}", VCPUS, parent=self.root, traits=("HW_NUMA_ROOT",)) for n in range(2)
        ]
        self.device = admin.make("device", {"VGPU": {"total": 1}}, parent=self.cells[1])


@pytest.fixture
def tree(admin: PlacementClient) -> Tree:
    return Tree(admin)


def test_a_tree_gives_each_class_from_where_it_is(admin: PlacementClient, tree: Tree) -> None:
    found = admin.call("GET", "/allocation_candidates?resources=VCPU:8,DISK_GB:10")

    requests = [each["allocations"] for each in found["allocation_requests"]]
    expected = [
        {cell: {"resources": {"VCPU": 8}}, tree.root: {"resources": {"DISK_GB": 10}}} for cell in tree.cells
    ]
    assert sorted(requests, key=repr) == sorted(expected, key=repr)
    assert set(found["provider_summaries"]) == {tree.root, *tree.cells, tree.device}
    assert found["provider_summaries"][tree.device]["root_provider_uuid"] == tree.root
    assert admin.candidates("resources=VCPU:9") == []


def test_numbered_groups_come_each_from_one_provider(admin: PlacementClient, tree: Tree) -> None:
    both = "resources_A=VCPU:4&resources_B=VCPU:4"

    anywhere = admin.candidates(f"{both}&group_policy=none")
    apart = admin.candidates(f"{both}&group_policy=isolate")

    assert sorted(map(len, anywhere)) == [1, 1, 2, 2]
    assert apart == [set(tree.cells)] * 2
    assert (
        admin.candidates("resources_A=VCPU:5&resources_B=VCPU:5&group_policy=none") == [set(tree.cells)] * 2
    )
    assert admin.candidates("resources_A=VCPU:1,DISK_GB:1") == []
    found = admin.call("GET", "/allocation_candidates?resources=DISK_GB:1&resources_A=VGPU:1")
    assert found["allocation_requests"][0]["mappings"] == {"": [tree.root], "_A": [tree.device]}


def test_groups_of_one_subtree(admin: PlacementClient, tree: Tree) -> None:
    near = "resources_CELL=VCPU:1&resources_GPU=VGPU:1&group_policy=none"

    assert len(admin.candidates(near)) == 2
    assert admin.candidates(f"{near}&same_subtree=_CELL,_GPU") == [{tree.cells[1], tree.device}]
    with_nothing = "resources_GPU=VGPU:1&required_CELL=HW_NUMA_ROOT&same_subtree=_CELL,_GPU"
    found = admin.call("GET", f"/allocation_candidates?{with_nothing}")
    assert [each["mappings"] for each in found["allocation_requests"]] == [
        {"_CELL": [tree.cells[1]], "_GPU": [tree.device]}
    ]


def test_a_tree_is_where_its_root_is(admin: PlacementClient, tree: Tree) -> None:
    assert len(admin.candidates(f"resources=VCPU:1&member_of={AGGREGATE}")) == 2
    assert admin.candidates(f"resources_A=VCPU:1&member_of_A={AGGREGATE}") == []
    assert admin.candidates(f"resources=VCPU:1&member_of={OTHER_AGGREGATE}") == []
    assert admin.candidates("resources=VCPU:1&root_required=HW_NUMA_ROOT") == []
    assert len(admin.candidates("resources=VCPU:1&root_required=!HW_NUMA_ROOT")) == 2


def test_a_lone_provider_may_serve_all_groups(admin: PlacementClient) -> None:
    one = admin.make("one", VCPUS)

    assert admin.candidates(
        "resources=MEMORY_MB:64&resources1=VCPU:4&resources2=VCPU:4&group_policy=none"
    ) == [{one}]
    assert admin.candidates("resources1=VCPU:4&resources2=VCPU:5&group_policy=none") == []
    assert admin.candidates("resources1=VCPU:1&resources2=VCPU:1&group_policy=isolate") == []
