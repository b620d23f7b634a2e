"""The first objects of a new cloud, made as a user would: through the public API alone.

Everything is looked up by its name first. So a second time changes nothing, and what is missing or broken is
made anew.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacre.host import namespaces, paths, tools
from nacre.host.api_client import ApiClient
from nacre.host.clouds_yaml import ADMIN_CLOUD, DEMO_CLOUD, Clouds
from nacre.host.engines import PHYSICAL_NETWORK, external_gateway
from nacre.host.errors import FirstUseFailed
from nacre.host.images import tiny
from nacre.kernel.config import Settings

# name: MiB of memory, virtual CPUs, GiB of disk
FLAVORS = {
    "m1.nano": (128, 1, 1),
    "m1.tiny": (512, 1, 1),
    "m1.small": (2048, 1, 20),
    "m1.medium": (4096, 2, 40),
    "m1.large": (8192, 4, 80),
}
IMAGE = "tiny"
PUBLIC_NETWORK = "public"
DEMO_NETWORK, DEMO_SUBNET, DEMO_CIDR = "demo-net", "demo-subnet", "10.0.0.0/24"
DEMO_ROUTER = "demo-router"
DEMO_KEY = "demo-key"
DEMO_SERVER = "demo"

_HYPERVISOR_S = 60.0
_ACTIVE_S = 180.0
# Emulated guests on a busy machine take ten times as long as on a quiet one.
_ANSWER_S = 240.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Demo:
    """How the first server is reached. `address` is its floating IP."""

    server_id: str
    address: str


def ensure(settings: Settings, clouds: Clouds, say: Say) -> Demo:
    """Make the first image, network and server, and wait until that server answers (fake guests: is active).

    Raises FirstUseFailed, Refused.
    """
    admin, demo = _client(clouds[ADMIN_CLOUD]), _client(clouds[DEMO_CLOUD])
    _ensure_flavors(admin)
    public_id = _ensure_public_network(admin, settings)
    network_id = _ensure_demo_network(demo, public_id)
    _ensure_rules(demo)
    _ensure_key(demo, paths.demo_key(settings.state_dir))
    say("networks, flavors and key are there")
    _ensure_image(admin, settings)
    say(f"image {IMAGE} is there")
    _wait_for_hypervisor(admin)
    server = _ensure_server(demo, network_id)
    say(f"server {DEMO_SERVER} is active")
    found = Demo(server_id=server["id"], address=_ensure_floating_ip(demo, server["id"], public_id))
    if settings.hosts == "local":
        _wait_for_answer(settings, found.address)
        say(f"server {DEMO_SERVER} answers at {found.address}")
    return found


def ssh_command(settings: Settings, address: str) -> list[str]:
    """How a shell on the first server is opened from where the guests live."""
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    asked = [word for option in options for word in ("-o", option)]
    return ["ssh", "-i", str(paths.demo_key(settings.state_dir)), *asked, f"root@{address}"]


def _client(cloud: Mapping[str, Any]) -> ApiClient:
    auth = cloud["auth"]
    return ApiClient(
        auth["auth_url"], user=auth["username"], password=auth["password"], project=auth["project_name"]
    )


def _ensure_flavors(admin: ApiClient) -> None:
    known = {flavor["name"] for flavor in admin.get("compute", "/flavors")["flavors"]}
    for name, (memory_mib, vcpus, disk_gib) in FLAVORS.items():
        if name not in known:
            body = {"name": name, "ram": memory_mib, "vcpus": vcpus, "disk": disk_gib}
            admin.post("compute", "/flavors", {"flavor": body})


def _ensure_image(admin: ApiClient, settings: Settings) -> None:
    """The image, active. One whose upload was cut off is made anew."""
    for image in admin.get("image", "/images", name=IMAGE)["images"]:
        if image["status"] == "active":
            return
        admin.delete("image", f"/images/{image['id']}")
    file = tiny.ensure(settings)
    body = {
        "name": IMAGE,
        "disk_format": "qcow2",
        "container_format": "bare",
        "visibility": "public",
        "min_ram": 64,
        "min_disk": 1,
    }
    image = admin.post("image", "/images", body)
    with file.open("rb") as content:
        admin.upload("image", f"/images/{image['id']}/file", content)
    _wait(
        lambda: admin.get("image", f"/images/{image['id']}")["status"] == "active",
        timeout_s=60.0,
        failure=FirstUseFailed("The image does not become active", "see `nacre status`"),
    )


def _ensure_public_network(admin: ApiClient, settings: Settings) -> str:
    network = _ensure_network_object(
        admin,
        "networks",
        PUBLIC_NETWORK,
        {
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": PHYSICAL_NETWORK,
        },
    )
    gateway = external_gateway(settings)
    first, last = allocation_pool(settings.local.external_cidr)
    _ensure_network_object(
        admin,
        "subnets",
        f"{PUBLIC_NETWORK}-subnet",
        {
            "network_id": network["id"],
            "ip_version": gateway.version,
            "cidr": settings.local.external_cidr,
            "gateway_ip": str(gateway.ip),
            "enable_dhcp": False,
            "allocation_pools": [{"start": first, "end": last}],
        },
    )
    return str(network["id"])


def allocation_pool(cidr: str) -> tuple[str, str]:
    """The addresses floating IPs are taken from: .100 to .200 of a /24, the upper half of a smaller network."""
    network = ipaddress.ip_network(cidr)
    if network.num_addresses >= 256:
        return str(network[100]), str(network[200])
    return str(network[network.num_addresses // 2]), str(network[-2])


def _ensure_demo_network(demo: ApiClient, public_id: str) -> str:
    network = _ensure_network_object(demo, "networks", DEMO_NETWORK, {})
    subnet = _ensure_network_object(
        demo, "subnets", DEMO_SUBNET, {"network_id": network["id"], "ip_version": 4, "cidr": DEMO_CIDR}
    )
    router = _ensure_network_object(
        demo, "routers", DEMO_ROUTER, {"external_gateway_info": {"network_id": public_id}}
    )
    if not router.get("external_gateway_info"):
        gateway = {"router": {"external_gateway_info": {"network_id": public_id}}}
        demo.put("network", f"/routers/{router['id']}", gateway)
    legs = demo.get("network", "/ports", device_id=router["id"], network_id=network["id"])["ports"]
    if not legs:
        demo.put("network", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    return str(network["id"])


def _ensure_network_object(client: ApiClient, kind: str, name: str, body: Mapping[str, Any]) -> Any:
    """The network, subnet or router of this name; of ours, if others share theirs under the same name."""
    found = client.get("network", f"/{kind}", name=name, project_id=client.project_id)[kind]
    if found:
        return found[0]
    single = kind.removesuffix("s")
    return client.post("network", f"/{kind}", {single: {"name": name, **body}})[single]


def _ensure_rules(demo: ApiClient) -> None:
    """Let ssh and ping in, in the project's default group."""
    groups = demo.get("network", "/security-groups", name="default", project_id=demo.project_id)
    group_id = groups["security_groups"][0]["id"]
    rules = demo.get("network", "/security-group-rules", security_group_id=group_id, direction="ingress")
    known = {
        (rule["protocol"], rule["port_range_min"], rule["port_range_max"])
        for rule in rules["security_group_rules"]
        if rule["ethertype"] == "IPv4" and not rule.get("remote_group_id")
    }
    for protocol, port in (("tcp", 22), ("icmp", None)):
        if (protocol, port, port) not in known:
            rule = {
                "security_group_id": group_id,
                "direction": "ingress",
                "ethertype": "IPv4",
                "protocol": protocol,
                "port_range_min": port,
                "port_range_max": port,
            }
            demo.post("network", "/security-group-rules", {"security_group_rule": rule})


