"""What every network driver promises, asked of the fake and of a real OVN northbound database alike."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nacre.kernel.ids import HostId, PortId
from nacre.network.domain.networks import NetworkType
from nacre.network.domain.ovn import names
from nacre.network.domain.ovn.floating_ips import compile_floating_ip
from nacre.network.domain.ovn.networks import compile_network
from nacre.network.domain.ovn.ports import compile_port, compile_router_port
from nacre.network.domain.ovn.routers import compile_router
from nacre.network.domain.ovn.security_groups import compile_security_group
from nacre.network.domain.ovn.subnets import compile_subnet
from nacre.network.domain.ports import DeviceOwner, FixedIp
from nacre.network.domain.rows import NOTHING, Desired, Owner, Ref, Row, owner_of
from nacre.network.drivers.base import DriverAway, Fault, NetworkDriver, ParentMissing, RowsRefused
from nacre.network.drivers.fake import FakeNetwork
from nacre.network.drivers.ovn import OvnNetwork
from tests.domain.network.objects import (
    GROUP,
    NET,
    PORT,
    ROUTER,
    ROUTER_PORT,
    SUB,
    a_floating_ip,
    a_group,
    a_network,
    a_port,
    a_router,
    a_rule,
    a_subnet,
    an_id,
)

NB_SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")
needs_ovn = pytest.mark.skipif(
    not NB_SCHEMA.exists() or shutil.which("ovsdb-server") is None, reason="OVN is not installed"
)

NETWORK_OWNER, SUBNET_OWNER = owner_of("network", NET), owner_of("subnet", SUB)
GROUP_OWNER, PORT_OWNER = owner_of("security_group", GROUP), owner_of("port", PORT)
SUBNETS = {SUB: a_subnet()}


class Northbound:
    """An ovsdb-server with an empty northbound database, on a unix socket of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = f"unix:{folder}/nb.sock"
        self._server: subprocess.Popen[bytes] | None = None
        subprocess.run(["ovsdb-tool", "create", folder / "nb.db", NB_SCHEMA], check=True)
        self.start()

    def start(self) -> None:
        command = ["ovsdb-server", "nb.db", f"--remote=punix:{self.folder}/nb.sock", "-vconsole:off"]
        command += [f"--pidfile={self.folder}/nb.pid", f"--unixctl={self.folder}/nb.ctl", "--no-chdir"]
        self._server = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.DEVNULL)
        eventually((self.folder / "nb.sock").exists)

    def kill(self) -> None:
        assert self._server is not None
        self._server.kill()
        self._server.wait(timeout=10)

    def nbctl(self, *words: str) -> str:
        command = ["ovn-nbctl", f"--db={self.remote}", "--timeout=10", *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def eventually(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Waits for a condition of another process."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def northbound_server() -> Iterator[Northbound]:
    folder = Path(tempfile.mkdtemp(prefix="nb"))
    server = Northbound(folder)
    yield server
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def northbound(northbound_server: Northbound) -> Iterator[Northbound]:
    """The server, with a database that is empty again afterwards."""
    yield northbound_server
    tables = ("Logical_Switch", "Logical_Router", "Port_Group", "DHCP_Options")
    northbound_server.nbctl(*" -- ".join(f"--all destroy {table}" for table in tables).split())


@pytest.fixture(params=["fake", pytest.param("ovn", marks=needs_ovn)])
def driver(request: pytest.FixtureRequest) -> Iterator[NetworkDriver]:
    if request.param == "fake":
        yield FakeNetwork()
        return
    networks = OvnNetwork(request.getfixturevalue("northbound").remote, timeout_s=5)
    yield networks
    networks.close()


def apply_all(driver: NetworkDriver, desired: dict[Owner, Desired]) -> None:
    for owner, wish in desired.items():
        driver.apply(owner, wish)


def a_cloud() -> dict[Owner, Desired]:
    """A network with a subnet, a group and a port on it, a router, and a floating IP: owners, parents first."""
    network, router, subnet = a_network(), a_router(), a_subnet()
    ways = a_port(
        id=ROUTER_PORT, device_owner=DeviceOwner.ROUTER_INTERFACE, fixed_ips=(FixedIp(SUB, "10.0.0.1"),)
    )
    floating_ip = a_floating_ip(port_id=PORT, fixed_ip_address="10.0.0.11", router_id=ROUTER)
    return {
        NETWORK_OWNER: compile_network(network),
        SUBNET_OWNER: compile_subnet(subnet, network, metadata_ip="10.0.0.2"),
        GROUP_OWNER: compile_security_group(
            a_group(), (a_rule(protocol="tcp", port_range_min=22, port_range_max=22),)
        ),
        PORT_OWNER: compile_port(a_port(security_groups=(GROUP,)), network, SUBNETS),
        owner_of("router", ROUTER): compile_router(router, ()),
        owner_of("port", ROUTER_PORT): compile_router_port(ways, network, SUBNETS, router),
        owner_of("floatingip", floating_ip.id): compile_floating_ip(floating_ip, router, floating_mac=""),
    }


def test_what_is_applied_is_there_and_nothing_differs(driver: NetworkDriver) -> None:
    cloud = a_cloud()

    apply_all(driver, cloud)

    assert driver.observe_owners() == cloud.keys()
    assert driver.audit(cloud) == ()


def test_applying_twice_changes_nothing(driver: NetworkDriver) -> None:
    cloud = a_cloud()

    first = [driver.apply(owner, wish) for owner, wish in cloud.items()]
    again = [driver.apply(owner, wish) for owner, wish in cloud.items()]
    verified = [driver.apply(owner, wish, verify=True) for owner, wish in cloud.items()]

    assert all(first)
    assert not any(again)
    assert not any(verified)


def test_an_owner_without_wishes_has_nothing_left(driver: NetworkDriver) -> None:
    cloud = a_cloud()
    apply_all(driver, cloud)

    apply_all(driver, dict.fromkeys(reversed(cloud), NOTHING))

    assert driver.observe_owners() == frozenset()
    assert driver.audit({}) == ()


def test_removing_what_is_absent_succeeds(driver: NetworkDriver) -> None:
    assert driver.apply(PORT_OWNER, NOTHING) is False


def test_a_port_before_its_network_names_what_it_waits_for(driver: NetworkDriver) -> None:
    with pytest.raises(ParentMissing) as caught:
        driver.apply(PORT_OWNER, compile_port(a_port(port_security_enabled=False), a_network(), SUBNETS))

    assert set(caught.value.missing) == {names.switch(NET), names.dhcp_options(SUB)}
    assert driver.observe_owners() == frozenset()


def test_two_groups_that_name_each_other_both_come_to_be(driver: NetworkDriver) -> None:
    one, other = a_group(), a_group(id=an_id(32))
    here = compile_security_group(one, (a_rule(remote_group_id=other.id),))
    there = compile_security_group(
        other, (a_rule(id=an_id(62), security_group_id=other.id, remote_group_id=one.id),)
    )

    with pytest.raises(ParentMissing):
        driver.apply(owner_of("security_group", one.id), here)
    driver.apply(owner_of("security_group", other.id), there)
    driver.apply(owner_of("security_group", one.id), here)

    assert driver.audit({owner_of("security_group", g.id): d for g, d in ((one, here), (other, there))}) == ()


def test_a_change_of_a_port_moves_it_between_groups(driver: NetworkDriver) -> None:
    cloud = a_cloud()
    apply_all(driver, cloud)

    cloud[PORT_OWNER] = compile_port(a_port(security_groups=()), a_network(), SUBNETS)
    changed = driver.apply(PORT_OWNER, cloud[PORT_OWNER])

    assert changed
    assert driver.audit(cloud) == ()


def test_dropped_options_are_emptied(driver: NetworkDriver) -> None:
    cloud = a_cloud()
    apply_all(driver, cloud)

    silent = {SUB: a_subnet(enable_dhcp=False)}
    cloud[PORT_OWNER] = compile_port(a_port(security_groups=(GROUP,)), a_network(), silent)
    cloud[SUBNET_OWNER] = NOTHING
    driver.apply(PORT_OWNER, cloud[PORT_OWNER])
    driver.apply(SUBNET_OWNER, cloud[SUBNET_OWNER])

    assert driver.audit(cloud) == ()


def test_the_end_of_a_network_is_the_end_of_its_ports(driver: NetworkDriver) -> None:
    cloud = a_cloud()
    apply_all(driver, cloud)

    driver.apply(NETWORK_OWNER, NOTHING)

    assert PORT_OWNER not in driver.observe_owners()


def test_the_audit_tells_missing_and_left_over_apart(driver: NetworkDriver) -> None:
    cloud = a_cloud()
    apply_all(driver, cloud)
    driver.apply(PORT_OWNER, NOTHING)

    without_router = {owner: wish for owner, wish in cloud.items() if owner != owner_of("router", ROUTER)}
    found = {(each.owner, each.fault, each.table) for each in driver.audit(without_router)}

    assert (PORT_OWNER, Fault.MISSING, "Logical_Switch_Port") in found
    assert (owner_of("router", ROUTER), Fault.LEFT_OVER, "Logical_Router") in found
    assert len(found) == 2


def test_a_row_that_another_owner_has_is_refused(driver: NetworkDriver) -> None:
    driver.apply(NETWORK_OWNER, compile_network(a_network()))

    with pytest.raises(RowsRefused):
        driver.apply(owner_of("network", an_id(9)), compile_network(a_network()))


def test_a_mistake_of_ours_is_raised_and_holds_up_nobody(driver: NetworkDriver) -> None:
    with pytest.raises(KeyError):
        driver.apply(PORT_OWNER, Desired((Row(table="Nonsense", key="x", columns={}),)))

    assert driver.apply(NETWORK_OWNER, compile_network(a_network()))


def test_many_threads_make_a_hundred_ports_and_none_is_lost(driver: NetworkDriver) -> None:
    cloud = a_cloud()
    apply_all(driver, cloud)
    ports = [
        a_port(id=an_id(1000 + i), fixed_ips=(FixedIp(SUB, f"10.0.0.{100 + i}"),), security_groups=(GROUP,))
        for i in range(100)
    ]
    wishes = {owner_of("port", port.id): compile_port(port, a_network(), SUBNETS) for port in ports}

    with ThreadPoolExecutor(16) as threads:
        changed = list(threads.map(lambda wish: driver.apply(*wish), wishes.items()))

    assert all(changed)
    assert driver.audit(cloud | wishes) == ()


def test_one_bad_row_does_not_spoil_its_neighbours(driver: NetworkDriver) -> None:
    driver.apply(NETWORK_OWNER, compile_network(a_network()))
    wishes = [
        (owner_of("network", an_id(100 + i)), compile_network(a_network(id=an_id(100 + i))))
        for i in range(20)
    ]
    wishes.insert(10, (owner_of("network", an_id(99)), compile_network(a_network())))
    refused: list[Owner] = []

    def wish_for(wish: tuple[Owner, Desired]) -> None:
        try:
            driver.apply(*wish)
        except RowsRefused:
            refused.append(wish[0])

    with ThreadPoolExecutor(21) as threads:
        list(threads.map(wish_for, wishes))

    assert refused == [owner_of("network", an_id(99))]
    assert len(driver.observe_owners()) == 21


def test_the_fake_calls_a_bound_port_up_and_says_so() -> None:
    driver, heard = FakeNetwork(), []
    driver.listen(heard.append)
    apply_all(driver, a_cloud())

    driver.apply(PORT_OWNER, compile_port(a_port(binding_host_id=HostId("host1")), a_network(), SUBNETS))

    assert heard == [PORT]
    assert driver.ports_up() == {PORT}
    assert driver.is_up(PORT)


def test_the_fake_can_fail_be_slow_and_forget() -> None:
    slept: list[float] = []
    driver = FakeNetwork(delay_s=0.5, sleep=slept.append)
    cloud = a_cloud()
    driver.fail(1)

    with pytest.raises(DriverAway):
        driver.apply(NETWORK_OWNER, cloud[NETWORK_OWNER])
    apply_all(driver, cloud)
    driver.forget(PORT_OWNER)

    assert len(slept) == 1 + len(cloud)
    assert [(each.owner, each.fault) for each in driver.audit(cloud)] == [(PORT_OWNER, Fault.MISSING)]


def test_the_fake_mends_a_lost_membership_when_told_to_verify() -> None:
    driver, cloud = FakeNetwork(), a_cloud()
    apply_all(driver, cloud)
    driver.misplace(PORT, names.inside(names.port_group(GROUP), "ports"))

    said = driver.audit(cloud)
    driver.apply(PORT_OWNER, cloud[PORT_OWNER], verify=True)

    assert [(each.owner, each.fault) for each in said] == [(PORT_OWNER, Fault.MISPLACED)]
    assert driver.audit(cloud) == ()


# What only a real database can show.


@needs_ovn
def test_tampering_with_ovn_is_found_and_mended(northbound: Northbound) -> None:
    driver, cloud = OvnNetwork(northbound.remote), a_cloud()
    apply_all(driver, cloud)
    group = names.port_group(GROUP).key

    northbound.nbctl(
        *("clear", "Port_Group", group, "ports", "--", "lsp-set-addresses", PORT, "unknown"),
        *("--", "lsp-del", ROUTER_PORT),
    )
    eventually(lambda: len(driver.audit(cloud)) == 3)
    said = {(each.owner, each.fault) for each in driver.audit(cloud)}
    for difference in driver.audit(cloud):
        driver.apply(difference.owner, cloud[difference.owner], verify=True)

    assert said == {
        (PORT_OWNER, Fault.MISPLACED),
        (PORT_OWNER, Fault.DIFFERS),
        (owner_of("port", ROUTER_PORT), Fault.MISSING),
    }
    assert driver.audit(cloud) == ()
    driver.close()


@needs_ovn
def test_ovn_reads_the_rows_as_they_were_meant(northbound: Northbound) -> None:
    driver = OvnNetwork(northbound.remote)
    apply_all(driver, a_cloud())

    port = northbound.nbctl(
        "--bare", "--columns=addresses,port_security", "list", "Logical_Switch_Port", PORT
    )
    port_row = Ref("Logical_Switch_Port", PORT).uuid
    members = northbound.nbctl("--bare", "--columns=name", "find", "Port_Group", f"ports{{>=}}{port_row}")

    assert port.split("\n") == ["fa:16:3e:00:00:0a 10.0.0.11"] * 2
    assert set(members.split()) == {names.port_group(GROUP).key}
    assert "tcp.dst == 22" in northbound.nbctl("acl-list", names.port_group(GROUP).key)
    assert "172.24.4.101" in northbound.nbctl("lr-nat-list", ROUTER)
    driver.close()


@needs_ovn
def test_the_driver_comes_back_after_the_server_was_killed(northbound: Northbound) -> None:
    driver, cloud = OvnNetwork(northbound.remote, timeout_s=5), a_cloud()
    apply_all(driver, {NETWORK_OWNER: cloud[NETWORK_OWNER]})

    northbound.kill()
    brief = OvnNetwork(northbound.remote, timeout_s=0.05)
    with pytest.raises(DriverAway):
        brief.apply(SUBNET_OWNER, cloud[SUBNET_OWNER])
    late = threading.Thread(target=driver.apply, args=(SUBNET_OWNER, cloud[SUBNET_OWNER]))
    late.start()
    northbound.start()
    late.join(timeout=10)
    apply_all(driver, cloud)

    assert driver.audit(cloud) == ()
    driver.close()
    brief.close()


@needs_ovn
def test_a_listener_hears_of_ports_that_come_up_and_go_down(northbound: Northbound) -> None:
    driver, heard = OvnNetwork(northbound.remote), []
    driver.listen(heard.append)
    apply_all(driver, a_cloud())

    northbound.nbctl("set", "Logical_Switch_Port", PORT, "up=true")
    eventually(lambda: driver.is_up(PortId(PORT)))
    northbound.nbctl("set", "Logical_Switch_Port", PORT, "up=false")
    eventually(lambda: not driver.is_up(PortId(PORT)))

    assert heard == [PORT, PORT]
    assert driver.ports_up() == frozenset()
    driver.close()


@needs_ovn
def test_rows_of_others_are_left_alone(northbound: Northbound) -> None:
    northbound.nbctl("ls-add", "somebody-elses")
    driver = OvnNetwork(northbound.remote)

    assert driver.audit({}) == ()
    assert northbound.nbctl("--bare", "--columns=name", "list", "Logical_Switch") == "somebody-elses"
    driver.close()


def test_every_network_type_is_offered_by_every_driver(driver: NetworkDriver) -> None:
    assert driver.capabilities.network_types == frozenset(NetworkType)


def test_rows_that_break_the_schema_are_refused_and_change_nothing(driver: NetworkDriver) -> None:
    if isinstance(driver, FakeNetwork):
        pytest.skip("the fake knows no schema")
    row = Row(table="Gateway_Chassis", key="x", columns={"name": "x", "priority": 99999})

    with pytest.raises(RowsRefused, match="constraint"):
        driver.apply(PORT_OWNER, Desired((row,)))

    assert driver.observe_owners() == frozenset()
