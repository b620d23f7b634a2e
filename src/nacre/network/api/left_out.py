"""What Nacre leaves out of networks, by name: an answer of 501 says more than one of 404."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from nacre.kernel.errors import NotImplementedHere
from nacre.kernel.http.call import Answer, Call
from nacre.kernel.http.routes import Route
from nacre.network import policy
from nacre.network.api.parts import Parts


@dataclass(eq=False)
class LeftOut(NotImplementedHere):
    """A part of the Networking API that is not here."""

    code: ClassVar[str] = "network.left_out"
    what: str

    def __str__(self) -> str:
        return f"{self.what} not implemented."


_VPN = "VPN connections (vpnaas) are"
_LOG = "Logs of what security groups let through (logging) are"
_PLACED = "Networks and routers placed on agents by hand (dhcp_agent_scheduler, l3_agent_scheduler) are"
_COLLECTIONS = {
    "/v2.0/vpn/endpoint-groups": _VPN,
    "/v2.0/vpn/ikepolicies": _VPN,
    "/v2.0/vpn/ipsec-site-connections": _VPN,
    "/v2.0/vpn/ipsecpolicies": _VPN,
    "/v2.0/vpn/vpnservices": _VPN,
    "/v2.0/bgpvpn/bgpvpns": "Networks joined by BGP (bgpvpn) are",
    "/v2.0/taas/tap_flows": "Taps (taas) are",
    "/v2.0/taas/tap_services": "Taps (taas) are",
    "/v2.0/taas/tap_mirrors": "Mirrors of ports (tap-mirror) are",
    "/v2.0/log/logs": _LOG,
    "/v2.0/log/loggable-resources": _LOG,
    "/v2.0/routers/{router_id}/conntrack_helpers": "Helpers of connection tracking (l3-conntrack-helper) are",
    "/v2.0/routers/{router_id}/l3-agents": _PLACED,
    "/v2.0/networks/{network_id}/dhcp-agents": _PLACED,
    "/v2.0/agents/{agent_id}/l3-routers": _PLACED,
    "/v2.0/agents/{agent_id}/dhcp-networks": _PLACED,
}


def _refuse(what: str) -> Callable[..., Answer]:
    def answer(call: Call[Parts], **_path: str) -> Answer:
        """Always LeftOut."""
        raise LeftOut(what)

    return answer


def _routes() -> Iterator[Route]:
    for path, what in _COLLECTIONS.items():
        for method in ("GET", "POST"):
            yield Route(method, path, _refuse(what), policy.LEFT_OUT)
        for method in ("GET", "PUT", "DELETE"):
            yield Route(method, path + "/{left_out_id}", _refuse(what), policy.LEFT_OUT)


ROUTES = tuple(_routes())
