"""What a cloud keeps, everywhere: so that a test can say by name what something has left behind."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nacre.host import clouds_yaml, engines, guests, namespaces, paths, tools
from nacre.host.api_client import ApiClient
from nacre.host.errors import Refused

from .conftest import EngineCloud, eventually

# Tables that only grow, or that turn with time: the event log, and what tokens are signed and voided with.
_NOT_OF_OBJECTS = {"event", "token_key", "token_revocation", "alembic_version"}
# Base images stay on a host for a while after their last use, on purpose.
_KEPT_FILES = ("agent/guests", "images/content", "images/incoming", "libvirt/etc/qemu")
_GONE_WITHIN_S = 60.0


def traces_of(cloud: EngineCloud) -> set[str]:
    """Every row, OVN row, switch port, interface, namespace, domain, QEMU process and disk file there is now."""
    return {
        *_rows(cloud),
        *_ovn_rows(cloud),
        *_on_the_host(cloud),
        *_files(cloud),
    }


@contextmanager
def leaving_no_trace(cloud: EngineCloud) -> Iterator[None]:
    """The block leaves everything as it was, which is proven at its end. If it fails, what it left is removed."""
    # First of all: to look at the network for the first time makes a project's default group.
    kept = _objects(cloud)
    eventually(lambda: not _owed(cloud), timeout_s=_GONE_WITHIN_S)
    before = traces_of(cloud)
    try:
        yield
        _assert_unchanged(cloud, before)
        eventually(lambda: cloud.nacre("audit", check=False).returncode == 0, timeout_s=10)
    except BaseException:
        print(cloud.told())
        _remove_all_but(cloud, kept)
        raise


def _owed(cloud: EngineCloud) -> set[str]:
    """The keys that loops still have to look at; the full passes are owed always."""
    return {row for row in _rows(cloud) if row.startswith("row due (") and "'full-pass'" not in row}


def _assert_unchanged(cloud: EngineCloud, before: set[str]) -> None:
    try:
        eventually(lambda: traces_of(cloud) == before, timeout_s=_GONE_WITHIN_S)
    except AssertionError as error:
        now = traces_of(cloud)
        raise AssertionError(f"left: {sorted(now - before)}; lost: {sorted(before - now)}") from error


def inside(cloud: EngineCloud, *command: str) -> str:
    """What a command prints where the engines live; much quicker than `nacre exec`."""
    environment = {**os.environ, **engines.environment(cloud.state)}
    return tools.run(*namespaces.inside(cloud.netns, list(command)), environment=environment)


def _rows(cloud: EngineCloud) -> Iterator[str]:
    """The primary keys of every table. Work that is owed is a row too, so a cloud at rest owes nothing."""
    store = sqlite3.connect(f"file:{cloud.state}/nacre.db?mode=ro", uri=True, timeout=30.0)
    try:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in set(tables) - _NOT_OF_OBJECTS:
            columns = store.execute(f'PRAGMA table_info("{table}")').fetchall()
            names = ", ".join(f'"{name}"' for _, name, _, _, _, in_key in columns if in_key)
            yield from (f"row {table} {key}" for key in store.execute(f'SELECT {names} FROM "{table}"'))
    finally:
        store.close()


def _ovn_rows(cloud: EngineCloud) -> Iterator[str]:
    """Every northbound row, and in the southbound database the ports, which follow from them."""
    northbound = f"unix:{paths.northbound_socket(cloud.state)}"
    dump = inside(cloud, "ovsdb-client", "dump", "-f", "json", northbound, "OVN_Northbound")
    for table in map(json.loads, dump.splitlines()):
        at = table["headings"].index("_uuid")
        yield from (f"OVN {table['caption']} {row[at][1]}" for row in table["data"])
    bound = inside(cloud, "ovn-sbctl", "--bare", "--columns=logical_port", "list", "port_binding")
    yield from (f"OVN binding {port}" for port in bound.split())


def _on_the_host(cloud: EngineCloud) -> Iterator[str]:
    for bridge in (engines.INTEGRATION_BRIDGE, cloud.settings.local.external_bridge):
        ports = inside(cloud, "ovs-vsctl", "list-ports", bridge).split()
        yield from (f"port {port} of {bridge}" for port in ports)
    yield from (f"interface {link}" for link in inside(cloud, "ls", "/sys/class/net").split())
    yield from (f"namespace {name}" for name in namespaces.named(paths.namespace_prefix(cloud.state)))
    domains = inside(cloud, "virsh", "--quiet", "list", "--all", "--name").split()
    yield from (f"domain {name}" for name in domains)
    yield f"{len(list(_qemu_pids(cloud)))} processes of QEMU"


def _qemu_pids(cloud: EngineCloud) -> Iterator[int]:
    for identity in guests.started_by_libvirt(cloud.state):
        with open(f"/proc/{identity.pid}/cmdline", "rb") as command_line:
            if b"qemu-system" in command_line.read().split(b"\0")[0]:
                yield identity.pid


def qemu_pid(cloud: EngineCloud, server_id: str) -> int:
    """The process of one server's guest."""
    for pid in _qemu_pids(cloud):
        with open(f"/proc/{pid}/cmdline", "rb") as command_line:
            if server_id.encode() in command_line.read():
                return pid
    raise AssertionError(f"server {server_id} has no process")


