"""Limits over the whole cloud: whatever way they were set, and wherever in the tree of projects something is spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nacre.kernel.database import Reader
from tests.support.asgi import AsgiClient, Reply
from tests.support.cloud import FakeCloud

V3 = "/identity/v3"
COMPUTE, NETWORKS, IMAGES = "/compute/v2.1", "/networking/v2.0", "/image/v2"
OCTETS = {"Content-Type": "application/octet-stream"}
MIB = 1 << 20


class Tree:
    """A lab with two groups, each with two people, as projects of three levels; and something to spend."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.cloud = cloud
        self.admin = cloud.client("admin")
        self.ids = {"default": "default"}
        for line in ("lab", "lab/one", "lab/one/ada", "lab/one/bob", "lab/two", "lab/two/cid", "apart"):
            above, _, name = f"default/{line}".rpartition("/")
            self.ids[name] = self.make_project(name, self.ids[above.rpartition("/")[2]])
        self._clients: dict[str, AsgiClient] = {}
        flavor = {"name": "small", "ram": 64, "vcpus": 2, "disk": 1}
        self.flavor = self.admin.post(f"{COMPUTE}/flavors", json={"flavor": flavor}).json["flavor"]["id"]
        image = {
            "name": "raw",
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "public",
        }
        self.image = self.admin.post(f"{IMAGES}/images", json=image).json["id"]
        path = f"{IMAGES}/images/{self.image}/file"
        assert self.admin.put(path, body=b"\0" * 4096, headers=OCTETS).status == 204

    def make_project(self, name: str, parent_id: str) -> str:
        """A project in which the admin is a member as well."""
        reply = self.admin.post(f"{V3}/projects", json={"project": {"name": name, "parent_id": parent_id}})
        assert reply.status == 201, reply
        project_id = str(reply.json["project"]["id"])
        (user,) = self.admin.get(f"{V3}/users?name=admin").json["users"]
        (role,) = self.admin.get(f"{V3}/roles?name=admin").json["roles"]
        path = f"{V3}/projects/{project_id}/users/{user['id']}/roles/{role['id']}"
        assert self.admin.put(path).status == 204
        return project_id

    def of(self, name: str) -> AsgiClient:
        """Somebody who works in a project."""
        if name not in self._clients:
            self._clients[name] = self.cloud.client("admin", project=name)
        return self._clients[name]

    # -- limits ------------------------------------------------------------------------------------------------

    def kind(self, resource: str) -> dict[str, Any]:
        (kind,) = self.admin.get(f"{V3}/registered_limits?resource_name={resource}").json["registered_limits"]
        return dict(kind)

    def limit(self, name: str, resource: str, amount: int) -> str:
        """Limit a project, or the domain; the path of the limit."""
        whose = "domain_id" if name == "default" else "project_id"
        kind = {key: self.kind(resource)[key] for key in ("service_id", "resource_name")}
        ask = {**kind, whose: self.ids[name], "resource_limit": amount}
        reply = self.admin.post(f"{V3}/limits", json={"limits": [ask]})
        assert reply.status == 201, reply
        return f"{V3}/limits/{reply.json['limits'][0]['id']}"

    def usage(self, name: str, resource: str) -> tuple[int, int, int]:
        """Limit, own use, use of the subtree."""
        reply = self.admin.get(f"{V3}/nacre/projects/{self.ids[name]}/usage")
        assert reply.status == 200, reply
        (use,) = [each for each in reply.json["usage"]["resources"] if each["resource_name"] == resource]
        return use["limit"], use["own"], use["subtree"]

    # -- spending ----------------------------------------------------------------------------------------------

    def server(self, name: str, **more: Any) -> Reply:
        ask = {"name": "s", "flavorRef": self.flavor, "imageRef": self.image, "networks": "none", **more}
        return self.of(name).post(
            f"{COMPUTE}/servers", json={"server": ask}, headers={"OpenStack-API-Version": "compute 2.96"}
        )

    def network(self, name: str) -> Reply:
        return self.of(name).post(f"{NETWORKS}/networks", json={"network": {"name": "n"}})

    def an_image(self, name: str) -> Reply:
        image = {"name": "i", "disk_format": "raw", "container_format": "bare"}
        return self.of(name).post(f"{IMAGES}/images", json=image)

    def upload(self, name: str, size_bytes: int) -> Reply:
        image_id = self.an_image(name).json["id"]
        path = f"{IMAGES}/images/{image_id}/file"
        return self.of(name).put(path, body=b"\0" * size_bytes, headers=OCTETS)

    def move(self, name: str, parent: str) -> Reply:
        ask = {"project": {"parent_id": self.ids[parent]}}
        return self.admin.patch(f"{V3}/projects/{self.ids[name]}", json=ask)


