"""Lists that are searched by what the database has to work out."""

from __future__ import annotations

ON_BOTH_DATABASES = True


def test_ports_are_found_by_a_part_of_an_address(demo):
    net, _ = demo.make_network("10.0.0.0/24")
    demo.make("subnet", network_id=net["id"], ip_version=6, cidr="2001:db8:0:5::/64")
    first, second = (
        demo.make("port", network_id=net["id"], fixed_ips=[{"ip_address": v4}, {"ip_address": v6}])
        for v4, v6 in (("10.0.0.23", "2001:db8:0:5::a7"), ("10.0.0.123", "2001:db8:0:5::1:b"))
    )

    def found(*parts):
        query = "&".join(f"fixed_ips=ip_address_substr={part}" for part in parts)
        return {port["id"] for port in demo.find(f"/ports?{query}&device_owner=")}

    both = {first["id"], second["id"]}
    assert found("0.23") == {first["id"]}
    assert found("23") == found("2001:db8") == found("0.23", ":1:") == both
    assert found("5::a7") == {first["id"]}
    assert found("%25") == found("_") == found("10.0.0.23" * 9) == set()
