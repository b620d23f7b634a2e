"""What all lists and bodies have in common: filters, fields, order, pages, tags, quotas, strictness."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from nacre.kernel.events import Actor
from nacre.network.api.routes import ROUTES
from tests.services.network.conftest import problem
from tests.services.network.test_ndp_proxies import Scene as NdpProxyScene


def names(demo, query):
    return [each["name"] for each in demo.find(f"/networks?{query}")]


@pytest.fixture
def three(demo):
    return [demo.make("network", name=name, admin_state_up=name != "b") for name in ("a", "b", "c")]


def test_a_filter_named_twice_means_either(demo, three):
    assert names(demo, "name=a&name=c&sort_key=name") == ["a", "c"]
    assert names(demo, f"id={three[1]['id']}") == ["b"]
    assert names(demo, "admin_state_up=False") == ["b"]
    assert names(demo, "name=a&admin_state_up=false") == []
    assert names(demo, "status=ACTIVE&sort_key=name") == ["a", "b", "c"]
    assert names(demo, "status=DOWN") == []
    assert names(demo, "project_id=demo&tenant_id=demo&router:external=False&sort_key=name") == [
        "a",
        "b",
        "c",
    ]
    assert names(demo, "shared=True") == []


def test_a_filter_that_does_not_exist_is_refused(demo, three):
    assert problem(demo.get("/networks?colour=blue")) == (400, "InvalidInput")
    assert problem(demo.get("/networks?admin_state_up=perhaps")) == (400, "HTTPBadRequest")
    assert problem(demo.get("/networks?mtu=many")) == (400, "HTTPBadRequest")
    assert problem(demo.get("/networks?sort_key=colour")) == (400, "HTTPBadRequest")
    assert problem(demo.get("/networks?limit=-1")) == (400, "HTTPBadRequest")
    assert problem(demo.get("/networks?changed_since=yesterday")) == (400, "HTTPBadRequest")


def test_only_the_fields_asked_for_are_shown(demo, three):
    assert demo.find("/networks?fields=name&fields=mtu&name=a") == [{"name": "a", "mtu": 1442}]
    assert demo.get(f"/networks/{three[0]['id']}?fields=id").json == {"network": {"id": three[0]["id"]}}


def test_lists_are_sorted_by_several_keys(demo, three):
    assert names(demo, "sort_key=name&sort_dir=desc") == ["c", "b", "a"]
    query = "sort_key=admin_state_up&sort_key=name&sort_dir=asc&sort_dir=desc"
    assert names(demo, query) == ["b", "c", "a"]


def follow(demo, reply, rel):
    (href,) = [link["href"] for link in reply.json["networks_links"] if link["rel"] == rel]
    parts = urlsplit(href)
    return demo.get(f"{parts.path}?{parts.query}")


def test_pages_follow_each_other_in_both_directions(demo):
    for name in "abcde":
        demo.make("network", name=name)

    def shown(reply):
        return [each["name"] for each in reply.json["networks"]]

    first = demo.get("/networks?limit=2&sort_key=name")
    second = follow(demo, first, "next")
    third = follow(demo, second, "next")
    back = follow(demo, second, "previous")

    assert (shown(first), shown(second), shown(third)) == (["a", "b"], ["c", "d"], ["e"])
    assert [link["rel"] for link in third.json["networks_links"]] == ["previous"]
    assert shown(back) == ["a", "b"]
    last = demo.get("/networks?limit=5&sort_key=name")
    beyond = follow(demo, last, "next")
    assert beyond.json["networks"] == []
    assert [link["rel"] for link in beyond.json["networks_links"]] == ["previous"]
    assert shown(follow(demo, beyond, "previous")) == list("abcde")
    assert "networks_links" not in demo.get("/networks").json
    assert len(demo.get("/networks?limit=0").json["networks"]) == 5


def test_tags_are_put_asked_for_and_taken(demo, three):
    one, two, _ = (f"/networks/{each['id']}/tags" for each in three)
    assert demo.put(one, json={"tags": ["red", "blue", "red"]}).json == {"tags": ["red", "blue"]}
    assert demo.put(f"{two}/red").status == 201
    assert demo.put(f"{two}/red").status == 201

    assert names(demo, "tags=red&sort_key=name") == ["a", "b"]
    assert names(demo, "tags=red,blue") == ["a"]
    assert names(demo, "tags-any=red,blue&sort_key=name") == ["a", "b"]
    assert names(demo, "not-tags=red") == ["c"]
    assert names(demo, "not-tags-any=blue&sort_key=name") == ["b", "c"]
    assert names(demo, "tags=re") == []
    assert demo.get(f"{two}/red").status == 204
    assert problem(demo.get(f"{two}/blue")) == (404, "TagNotFound")
    assert problem(demo.delete(f"{two}/blue")) == (404, "TagNotFound")
    assert demo.delete(one).status == 204
    assert demo.get(one).json == {"tags": []}
    assert problem(demo.put(one, json={"tags": ["x" * 256]}))[0] == 400
    assert problem(demo.put(one, json={"tags": "red"}))[0] == 400


def test_tags_with_quotes_and_wildcards_are_only_themselves(demo, three):
    path = f"/networks/{three[0]['id']}/tags"
    demo.put(path, json={"tags": ['a"b', "100%", "Groß"]})

    assert names(demo, "tags=100%25") == ["a"]
    assert names(demo, 'tags=a"b') == ["a"]
    assert names(demo, "tags=Gro%C3%9F") == ["a"]
    assert names(demo, "tags=100_") == []
    assert names(demo, "tags=gro%C3%9F") == []


def test_quotas_bound_what_a_project_makes_and_only_that(cloud, demo, admin, stranger):
    assert problem(demo.put("/quotas/demo", json={"quota": {"network": 9}})) == (403, "PolicyNotAuthorized")
    assert problem(demo.get("/quotas/stranger")) == (403, "PolicyNotAuthorized")
    assert problem(admin.put("/quotas/demo", json={"quota": {"colour": 1}}))[0] == 400
    assert problem(admin.put("/quotas/demo", json={"quota": {"network": "many"}}))[0] == 400

    reply = admin.put("/quotas/demo", json={"quota": {"network": 1, "port": 2}})
    assert reply.json["quota"]["network"] == 1
    net, _ = demo.make_network()
    assert demo.refused("network") == (409, "OverQuota")
    assert problem(demo.post("/ports", json={"ports": [{"network_id": net["id"]}] * 3})) == (409, "OverQuota")
    assert demo.find(f"/ports?network_id={net['id']}&device_owner=") == []
    assert demo.post("/ports", json={"ports": [{"network_id": net["id"]}] * 2}).status == 201
    assert stranger.make("network")

    details = demo.get("/quotas/demo/details").json["quota"]
    assert details["port"] == {"limit": 2, "used": 2, "reserved": 0}
    assert [each["project_id"] for each in admin.find("/quotas")] == ["demo"]
    below = {"network": 0, "check_limit": True}
    assert problem(admin.put("/quotas/demo", json={"quota": below})) == (400, "InvalidQuotaValue")
    assert problem(admin.put("/quotas/demo", json={"quota": {"network": 0, "force": "no"}}))[0] == 400
    assert admin.put("/quotas/demo", json={"quota": {"network": 0}}).json["quota"]["network"] == 0
    assert admin.put("/quotas/demo", json={"quota": {"network": 1, "check_limit": True}}).status == 200
    assert admin.put("/quotas/demo", json={"quota": {"check_limit": "perhaps"}}).status == 400
    assert admin.delete("/quotas/demo").status == 204
    defaults = demo.get("/quotas/demo/default").json
    assert demo.get("/quotas/demo").json == defaults


BODIES = (
    b"",
    b"[]",
    b"{",
    b"{}",
    b'{"network": []}',
    b'{"network": {}, "more": 1}',
    b'{"networks": []}',
    b'{"networks": [1]}',
    b'{"network": {"name": "\\u0000"}}',
    b'{"network": {"name": "\\ud800"}}',
    b'{"network": {"mtu": 1e400}}',
    b'{"network": {"mtu": 99999999999999999999999999}}',
    b'{"network": {"mtu": true}}',
    b'{"network": ' * 150,
)


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_malformed_bodies_are_refused_in_the_apis_own_shape(demo, body):
    reply = demo.post("/networks", body=body, headers={"Content-Type": "application/json"})

    assert reply.status == 400
    assert set(json.loads(reply.body)["NeutronError"]) == {"type", "message", "detail"}
    assert demo.find("/networks") == []


def test_a_list_of_any_noun_costs_the_same_however_long(cloud, demo):
    """Statements are counted by the kernel's own metric; none may depend on the number of objects."""
    from nacre.kernel.http.app import STATEMENTS

    def cost(path):
        counter = STATEMENTS.labels("network", "GET", f"/v2.0{path}")
        before = counter._value.get()
        demo.find(path)
        return counter._value.get() - before

    lists = ("/networks", "/subnets", "/ports", "/routers", "/security-groups", "/security-group-rules")
    outside, _ = cloud.outside()
    net, _ = demo.make_network()
    demo.make("port", network_id=net["id"])
    demo.make("router", external_gateway_info={"network_id": outside["id"]})
    few = [cost(path) for path in lists]
    for n in range(5):
        demo.make_network(f"10.{n}.0.0/24")
        demo.make("port", network_id=net["id"])
        demo.make("router", external_gateway_info={"network_id": outside["id"]})
        demo.make("security_group", name=f"g{n}")

    assert [cost(path) for path in lists] == few
    # A port's addresses and groups, what its network passes on to it, and the trunk it carries.
    assert max(few) <= 5