@pytest.fixture
def tree(tmp_path: Path, database_url: str) -> Iterator[Tree]:
    """On both databases."""
    tree = Tree(FakeCloud(tmp_path, database_url=database_url))
    yield tree
    tree.cloud.close()


def at_once(work: Callable[[int], Reply], times: int) -> list[int]:
    with ThreadPoolExecutor(times) as threads:
        return sorted(reply.status for reply in threads.map(work, range(times)))


Spend = Callable[[Tree, str], Reply]
SPENDING: dict[str, tuple[str, Spend, int, int]] = {
    "servers": ("servers", Tree.server, 202, 403),
    "networks": ("network", Tree.network, 201, 409),
    "images": ("image_count_total", Tree.an_image, 201, 413),
}
"""What is limited, how one is spent, and the answers when there is room and when there is none."""


@pytest.fixture(params=SPENDING)
def spending(request: pytest.FixtureRequest) -> tuple[str, Spend, int, int]:
    return SPENDING[request.param]


def test_a_limit_bounds_all_below_a_project_and_the_refusal_says_whose_it_is(tree: Tree, spending):
    resource, spend, yes, no = spending
    tree.limit("lab", resource, 3)

    assert spend(tree, "ada").status == yes
    assert spend(tree, "cid").status == yes
    assert spend(tree, "lab").status == yes
    refused = spend(tree, "bob")

    assert refused.status == no
    for word in (tree.ids["lab"], "3", "1"):
        assert word in str(refused.json), refused
    assert spend(tree, "apart").status == yes
    assert tree.usage("lab", resource) == (3, 1, 3)
    assert tree.usage("one", resource)[1:] == (0, 1)
    assert tree.usage("bob", resource)[1:] == (0, 0)


def test_every_limit_above_is_honoured_and_the_nearest_may_be_the_tighter(tree: Tree):
    resource, spend, yes, no = SPENDING["networks"]
    tree.limit("lab", resource, 3)
    tree.limit("one", resource, 1)
    tree.limit("ada", resource, 9)

    assert spend(tree, "bob").status == yes
    refused = spend(tree, "ada")
    assert refused.status == no
    assert tree.ids["one"] in str(refused.json)
    assert [spend(tree, "cid").status for _ in range(3)] == [yes, yes, no]


def test_a_domain_is_bounded_like_any_node(tree: Tree):
    resource, spend, yes, no = SPENDING["networks"]
    used = tree.usage("default", resource)[2]
    tree.limit("default", resource, used + 2)

    assert [spend(tree, name).status for name in ("ada", "apart", "cid")] == [yes, yes, no]


def test_a_default_bounds_each_project_by_itself(tree: Tree):
    resource, spend, yes, no = SPENDING["networks"]
    kind = tree.kind(resource)
    ask = {"registered_limit": {"default_limit": 1}}
    assert tree.admin.patch(f"{V3}/registered_limits/{kind['id']}", json=ask).status == 200

    assert [spend(tree, name).status for name in ("ada", "ada", "one", "one", "bob")] == [
        yes,
        no,
        yes,
        no,
        yes,
    ]
    tree.limit("ada", resource, -1)
    assert [spend(tree, "ada").status for _ in range(2)] == [yes, yes]


