"""Entries that share objects with projects, through the API."""

from __future__ import annotations

import pytest

from nacre.kernel.http.app import STATEMENTS
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True
NOBODYS = "00000000-0000-4000-8000-000000000001"


def share(client, object_type, made, target, action="access_as_shared"):
    return client.make(
        "rbac_policy", object_type=object_type, object_id=made["id"], action=action, target_tenant=target
    )


def refused(client, object_type, made, target, action="access_as_shared"):
    return client.refused(
        "rbac_policy", object_type=object_type, object_id=made["id"], action=action, target_tenant=target
    )


def ids(client, path):
    return {each["id"] for each in client.find(path)}


def test_a_network_is_shared_with_one_project_and_with_no_other(cloud, demo, stranger):
    other = cloud.client("other")
    net, subnet = demo.make_network()
    entry = share(demo, "network", net, "stranger")

    assert stranger.show("network", net)["shared"] is True
    assert demo.show("network", net)["shared"] is False, "nobody shared it with its owner"
    assert stranger.show("subnet", subnet)["id"] == subnet["id"]
    assert stranger.make("port", network_id=net["id"])
    assert problem(other.get(f"/networks/{net['id']}")) == (404, "NetworkNotFound")
    assert other.refused("port", network_id=net["id"]) == (404, "NetworkNotFound")
    assert problem(stranger.change("network", net, name="x")) == (403, "PolicyNotAuthorized")
    assert entry == {
        "id": entry["id"],
        "project_id": "demo",
        "tenant_id": "demo",
        "object_type": "network",
        "object_id": net["id"],
        "action": "access_as_shared",
        "target_tenant": "stranger",
    }


def test_lists_tell_the_shared_from_the_rest_by_who_asks(demo, admin, stranger):
    mine, _ = demo.make_network()
    public = admin.make("network", shared=True)
    share(demo, "network", mine, "stranger")

    assert ids(stranger, "/networks?shared=True") == {mine["id"], public["id"]}
    assert ids(stranger, "/networks?shared=False") == set()
    assert ids(demo, "/networks?shared=True") == {public["id"]}
    assert ids(demo, "/networks?shared=False") == {mine["id"]}
    assert ids(stranger, "/subnets?shared=True") == ids(demo, "/subnets?shared=False")
    assert problem(demo.get("/networks?shared=perhaps"))[0] == 400


def test_a_list_costs_as_many_statements_however_much_is_shared(demo, stranger):
    def cost():
        counter = STATEMENTS.labels("network", "GET", "/v2.0/networks")
        before = counter._value.get()
        stranger.find("/networks")
        return counter._value.get() - before

    share(demo, "network", demo.make("network"), "stranger")
    few = cost()
    for _ in range(6):
        share(demo, "network", demo.make("network"), "stranger")

    assert cost() == few <= 4


def test_the_flag_of_a_network_is_the_entry_for_everybody(demo, admin):
    net = admin.make("network", shared=True)
    (entry,) = admin.find(f"/rbac-policies?object_id={net['id']}")
    assert (entry["target_tenant"], entry["action"]) == ("*", "access_as_shared")

    assert admin.remove("rbac_policy", entry).status == 204
    assert admin.show("network", net)["shared"] is False
    share(admin, "network", net, "*")
    assert demo.show("network", net)["shared"] is True
    assert admin.changed("network", net, shared=False)["shared"] is False
    assert admin.find(f"/rbac-policies?object_id={net['id']}") == []


def test_an_entry_stays_while_somebody_uses_what_only_it_lets_them_use(demo, admin, stranger):
    net, _ = demo.make_network()
    entry = share(demo, "network", net, "stranger")
    port = stranger.make("port", network_id=net["id"])
    demo.make("port", network_id=net["id"])

    assert problem(demo.remove("rbac_policy", entry)) == (409, "RbacPolicyInUse")
    assert problem(demo.change("rbac_policy", entry, target_tenant="other")) == (409, "RbacPolicyInUse")
    public = share(admin, "network", net, "*")
    assert demo.remove("rbac_policy", entry).status == 204
    assert problem(admin.remove("rbac_policy", public)) == (409, "RbacPolicyInUse")
    assert problem(admin.change("network", net, shared=False)) == (409, "InvalidSharedSetting")
    stranger.remove("port", port)
    assert admin.remove("rbac_policy", public).status == 204