def test_every_attribute_that_is_shown_is_declared_and_the_reverse(cloud, demo, admin):
    with cloud.database.write(Actor("test")) as tx:
        cloud.networks.hear_hosts(tx, ["host-1"])
    outside, _ = cloud.outside()
    net, subnet = demo.make_network()
    group = demo.make("security_group", name="web")
    made = {
        "network": net,
        "subnet": subnet,
        "port": demo.make("port", network_id=net["id"]),
        "router": demo.make("router"),
        "floatingip": demo.make("floatingip", floating_network_id=outside["id"]),
        "security_group": group,
        "security_group_rule": group["security_group_rules"][0],
        "subnetpool": demo.make("subnetpool", name="p", prefixes=["10.8.0.0/24"]),
        "address_scope": demo.make("address_scope", name="a", ip_version=4),
        "address_group": demo.make("address_group", name="a"),
        "rbac_policy": demo.make(
            "rbac_policy",
            object_type="network",
            object_id=net["id"],
            action="access_as_shared",
            target_tenant="other",
        ),
        "policy": admin.make("policy", name="calm"),
        "default_security_group_rule": admin.find("/default-security-group-rules")[0],
        "security_groups_default_statefulness": admin.post(
            "/security-groups-default-statefulness",
            json={"security_groups_default_statefulness": {"stateful": True}},
        ).json["security_groups_default_statefulness"],
        "trunk": demo.make("trunk", port_id=demo.make("port", network_id=net["id"])["id"]),
        "local_ip": demo.make("local_ip", network_id=net["id"]),
        "ndp_proxy": NdpProxyScene(cloud).proxy().json["ndp_proxy"],
        "metering_label": (label := admin.make("metering_label", name="out")),
        "metering_label_rule": admin.make(
            "metering_label_rule", metering_label_id=label["id"], remote_ip_prefix="10.0.0.0/24"
        ),
        "agent": admin.find("/agents")[0],
        "segment": admin.find("/segments")[0],
        "network_segment_range": admin.find("/network-segment-ranges")[0],
        "network_ip_availability": {"id": net["id"]},
        "flavor": admin.make("flavor", service_type="L3_ROUTER_NAT"),
        "service_profile": admin.post("/service_profiles", json={"service_profile": {"driver": "d"}}).json[
            "service_profile"
        ],
    }
    nouns = {
        route.handler.__self__.name: route.handler.__self__
        for route in ROUTES
        if route.handler.__name__ == "index" and hasattr(getattr(route.handler, "__self__", None), "shelf")
    }
    only_said = {
        # Said of networks on several wires alone, and then instead of the provider's attributes.
        "network": {"segments"},
        "subnet": {"use_default_subnetpool", "prefixlen"},
        # Of ports that carry others alone.
        "port": {"trunk_details"},
        "floatingip": {"subnet_id"},
        "rbac_policy": {"target_project"},
        # The network's own words for its id; lists are in their order.
        "network_ip_availability": {"id"},
    }

    del nouns["floatingip_pool"]  # A list of subnets that can be shown by themselves.
    assert nouns.keys() == made.keys()
    for name, noun in nouns.items():
        shown = set(admin.show(name, made[name]))
        assert shown | only_said.get(name, set()) == set(noun.known), name