def test_what_a_change_of_limits_gives_or_takes_counts_at_once(tree: Tree):
    resource, spend, yes, no = SPENDING["networks"]
    path = tree.limit("one", resource, 1)

    assert [spend(tree, "ada").status, spend(tree, "bob").status] == [yes, no]
    tree.admin.patch(path, json={"limit": {"resource_limit": 2}})
    assert [spend(tree, "bob").status, spend(tree, "bob").status] == [yes, no]
    tree.admin.delete(path)
    assert spend(tree, "bob").status == yes
    tree.limit("one", resource, 0)
    assert spend(tree, "ada").status == no


def test_of_many_who_race_for_the_last_unit_of_a_parent_one_wins(tree: Tree, spending):
    resource, spend, yes, no = spending
    names = ["ada", "bob", "cid", "lab"]
    for name in names:
        tree.of(name)
    tree.limit("lab", resource, 1)

    assert at_once(lambda number: spend(tree, names[number]), 4) == sorted([yes, no, no, no])
    assert tree.usage("lab", resource)[2] == 1


@pytest.mark.parametrize("order", [("ada", "cid"), ("cid", "ada")])
def test_whoever_comes_first_gets_the_last_unit(tree: Tree, order):
    resource, spend, yes, no = SPENDING["networks"]
    tree.limit("lab", resource, 1)

    assert [spend(tree, name).status for name in order] == [yes, no]


def test_deleting_gives_room_at_once(tree: Tree):
    for resource in ("servers", "network", "image_count_total"):
        tree.limit("lab", resource, 1)
    server = f"{COMPUTE}/servers/{tree.server('ada').json['server']['id']}"
    network = f"{NETWORKS}/networks/{tree.network('ada').json['network']['id']}"
    image = f"{IMAGES}/images/{tree.an_image('ada').json['id']}"
    tree.cloud.settle()

    for path, spend in ((server, tree.server), (network, tree.network), (image, tree.an_image)):
        assert spend("cid").status in (403, 409, 413)
        assert tree.of("ada").delete(path).status == 204
        assert spend("cid").status in (201, 202)


def test_a_project_moves_unless_that_breaks_a_limit_above_its_new_place(tree: Tree):
    resource, spend, yes, no = SPENDING["networks"]
    tree.limit("two", resource, 2)
    assert [spend(tree, name).status for name in ("ada", "bob", "cid")] == [yes] * 3

    assert tree.move("one", "two").status == 403
    assert tree.move("one", "ada").status == 403
    assert tree.move("ada", "two").status == 200

    assert tree.usage("one", resource)[2] == 1
    assert tree.usage("two", resource) == (2, 0, 2)
    assert spend(tree, "ada").status == no
    assert spend(tree, "bob").status == yes
    assert tree.move("ada", "one").status == 200
    assert spend(tree, "cid").status == yes


def test_a_move_and_those_who_spend_meanwhile_never_break_a_limit_together(tree: Tree):
    resource, spend, *_ = SPENDING["networks"]
    tree.of("ada"), tree.of("cid")
    tree.limit("two", resource, 2)
    spend(tree, "ada")
    work = [
        lambda: tree.move("ada", "two"),
        lambda: spend(tree, "ada"),
        lambda: spend(tree, "cid"),
        lambda: spend(tree, "cid"),
    ]

    at_once(lambda number: work[number](), 4)

    limit, _, used = tree.usage("two", resource)
    assert used <= limit