def test_an_entry_moves_to_another_project_and_counts_the_object_up(cloud, demo, stranger):
    net = demo.make("network")
    entry = share(demo, "network", net, "stranger")
    before = demo.show("network", net)["revision_number"]

    moved = demo.changed("rbac_policy", entry, target_tenant="other")

    assert moved == entry | {"target_tenant": "other"}
    assert problem(stranger.get(f"/networks/{net['id']}"))[0] == 404
    assert cloud.client("other").show("network", net)["shared"] is True
    assert before > net["revision_number"]
    assert demo.show("network", net)["revision_number"] > before


def test_who_may_share_what(demo, admin, stranger):
    net, theirs = demo.make("network"), stranger.make("network")
    assert refused(demo, "network", net, "*") == (403, "PolicyNotAuthorized")
    assert refused(demo, "network", theirs, "demo") == (404, "RbacObjectNotFound")
    entry = share(demo, "network", net, "stranger")
    assert refused(stranger, "network", net, "other") == (400, "InvalidInput")
    assert refused(demo, "network", net, "stranger") == (409, "DuplicateRbacPolicy")
    assert problem(demo.change("rbac_policy", entry, target_tenant="*")) == (403, "PolicyNotAuthorized")
    assert problem(stranger.get(f"/rbac-policies/{entry['id']}")) == (404, "RbacPolicyNotFound")
    assert problem(stranger.remove("rbac_policy", entry)) == (404, "RbacPolicyNotFound")
    assert ids(stranger, "/rbac-policies") == set()
    assert ids(demo, "/rbac-policies") == {entry["id"]}


@pytest.mark.parametrize(
    "said",
    [
        {"object_type": "router"},
        {"object_type": "subnetpool", "action": "access_as_external"},
        {"action": "access_as_guest"},
        {"target_tenant": None},
        {"target_tenant": ""},
        {"target_tenant": "x" * 256},
        {"object_id": "no id"},
        {"shared": True},
    ],
)
def test_what_an_entry_cannot_mean_is_refused(demo, said):
    net = demo.make("network")
    usual = {"object_type": "network", "object_id": net["id"], "action": "access_as_shared"}

    assert demo.refused("rbac_policy", **usual | {"target_tenant": "other"} | said)[0] == 400
    assert demo.refused("rbac_policy", **usual)[0] == 400
    assert demo.find("/rbac-policies") == []


def test_a_way_out_for_one_project_is_none_for_others(cloud, demo, admin, stranger):
    net = admin.make("network")
    admin.make("subnet", network_id=net["id"], ip_version=4, cidr="172.24.5.0/24", enable_dhcp=False)
    share(admin, "network", net, "admin", "access_as_external")
    assert admin.show("network", net)["router:external"] is True
    info = {"network_id": net["id"]}
    assert stranger.refused("router", external_gateway_info=info) == (404, "NetworkNotFound")
    assert stranger.refused("floatingip", floating_network_id=net["id"])[0] == 404

    entry = share(admin, "network", net, "stranger", "access_as_external")
    router = stranger.make("router", external_gateway_info=info)
    stranger.make("floatingip", floating_network_id=net["id"])

    assert demo.refused("router", external_gateway_info=info)[0] == 404
    assert problem(admin.remove("rbac_policy", entry)) == (409, "RbacPolicyInUse")
    assert problem(admin.change("network", net, **{"router:external": False}))[0] == 409
    public = share(admin, "network", net, "*", "access_as_external")
    assert admin.remove("rbac_policy", entry).status == 204
    assert problem(admin.remove("rbac_policy", public)) == (409, "RbacPolicyInUse")
    stranger.remove("router", router)


