"""Requests that a token is narrowed to."""

from __future__ import annotations

import pytest

from nacre.kernel.narrowing import NotAmongRules, RequestRule, demand_covered

CASES = [
    # the rule's path, the request's, whether it covers it
    ("/v2.1/servers", "/v2.1/servers", True),
    ("/v2.1/servers", "/v2.1/servers/", True),
    ("/v2.1/servers/", "/v2.1/servers", True),
    ("/v2.1/servers", "/v2.1/servers/a", False),
    ("/v2.1/servers", "/v2x1/servers", False),
    ("/v2.1/servers/*", "/v2.1/servers/a", True),
    ("/v2.1/servers/*", "/v2.1/servers/a/ips", False),
    ("/v2.1/servers/*", "/v2.1/servers/", False),
    ("/v2.1/servers/*/ips", "/v2.1/servers/a/ips", True),
    ("/v2.1/servers/{server_id}/ips", "/v2.1/servers/a/ips", True),
    ("/v2.1/servers/{server_id}", "/v2.1/servers/a/ips", False),
    ("/v2.1/**", "/v2.1/servers/a/ips", True),
    ("/v2.1/**/ips", "/v2.1/servers/a/ips", True),
    ("/v2.1/**", "/v2.10", False),
    ("/v2.1/server*", "/v2.1/servers", True),
    ("/**", "/", True),
    ("/(a|b)+", "/a", False),
    ("/a{", "/a{", True),
]


@pytest.mark.parametrize(("rule", "path", "covered"), CASES)
def test_a_path_is_matched_segment_by_segment(rule: str, path: str, covered: bool):
    assert RequestRule(service="s", method="GET", path=rule).covers(("s",), "GET", path) is covered


def test_the_service_and_the_method_count_too():
    rules = [RequestRule(service="compute", method="GET", path="/**")]
    demand_covered(rules, ("compute",), "GET", "/v2.1")
    demand_covered(rules, ("computev21", "compute"), "GET", "/v2.1")
    for services, method in ((("compute",), "POST"), (("identity",), "GET"), (("compute",), "HEAD")):
        with pytest.raises(NotAmongRules):
            demand_covered(rules, services, method, "/v2.1")
    with pytest.raises(NotAmongRules):
        demand_covered([], ("compute",), "GET", "/v2.1")
