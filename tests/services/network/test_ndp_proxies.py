"""NDP proxies, through the API."""

from __future__ import annotations

import pytest

from nacre.network.domain.rows import owner_of
from tests.services.network.conftest import problem

ON_BOTH_DATABASES = True


class Scene:
    """An external network and one inside, both of one address scope, and a router that joins them."""

    def __init__(self, cloud):
        self.cloud, self.demo, self.admin = cloud, cloud.client(), cloud.client("admin", "admin")
        self.pool = self.pool_in(self.admin.make("address_scope", ip_version=6, shared=True), "2001:db8::/64")
        self.outside = self.admin.make("network", **{"router:external": True})
        self.subnet_of(self.admin, self.outside, self.pool, "2001:db8::1:0/112")
        self.net = self.demo.make("network")
        self.subnet = self.subnet_of(self.demo, self.net, self.pool, "2001:db8::2:0/112")
        self.gateway = {"network_id": self.outside["id"]}
        self.router = self.demo.make("router", external_gateway_info=self.gateway, enable_ndp_proxy=True)
        self.demo.join(self.router, subnet_id=self.subnet["id"])
        self.port = self.demo.make("port", network_id=self.net["id"])

    def pool_in(self, scope, prefix):
        return self.admin.make(
            "subnetpool", address_scope_id=scope["id"], prefixes=[prefix], default_prefixlen=112, shared=True
        )

    def subnet_of(self, client, net, pool, cidr):
        return client.make("subnet", network_id=net["id"], ip_version=6, subnetpool_id=pool["id"], cidr=cidr)

    def proxy(self, **fields):
        usual = {"router_id": self.router["id"], "port_id": self.port["id"]}
        return self.demo.post("/ndp_proxies", json={"ndp_proxy": usual | fields})

    def refused(self, **fields):
        return problem(self.proxy(**fields))


@pytest.fixture
def scene(cloud):
    return Scene(cloud)


def test_a_router_answers_for_an_address_inside(scene, stranger):
    made = scene.proxy(name="web", description="d").json["ndp_proxy"]

    address = scene.port["fixed_ips"][0]["ip_address"]
    assert (made["ip_address"], made["name"], made["description"]) == (address, "web", "d")
    assert made["project_id"] == "demo"
    assert scene.demo.find("/ndp-proxies") == scene.demo.find("/ndp_proxies") == [made]
    assert stranger.find("/ndp_proxies") == []
    assert problem(stranger.get(f"/ndp_proxies/{made['id']}")) == (404, "NDPProxyNotFound")
    assert scene.demo.changed("ndp_proxy", made, name="www")["name"] == "www"
    assert problem(scene.demo.change("ndp_proxy", made, ip_address=address))[0] == 400
    scene.cloud.settle()
    row = scene.cloud.driver.rows_of(owner_of("ndp_proxy", made["id"]))[0]
    assert (row.columns["external_ip"], row.columns["logical_ip"]) == (address, address)
    assert scene.cloud.audit() == []
    assert scene.demo.remove("ndp_proxy", made).status == 204
    assert problem(scene.demo.get(f"/ndp_proxies/{made['id']}"))[0] == 404
    scene.cloud.settle()
    assert scene.cloud.audit() == []


def test_a_router_answers_for_others_only_with_an_ipv6_way_out_of_a_scope(scene):
    demo, router = scene.demo, scene.router
    plain = scene.cloud.outside()[0]
    for info in (None, {"network_id": plain["id"]}):
        said = {"external_gateway_info": info, "enable_ndp_proxy": True}
        assert demo.refused("router", **said) == (409, "RouterGatewayNotValid")
        assert problem(demo.change("router", router, **said)) == (409, "RouterGatewayNotValid")
    assert demo.show("router", router)["enable_ndp_proxy"] is True

    assert demo.changed("router", router, external_gateway_info={})["enable_ndp_proxy"] is False
    assert problem(demo.change("router", router, enable_ndp_proxy=True)) == (409, "RouterGatewayNotValid")
    assert demo.make("router")["enable_ndp_proxy"] is False


def test_what_a_router_cannot_answer_for_is_refused(scene, stranger):
    demo = scene.demo
    lonely = demo.make("network")
    scene.subnet_of(demo, lonely, scene.pool, "2001:db8::3:0/112")
    far = demo.make("port", network_id=lonely["id"])
    assert scene.refused(port_id=far["id"]) == (409, "PortUnreachableRouter")
    assert scene.refused(ip_address="2001:db8::2:77") == (400, "InvalidAddress")
    assert scene.refused(ip_address="nonsense") == (400, "HTTPBadRequest")
    assert scene.refused(router_id=far["id"]) == (404, "RouterNotFound")
    assert scene.refused(port_id=scene.router["id"]) == (404, "PortNotFound")
    theirs = stranger.make("router")
    assert scene.refused(router_id=theirs["id"]) == (404, "RouterNotFound")

    net4, subnet4 = demo.make_network()
    demo.join(scene.router, subnet_id=subnet4["id"])
    assert scene.refused(port_id=demo.make("port", network_id=net4["id"])["id"]) == (400, "BadRequest")

    other_pool = scene.pool_in(
        scene.admin.make("address_scope", ip_version=6, shared=True), "2001:db8:1::/64"
    )
    other = demo.make("network")
    subnet = scene.subnet_of(demo, other, other_pool, "2001:db8:1::/112")
    demo.join(scene.router, subnet_id=subnet["id"])
    scoped = demo.make("port", network_id=other["id"])
    assert scene.refused(port_id=scoped["id"]) == (409, "AddressScopeConflict")

    assert scene.proxy().status == 201
    assert scene.refused() == (409, "NDPProxyExists")
    demo.changed("router", scene.router, enable_ndp_proxy=False)
    assert scene.refused() == (409, "RouterNDPProxyNotEnable")
    assert len(demo.find("/ndp_proxies")) == 1


def test_what_an_ndp_proxy_needs_stays_and_with_its_port_it_goes(scene):
    made = scene.proxy().json["ndp_proxy"]
    demo, router = scene.demo, scene.router

    cleared = demo.change("router", router, external_gateway_info={})
    left = demo.leave(router, subnet_id=scene.subnet["id"])

    assert problem(cleared) == (409, "RouterGatewayInUseByNDPProxy")
    assert problem(left) == (409, "RouterInterfaceInUseByNDPProxy")
    assert demo.remove("port", scene.port).status == 204
    assert problem(demo.get(f"/ndp_proxies/{made['id']}"))[0] == 404
    assert demo.leave(router, subnet_id=scene.subnet["id"]).status == 200
    scene.cloud.settle()
    assert scene.cloud.audit() == []


def test_a_router_that_is_told_to_answers_no_more(scene):
    made = scene.proxy().json["ndp_proxy"]
    scene.cloud.settle()

    scene.demo.changed("router", scene.router, enable_ndp_proxy=False)
    scene.cloud.settle()

    assert scene.cloud.driver.rows_of(owner_of("ndp_proxy", made["id"])) == ()
    scene.demo.changed("router", scene.router, enable_ndp_proxy=True)
    scene.cloud.settle()
    assert len(scene.cloud.driver.rows_of(owner_of("ndp_proxy", made["id"]))) == 1
    assert scene.cloud.audit() == []