def test_old_and_new_ways_to_limit_are_the_same_rows(tree: Tree):
    lab = tree.ids["lab"]
    quotas, networks = f"{COMPUTE}/os-quota-sets/{lab}", f"{NETWORKS}/quotas/{lab}"
    path = tree.limit("lab", "servers", 4)

    assert tree.admin.get(quotas).json["quota_set"]["instances"] == 4
    assert tree.admin.put(quotas, json={"quota_set": {"instances": 6, "ram": 640}}).status == 200
    assert tree.admin.get(path).json["limit"]["resource_limit"] == 6
    assert tree.admin.put(networks, json={"quota": {"port": 7}}).json["quota"]["port"] == 7
    own = tree.admin.get(f"{V3}/limits?project_id={lab}").json["limits"]
    assert {each["resource_name"]: each["resource_limit"] for each in own} == {
        "servers": 6,
        "class:MEMORY_MB": 640,
        "port": 7,
    }

    kind = tree.kind("class:VCPU")
    defaults = {"quota_class_set": {"cores": 33}}
    assert tree.admin.put(f"{COMPUTE}/os-quota-class-sets/default", json=defaults).status == 200
    shown = tree.admin.get(f"{V3}/registered_limits/{kind['id']}").json["registered_limit"]
    assert shown["default_limit"] == 33
    assert tree.admin.get(f"{COMPUTE}/os-quota-sets/{tree.ids['ada']}").json["quota_set"]["cores"] == 33

    assert tree.admin.delete(quotas).status == 202
    assert tree.admin.delete(networks).status == 204
    assert tree.admin.get(f"{V3}/limits?project_id={lab}").json["limits"] == []
    assert tree.admin.get(quotas).json["quota_set"]["instances"] == 10


def test_a_quota_below_what_the_subtree_uses_is_refused_unless_forced(tree: Tree):
    assert tree.server("ada").status == tree.server("bob").status == 202
    path = f"{COMPUTE}/os-quota-sets/{tree.ids['lab']}"

    assert tree.admin.put(path, json={"quota_set": {"instances": 1}}).status == 400
    assert tree.admin.put(path, json={"quota_set": {"instances": 1, "force": True}}).status == 200
    assert tree.server("cid").status == 403


def test_every_view_of_usage_tells_the_same_sums(tree: Tree):
    assert tree.server("one").status == tree.server("ada").status == 202
    assert tree.network("ada").status == 201
    one, ada = tree.of("one"), tree.of("ada")

    absolute = one.get(f"{COMPUTE}/limits").json["limits"]["absolute"]
    assert (absolute["totalInstancesUsed"], absolute["totalCoresUsed"], absolute["totalRAMUsed"]) == (
        1,
        2,
        64,
    )
    detail = one.get(f"{COMPUTE}/os-quota-sets/{tree.ids['one']}/detail").json["quota_set"]
    assert detail["cores"] == {"limit": 20, "in_use": 2, "reserved": 0}
    details = ada.get(f"{NETWORKS}/quotas/{tree.ids['ada']}/details.json").json["quota"]
    assert details["network"] == {"limit": 500, "used": 1, "reserved": 0}
    assert tree.usage("one", "class:VCPU") == (20, 2, 4)
    assert tree.usage("one", "class:MEMORY_MB") == (51200, 64, 128)
    assert tree.usage("one", "class:DISK_GB") == (-1, 1, 2)
    assert tree.usage("lab", "network") == (500, 0, 1)


def test_whoever_manages_a_project_sees_its_subtree_and_a_stranger_nothing(tree: Tree):
    demo = tree.cloud.client("demo")
    project_id = demo.get(f"{V3}/auth/projects").json["projects"][0]["id"]

    assert demo.get(f"{V3}/nacre/projects/{project_id}/usage").status == 200
    assert demo.get(f"{V3}/nacre/projects/{tree.ids['lab']}/usage").status == 403
    assert demo.get(f"{V3}/nacre/projects/{'0' * 32}/usage").status == 403
    assert tree.admin.get(f"{V3}/nacre/projects/{'0' * 32}/usage").status == 404

    (user,) = tree.admin.get(f"{V3}/users?name=demo").json["users"]
    (manager,) = tree.admin.get(f"{V3}/roles?name=manager").json["roles"]
    path = f"{V3}/projects/{tree.ids['one']}/users/{user['id']}/roles/{manager['id']}"
    assert tree.admin.put(path).status == 204
    leader = tree.cloud.client("demo", project="one")
    for name, status in (("one", 200), ("ada", 200), ("lab", 403), ("cid", 403)):
        assert leader.get(f"{V3}/nacre/projects/{tree.ids[name]}/usage").status == status, name