def _ensure_key(demo: ApiClient, private: Path) -> None:
    """A key pair whose private half is in the state directory; one we have lost is replaced."""
    public = private.with_name(private.name + ".pub")
    if not public.exists():
        private.unlink(missing_ok=True)
        tools.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", DEMO_KEY, "-f", str(private))
    text = public.read_text().strip()
    for item in demo.get("compute", "/os-keypairs")["keypairs"]:
        if item["keypair"]["name"] == DEMO_KEY:
            if item["keypair"]["public_key"].strip() == text:
                return
            demo.delete("compute", f"/os-keypairs/{DEMO_KEY}")
    demo.post("compute", "/os-keypairs", {"keypair": {"name": DEMO_KEY, "public_key": text}})


def _wait_for_hypervisor(admin: ApiClient) -> None:
    def is_up() -> bool:
        hosts = admin.get("compute", "/os-hypervisors/detail")["hypervisors"]
        return any(host["state"] == "up" for host in hosts)

    failure = FirstUseFailed("No host reports itself", "`nacre status` and the agent's log say why")
    _wait(is_up, timeout_s=_HYPERVISOR_S, failure=failure)


def _ensure_server(demo: ApiClient, network_id: str) -> Any:
    """The server, active. One in ERROR is made anew, one that is shut off is started."""
    server = _find_server(demo)
    if server and server["status"] == "ERROR":
        demo.delete("compute", f"/servers/{server['id']}")
        _wait(
            lambda: _find_server(demo) is None,
            timeout_s=60.0,
            failure=FirstUseFailed(f"Server {DEMO_SERVER} in ERROR cannot be deleted", "see `nacre status`"),
        )
        server = None
    if server is None:
        server = demo.post("compute", "/servers", {"server": _server_body(demo, network_id)})["server"]
    elif server["status"] == "SHUTOFF":
        demo.post("compute", f"/servers/{server['id']}/action", {"os-start": None})
    return _wait_until_active(demo, server["id"])