def test_the_extensions_the_zones_and_the_versions_are_told(demo):
    aliases = {each["alias"] for each in demo.find("/extensions")}
    assert {"router", "security-group", "external-net", "quotas", "standard-attr-tag"} <= aliases
    assert demo.get("/extensions/router").json["extension"]["alias"] == "router"
    assert problem(demo.get("/extensions/bgp")) == (404, "ExtensionNotFound")
    assert {zone["resource"] for zone in demo.find("/availability_zones")} == {"network", "router"}
    assert demo.find("/service-providers") == []
    assert demo.get("/networking/").json["versions"][0]["id"] == "v2.0"
    assert demo.get("/networking/v2.0/").status == 200
    assert problem(demo.get("/nonsense")) == (404, "HTTPNotFound")
    assert problem(demo.put("/networks", json={})) == (405, "HTTPMethodNotAllowed")


def test_policies_have_their_tags_where_clients_look(admin):
    made = admin.post("/qos/policies", json={"policy": {"name": "p"}}).json["policy"]

    assert admin.put(f"/policies/{made['id']}/tags/red").status == 201

    assert admin.get(f"/qos/policies/{made['id']}/tags").json == {"tags": ["red"]}
    assert [each["id"] for each in admin.find("/qos/policies?tags=red")] == [made["id"]]