def test_any_resource_class_is_limited_and_unlimited_until_a_site_says_so(tree: Tree):
    specs = {"extra_specs": {"resources:CUSTOM_FPGA": "2"}}
    path = f"{COMPUTE}/flavors/{tree.flavor}/os-extra_specs"
    assert tree.admin.post(path, json=specs).status == 200
    service_id = tree.kind("servers")["service_id"]
    kind = {"service_id": service_id, "resource_name": "class:CUSTOM_FPGA", "default_limit": -1}
    assert tree.server("ada").status == 202
    assert tree.admin.post(f"{V3}/registered_limits", json={"registered_limits": [kind]}).status == 201
    tree.limit("lab", "class:CUSTOM_FPGA", 5)
    tree.limit("two", "class:DISK_GB", 1)

    assert tree.server("bob").status == 202
    refused = tree.server("ada")
    assert refused.status == 403
    assert "Quota exceeded for class:CUSTOM_FPGA: Requested 2, but already used 4 of 5" in str(refused.json)
    assert tree.usage("lab", "class:CUSTOM_FPGA") == (5, 0, 4)
    for spec in ("resources:CUSTOM_FPGA",):
        assert tree.admin.delete(f"{path}/{spec}").status in (200, 202, 204)
    assert tree.server("cid").status == 202
    full = tree.server("cid")
    assert full.status == 403
    assert "class:DISK_GB" in str(full.json)


def test_the_content_of_images_is_weighed_whether_its_size_was_announced_or_not(tree: Tree):
    tree.limit("one", "image_size_total", 2)
    tree.limit("ada", "image_count_uploading", 0)

    assert tree.upload("bob", 2 * MIB + 1).status == 413
    assert tree.upload("ada", 1).status == 413
    assert tree.upload("bob", MIB + 1).status == 204
    assert tree.upload("bob", MIB).status == 413
    assert tree.upload("bob", MIB - 1).status == 204
    full = tree.upload("bob", 1)

    assert full.status == 413
    assert tree.ids["one"] in full.body.decode()
    usage = tree.of("bob").get(f"{IMAGES}/info/usage").json["usage"]
    assert usage["image_size_total"] == {"usage": 2, "limit": -1}
    assert usage["image_count_total"]["usage"] == 5
    assert usage["image_count_uploading"] == {"usage": 0, "limit": -1}
    assert set(usage) == {
        "image_size_total",
        "image_count_total",
        "image_stage_total",
        "image_count_uploading",
    }
    assert tree.usage("one", "image_size_total") == (2, 0, 2)


def test_what_the_services_count_is_registered_once_and_stays_as_the_site_changes_it(tree: Tree):
    kind = tree.kind("servers")
    path = f"{V3}/registered_limits"
    tree.admin.patch(f"{path}/{kind['id']}", json={"registered_limit": {"default_limit": 3}})
    gone = tree.kind("router")
    assert tree.admin.delete(f"{path}/{gone['id']}").status == 204
    before = tree.admin.get(path).json["registered_limits"]

    tree.cloud = tree.cloud.restart()

    assert tree.cloud.client("admin").get(path).json["registered_limits"] == before
    assert (
        tree.cloud.client("admin").get(f"{NETWORKS}/quotas/{tree.ids['lab']}").json["quota"]["router"] == 100
    )


def test_a_deep_tree_costs_one_statement_more_however_many_limits_it_has(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
):
    spent = 0
    run = Reader._run

    def counted(reader: Reader, statement: Any, parameters: Any) -> Any:
        nonlocal spent
        spent += "pg_advisory" not in str(statement)
        return run(reader, statement, parameters)

    def cost() -> int:
        nonlocal spent
        spent = 0
        assert tree.network("ada").status == 201
        return spent

    monkeypatch.setattr(Reader, "_run", counted)

    def settled_cost() -> int:
        """The second time: after each change, whoever calls is looked up afresh."""
        cost()
        return cost()

    flat = settled_cost()
    tree.limit("ada", "network", 50)
    assert settled_cost() == flat
    for name in ("one", "lab", "default"):
        tree.limit(name, "network", 50)
    assert settled_cost() == flat + 1