def _server_body(demo: ApiClient, network_id: str) -> dict[str, Any]:
    flavors = {flavor["name"]: flavor["id"] for flavor in demo.get("compute", "/flavors")["flavors"]}
    image = demo.get("image", "/images", name=IMAGE)["images"][0]
    return {
        "name": DEMO_SERVER,
        "flavorRef": flavors["m1.nano"],
        "imageRef": image["id"],
        "key_name": DEMO_KEY,
        "networks": [{"uuid": network_id}],
    }


def _find_server(demo: ApiClient) -> Any:
    servers = demo.get("compute", "/servers/detail", name=f"^{DEMO_SERVER}$")["servers"]
    return next((server for server in servers if server["name"] == DEMO_SERVER), None)


def _wait_until_active(demo: ApiClient, server_id: str) -> Any:
    def is_settled() -> Any:
        server = demo.get("compute", f"/servers/{server_id}")["server"]
        if server["status"] == "ERROR":
            reason = server.get("fault", {}).get("message", "no reason given")
            raise FirstUseFailed(f"Server {DEMO_SERVER} went to ERROR", reason)
        return server if server["status"] == "ACTIVE" else None

    failure = FirstUseFailed(f"Server {DEMO_SERVER} is not active", f"`nacre explain {server_id}` says why")
    return _wait(is_settled, timeout_s=_ACTIVE_S, failure=failure)


def _ensure_floating_ip(demo: ApiClient, server_id: str, public_id: str) -> str:
    port = demo.get("network", "/ports", device_id=server_id)["ports"][0]
    known = demo.get("network", "/floatingips", port_id=port["id"])["floatingips"]
    if known:
        return str(known[0]["floating_ip_address"])
    body = {"floatingip": {"floating_network_id": public_id, "port_id": port["id"]}}
    return str(demo.post("network", "/floatingips", body)["floatingip"]["floating_ip_address"])


def _wait_for_answer(settings: Settings, address: str) -> None:
    """Until a command runs on the server by ssh."""
    quick = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=3"]
    ssh = ssh_command(settings, address)
    command = namespaces.inside(settings.netns, [ssh[0], *quick, *ssh[1:], "true"])

    def answers() -> bool:
        return tools.try_to_run(*command, timeout_s=30.0) is not None

    failure = FirstUseFailed(
        f"Server {DEMO_SERVER} is active and does not answer ssh at {address}",
        f"`openstack --os-cloud {DEMO_CLOUD} console log show {DEMO_SERVER}` and `nacre doctor` say more",
    )
    _wait(answers, timeout_s=_ANSWER_S, failure=failure)


def _wait(condition: Callable[[], Any], *, timeout_s: float, failure: FirstUseFailed) -> Any:
    """What `condition` returns once it is true. Raises `failure` when it stays false."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.02
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise failure
        time.sleep(pause_s)
        pause_s = min(0.5, pause_s * 1.5)
    return result