def test_the_flag_of_a_way_out_is_the_entry_for_everybody(demo, admin):
    net = admin.make("network", **{"router:external": True})
    query = f"/rbac-policies?object_id={net['id']}&action=access_as_external&target_tenant=*"
    assert len(admin.find(query)) == 1

    assert admin.changed("network", net, **{"router:external": False})["router:external"] is False
    assert admin.find(query) == []
    assert problem(demo.get(f"/networks/{net['id']}"))[0] == 404
    admin.changed("network", net, **{"router:external": True, "is_default": True})
    (entry,) = admin.find(query)
    assert problem(admin.remove("rbac_policy", entry)) == (409, "RbacPolicyInUse"), "the default way out"
    assert admin.refused("network", **{"router:external": True, "is_default": True}) == (
        409,
        "DefaultExternalNetworkExists",
    )


def test_pools_scopes_and_groups_are_shared_alike(demo, admin, stranger):
    pool = demo.make("subnetpool", name="p", prefixes=["10.8.0.0/16"], default_prefixlen=24)
    scope = demo.make("address_scope", name="s", ip_version=4)
    addresses = demo.make("address_group", name="a", addresses=["10.0.0.0/8"])
    group = demo.make("security_group", name="g")
    kinds = {"subnetpool": pool, "address_scope": scope, "address_group": addresses, "security_group": group}
    for kind, made in kinds.items():
        assert made["shared"] is False
        assert problem(stranger.get(f"/{kind.replace('_', '-')}s/{made['id']}"))[0] == 404
    entries = {kind: share(demo, kind, made, "stranger") for kind, made in kinds.items()}

    net = stranger.make("network")
    subnet = stranger.make("subnet", network_id=net["id"], ip_version=4, subnetpool_id=pool["id"])
    inside = stranger.make("subnetpool", name="q", prefixes=["10.9.0.0/16"], address_scope_id=scope["id"])
    own = stranger.make("security_group", name="own")
    rule = stranger.make(
        "security_group_rule",
        security_group_id=own["id"],
        direction="ingress",
        remote_address_group_id=addresses["id"],
    )
    port = stranger.make("port", network_id=net["id"], security_groups=[group["id"]])

    for kind, made in kinds.items():
        assert stranger.show(kind, made)["shared"] is True
        assert ids(stranger, f"/{kind.replace('_', '-')}s?shared=True") == {made["id"]}
        assert problem(demo.remove("rbac_policy", entries[kind])) == (409, "RbacPolicyInUse")
    used = {"subnet": subnet, "subnetpool": inside, "security_group_rule": rule, "port": port}
    for kind, made in [("port", port), *used.items()]:
        stranger.remove(kind, made)
    for kind in kinds:
        assert demo.remove("rbac_policy", entries[kind]).status == 204


def test_a_pool_is_shared_with_those_who_may_use_its_scope(demo, admin, stranger):
    scope = admin.make("address_scope", name="s", ip_version=4)
    share(admin, "address_scope", scope, "demo")
    pool = demo.make("subnetpool", name="p", prefixes=["10.8.0.0/16"], address_scope_id=scope["id"])
    assert refused(demo, "subnetpool", pool, "stranger") == (400, "InvalidInput")

    share(admin, "address_scope", scope, "stranger")

    assert share(demo, "subnetpool", pool, "stranger")
    assert refused(admin, "subnetpool", pool, "*") == (400, "InvalidInput")


def test_entries_go_with_their_object(demo, admin, stranger):
    net = demo.make("network")
    share(demo, "network", net, "stranger")

    assert demo.remove("network", net).status == 204

    assert admin.find("/rbac-policies") == []


def test_a_project_makes_as_many_entries_as_its_quota_says(demo):
    net = demo.make("network")
    for number in range(10):
        share(demo, "network", net, f"project-{number}")

    assert refused(demo, "network", net, "one-more") == (409, "OverQuota")
