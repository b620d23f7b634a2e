"""What a user does with a cloud, done with the usual client on the real engines; nothing is left of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.host import clouds_yaml
from nacre.host.api_client import ApiClient
from nacre.host.images import tiny

from .conftest import EngineCloud, eventually
from .openstack import OpenStack
from .traces import leaving_no_trace

pytestmark = [pytest.mark.engines, pytest.mark.skipif(os.geteuid() != 0, reason="engines need root")]

BOOT_LIMIT_S = 180.0


@pytest.fixture
def cloud(engine_cloud: EngineCloud) -> Iterator[EngineCloud]:
    """The shared cloud; the test must leave nothing in it."""
    engine_cloud.wait_until_ready()
    with leaving_no_trace(engine_cloud):
        yield engine_cloud


@pytest.fixture
def openstack(cloud: EngineCloud) -> OpenStack:
    return OpenStack(cloud)


def answers(cloud: EngineCloud, address: str, key: Path, command: str = "hostname") -> str:
    """What the guest says, as soon as it lets us in."""

    def said() -> str:
        try:
            return cloud.ssh(address, command, key=key, timeout_s=20.0).strip()
        except (AssertionError, subprocess.TimeoutExpired):
            return ""

    return eventually(said, timeout_s=BOOT_LIMIT_S, every_s=0.5)


def own_image(directory: Path) -> Path:
    """A qcow2 file that this cloud has not seen: the tiny image, written differently."""
    packed, plain = tiny.cache_dir() / "tiny.qcow2", directory / "own.qcow2"
    convert = ["qemu-img", "convert", "-q", "-O", "qcow2", str(packed), str(plain)]
    subprocess.run(convert, check=True, timeout=60)
    return plain


def test_a_user_makes_reaches_restarts_and_deletes_a_server_without_a_trace(
    cloud: EngineCloud, openstack: OpenStack, tmp_path: Path
):
    image, key = own_image(tmp_path), tmp_path / "key"

    openstack("image", "create", "own", "--disk-format", "qcow2", "--file", str(image))
    openstack("network", "create", "lab")
    openstack("subnet", "create", "lab", "--network", "lab", "--subnet-range", "10.1.0.0/24")
    openstack("router", "create", "lab", "--external-gateway", "public")
    openstack("router", "add", "subnet", "lab", "lab")
    key.touch(mode=0o600)
    key.write_text(openstack("keypair", "create", "mine"))
    openstack("security", "group", "create", "ssh")
    openstack("security", "group", "rule", "create", "ssh", "--protocol", "tcp", "--dst-port", "22")
    where = ["--image", "own", "--flavor", "m1.nano", "--network", "lab"]
    openstack("server", "create", "pearl", *where, "--key-name", "mine", "--security-group", "ssh", "--wait")
    address = openstack.value("floating_ip_address", "floating", "ip", "create", "public")
    openstack("server", "add", "floating", "ip", "pearl", address)

    assert openstack.value("status", "server", "show", "pearl") == "ACTIVE"
    assert answers(cloud, address, key) == "pearl"
    assert "TINY-BOOT-OK host=pearl" in openstack("console", "log", "show", "pearl")

    before = answers(cloud, address, key, "cat /proc/sys/kernel/random/boot_id")
    for how in ("--soft", "--hard"):
        openstack("server", "reboot", how, "pearl", "--wait")
        after = answers(cloud, address, key, "cat /proc/sys/kernel/random/boot_id")
        assert after != before, f"a {how} reboot is a new boot"
        before = after

    openstack("server", "stop", "pearl")
    eventually(lambda: openstack.value("status", "server", "show", "pearl") == "SHUTOFF", timeout_s=60)
    openstack("server", "start", "pearl")
    eventually(lambda: openstack.value("status", "server", "show", "pearl") == "ACTIVE", timeout_s=60)
    assert answers(cloud, address, key) == "pearl"

    openstack("server", "delete", "pearl", "--wait")
    openstack("floating", "ip", "delete", address)
    openstack("router", "remove", "subnet", "lab", "lab")
    openstack("router", "delete", "lab")
    openstack("network", "delete", "lab")
    openstack("security", "group", "delete", "ssh")
    openstack("keypair", "delete", "mine")
    openstack("image", "delete", "own")


class Site:
    """A project's own network 10.9.0.0/24 with a way out, and guests on it; all gone when the block ends."""

    def __init__(self, client: ApiClient, name: str, *, public_key: str) -> None:
        self.client, self.name = client, name
        networks = client.get("network", "/networks", name="public")["networks"]
        self.public_id = networks[0]["id"]
        self.network_id = self._make("networks", {"name": name})
        subnet = {"network_id": self.network_id, "ip_version": 4, "cidr": "10.9.0.0/24"}
        self.subnet_id = self._make("subnets", subnet)
        gateway = {"network_id": self.public_id}
        self.router_id = self._make("routers", {"name": name, "external_gateway_info": gateway})
        router = f"/routers/{self.router_id}"
        client.put("network", f"{router}/add_router_interface", {"subnet_id": self.subnet_id})
        self.group_id = self._make("security-groups", {"name": name})
        for port in (22, 80):
            self._make(
                "security-group-rules",
                {
                    "security_group_id": self.group_id,
                    "direction": "ingress",
                    "protocol": "tcp",
                    "port_range_min": port,
                    "port_range_max": port,
                },
            )
        client.post("compute", "/os-keypairs", {"keypair": {"name": name, "public_key": public_key}})
        self.servers: dict[str, str] = {}
        self.floating: list[str] = []

    def _make(self, kind: str, body: dict) -> str:
        single = kind.removesuffix("s").replace("-", "_")
        made = self.client.post("network", f"/{kind}", {single: body})[single]
        return str(made["id"])

    def start(self, name: str, address: str) -> None:
        """Begin a server at this address."""
        client = self.client
        flavors = {item["name"]: item["id"] for item in client.get("compute", "/flavors")["flavors"]}
        port = {
            "network_id": self.network_id,
            "fixed_ips": [{"ip_address": address}],
            "security_groups": [self.group_id],
        }
        server = {
            "name": name,
            "flavorRef": flavors["m1.nano"],
            "imageRef": client.get("image", "/images", name="tiny")["images"][0]["id"],
            "networks": [{"port": self._make("ports", port)}],
            "key_name": self.name,
        }
        made = client.post("compute", "/servers", {"server": server})["server"]
        self.servers[name] = made["id"]

    def wait_until_active(self) -> None:
        for server_id in self.servers.values():
            eventually(lambda path=f"/servers/{server_id}": self._status(path) == "ACTIVE", timeout_s=120)

    def _status(self, path: str) -> str:
        return str(self.client.get("compute", path)["server"]["status"])

    def public_address(self, name: str) -> str:
        """A floating IP of this server."""
        ports = self.client.get("network", "/ports", device_id=self.servers[name])["ports"]
        body = {"floating_network_id": self.public_id, "port_id": ports[0]["id"]}
        made = self.client.post("network", "/floatingips", {"floatingip": body})["floatingip"]
        self.floating.append(made["id"])
        return str(made["floating_ip_address"])

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Servers, then what they used, in the order of dependence."""
        client = self.client
        ports = client.get("network", "/ports", network_id=self.network_id)["ports"]
        for server_id in self.servers.values():
            client.delete("compute", f"/servers/{server_id}")
        eventually(
            lambda: not set(self.servers.values()) & {
                item["id"] for item in client.get("compute", "/servers")["servers"]
            },
            timeout_s=60,
        )  # fmt: skip
        for floating_id in self.floating:
            client.delete("network", f"/floatingips/{floating_id}")
        for port in ports:
            if port["device_owner"].startswith("compute:"):
                client.delete("network", f"/ports/{port['id']}")
        router = f"/routers/{self.router_id}"
        client.put("network", f"{router}/remove_router_interface", {"subnet_id": self.subnet_id})
        client.delete("network", router)
        client.delete("network", f"/networks/{self.network_id}")
        client.delete("network", f"/security-groups/{self.group_id}")
        client.delete("compute", f"/os-keypairs/{self.name}")


@pytest.fixture
def other_client(cloud: EngineCloud) -> Iterator[ApiClient]:
    """A user in a project of its own, both gone afterwards."""
    admin = OpenStack(cloud, user=clouds_yaml.ADMIN_CLOUD)
    auth = clouds_yaml.load(cloud.state / "clouds.yaml")[clouds_yaml.DEMO_CLOUD]["auth"]
    admin("project", "create", "others")
    admin("user", "create", "other", "--password", "the other's secret")
    admin("role", "add", "member", "--user", "other", "--project", "others")
    try:
        yield ApiClient(auth["auth_url"], user="other", password="the other's secret", project="others")
    finally:
        for group in admin.told("security", "group", "list", "--project", "others"):
            admin("security", "group", "delete", group["ID"])
        admin("user", "delete", "other")
        admin("project", "delete", "others")


def host_at(cloud: EngineCloud, asking: str, key: Path, address: str) -> str:
    """The name of the guest whose page the guest at `asking` gets from `address`; "nobody" for no page."""
    page = answers(cloud, asking, key, f"timeout 5 wget -q -O - http://{address}/ || echo host=nobody")
    return page.split()[0].removeprefix("host=")


def test_guests_of_one_network_reach_each_other_and_never_those_of_others_with_the_same_addresses(
    cloud: EngineCloud, other_client: ApiClient
):
    key = cloud.state / "demo-key"
    public_key = key.with_suffix(".pub").read_text().strip()
    with (
        Site(cloud.client(), "ours", public_key=public_key) as ours,
        Site(other_client, "theirs", public_key=public_key) as theirs,
    ):
        ours.start("our-one", "10.9.0.11")
        ours.start("our-two", "10.9.0.12")
        theirs.start("their-one", "10.9.0.11")
        theirs.start("their-three", "10.9.0.13")
        ours.wait_until_active()
        theirs.wait_until_active()
        our_two, their_three = ours.public_address("our-two"), theirs.public_address("their-three")

        assert answers(cloud, our_two, key) == "our-two"
        assert answers(cloud, their_three, key) == "their-three"
        at_11 = "10.9.0.11"
        eventually(lambda: host_at(cloud, our_two, key, at_11) == "our-one", timeout_s=BOOT_LIMIT_S)
        eventually(lambda: host_at(cloud, their_three, key, at_11) == "their-one", timeout_s=BOOT_LIMIT_S)
        assert host_at(cloud, our_two, key, "10.9.0.12") == "our-two"
        assert host_at(cloud, their_three, key, "10.9.0.13") == "their-three"
        assert host_at(cloud, our_two, key, "10.9.0.13") == "nobody"
        assert host_at(cloud, their_three, key, "10.9.0.12") == "nobody"