def _files(cloud: EngineCloud) -> Iterator[str]:
    for kept in _KEPT_FILES:
        for path in (cloud.state / kept).rglob("*"):
            if path.is_file():
                yield f"file {path.relative_to(cloud.state)}"


# -- removing, after a failure ------------------------------------------------------------------------------

_NETWORK_KINDS = ("floatingips", "routers", "ports", "networks", "security-groups")  # From users to used.


def _objects(cloud: EngineCloud) -> set[str]:
    """The ids of everything users have made."""
    admin = cloud.client(clouds_yaml.ADMIN_CLOUD)
    found = {item["id"] for item in admin.get("compute", "/servers", all_tenants="1")["servers"]}
    found |= {item["id"] for item in admin.get("image", "/images")["images"]}
    found |= {f"key {name}" for name in _key_names(cloud.client())}
    for kind in _NETWORK_KINDS:
        found |= {item["id"] for item in _listed(admin, kind)}
    return found


def _listed(client: ApiClient, kind: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.get("network", f"/{kind}")[kind.replace("-", "_")]
    return found


def _key_names(client: ApiClient) -> list[str]:
    return [item["keypair"]["name"] for item in client.get("compute", "/os-keypairs")["keypairs"]]


def _remove_all_but(cloud: EngineCloud, kept: set[str]) -> None:
    """Remove what was made since, from users to used. What is gone meanwhile, or refuses, is passed over."""
    cloud.wait_until_ready(timeout_s=90)
    admin = cloud.client(clouds_yaml.ADMIN_CLOUD)

    def new_servers() -> list[str]:
        listed = admin.get("compute", "/servers", all_tenants="1")["servers"]
        return [item["id"] for item in listed if item["id"] not in kept]

    for server_id in new_servers():
        _try_delete(admin, "compute", f"/servers/{server_id}")
    eventually(lambda: not new_servers(), timeout_s=120)
    for kind in _NETWORK_KINDS:
        if kind == "routers":
            _remove_router_interfaces(admin, kept)
        for item in _listed(admin, kind):
            if item["id"] not in kept:
                _try_delete(admin, "network", f"/{kind}/{item['id']}")
    for image in admin.get("image", "/images")["images"]:
        if image["id"] not in kept:
            _try_delete(admin, "image", f"/images/{image['id']}")
    demo = cloud.client()
    for name in _key_names(demo):
        if f"key {name}" not in kept:
            _try_delete(demo, "compute", f"/os-keypairs/{name}")


def _remove_router_interfaces(admin: ApiClient, kept: set[str]) -> None:
    for port in _listed(admin, "ports"):
        if port["id"] not in kept and port["device_owner"] == "network:router_interface":
            path = f"/routers/{port['device_id']}/remove_router_interface"
            _tolerate(lambda path=path, port=port: admin.put("network", path, {"port_id": port["id"]}))


def _try_delete(client: ApiClient, service: str, path: str) -> None:
    _tolerate(lambda: client.delete(service, path))


def _tolerate(change: Callable[[], object]) -> None:
    try:
        change()
    except Refused as refusal:
        print(f"cleaning up: {refusal}")
