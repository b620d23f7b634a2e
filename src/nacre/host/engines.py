"""The engines of this machine as parts: Open vSwitch, OVN and libvirt, without one TCP port.

All sockets, databases and logs are in the state directory. With a network namespace, whatever touches an
interface runs in it; databases are reached by unix sockets from everywhere.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from nacre.agent.domain.chassis import ChassisWish, HostBridge, setting_up
from nacre.host import guests, namespaces, paths, probes, tools
from nacre.host.errors import UnclearMappings
from nacre.host.parts import Part
from nacre.kernel.config import Settings

INTEGRATION_BRIDGE = "br-int"
PHYSICAL_NETWORK = "public"
_SCHEMAS = Path("/usr/share")
# To standard error and so to the part's log; nothing to syslog or to a file of its own.
_LOGGING = ("-vconsole:info", "-vsyslog:off", "-vfile:off")

_LIBVIRTD_CONF = """\
host_uuid = "{host_uuid}"
unix_sock_group = "root"
unix_sock_rw_perms = "0770"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_filters = "3:remote 4:event 3:util.json 3:rpc"
log_outputs = "3:stderr"
"""
_QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
namespaces = [ ]
remember_owner = 0
vnc_listen = "127.0.0.1"
"""


def environment(state: Path) -> dict[str, str]:
    """What the tools and daemons of Open vSwitch, OVN and libvirt must have in their environment."""
    ovs, ovn = str(paths.ovs_run_dir(state)), str(paths.ovn_run_dir(state))
    return {
        "OVS_RUNDIR": ovs,
        "OVS_LOGDIR": ovs,
        "OVS_DBDIR": str(paths.ovs_dir(state)),
        "OVS_SYSCONFDIR": str(paths.ovs_dir(state)),
        "OVN_RUNDIR": ovn,
        "OVN_LOGDIR": ovn,
        "OVN_DBDIR": str(paths.ovn_dir(state)),
        "OVN_NB_DB": f"unix:{paths.northbound_socket(state)}",
        "OVN_SB_DB": f"unix:{paths.southbound_socket(state)}",
        "LIBVIRT_DEFAULT_URI": paths.libvirt_uri(state),
    }


def parts(settings: Settings, surroundings: Mapping[str, str]) -> list[Part]:
    """Every engine, in the order of starting. `surroundings` is the environment they all get."""
    everywhere = {**surroundings, **environment(settings.state_dir)}
    return [
        *_hypervisor(settings, everywhere),
        *_switch(settings, everywhere),
        *_virtual_networks(settings, everywhere),
    ]


def datapath() -> str:
    """`system` where the kernel can forward, else `netdev`: in user space, and ten times slower."""
    if not Path("/sys/module/openvswitch").exists():
        tools.try_to_run("modprobe", "-q", "openvswitch")
    return "system" if Path("/sys/module/openvswitch").exists() else "netdev"


def external_gateway(settings: Settings) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """This machine's own address on the external network: the first one, where floating IPs are reached from."""
    network = ipaddress.ip_network(settings.local.external_cidr)
    return ipaddress.ip_interface(f"{network[1]}/{network.prefixlen}")


def _hypervisor(settings: Settings, environment: Mapping[str, str]) -> list[Part]:
    run = paths.libvirt_run_dir(settings.state_dir)
    return [
        Part(
            name="virtlogd",
            command=("virtlogd", "--pid-file", "/run/libvirt/virtlogd.pid"),
            environment=environment,
            prepare=partial(_prepare_libvirt, settings),
            ready=_serves(run / "virtlogd-sock"),
            pid_file=run / "virtlogd.pid",
        ),
        Part(
            name="libvirtd",
            command=("libvirtd", "--pid-file", "/run/libvirt/libvirtd.pid"),
            environment=environment,
            prepare=partial(_prepare_libvirtd, settings),
            after=("virtlogd",),
            ready=_serves(paths.libvirt_socket(settings.state_dir)),
            pid_file=run / "libvirtd.pid",
        ),
        Part(
            name="capabilities",
            # libvirt asks QEMU at length what it can do when this is first needed, and keeps the answer. Asked
            # for while the control plane starts, it costs the first guest nothing.
            prepare=partial(_ask_for_capabilities, environment),
            after=("libvirtd",),
        ),
    ]


def _switch(settings: Settings, environment: Mapping[str, str]) -> list[Part]:
    state, run = settings.state_dir, paths.ovs_run_dir(settings.state_dir)
    database = paths.ovs_dir(state) / "conf.db"
    return [
        Part(
            name="ovsdb",
            command=(
                "ovsdb-server",
                str(database),
                f"--remote=punix:{paths.ovs_socket(state)}",
                *_daemon(run, "ovsdb"),
            ),
            environment=environment,
            prepare=partial(_prepare_database, database, _SCHEMAS / "openvswitch/vswitch.ovsschema", run),
            ready=_serves(paths.ovs_socket(state)),
            pid_file=run / "ovsdb.pid",
        ),
        Part(
            name="vswitchd",
            # The monitor starts a new worker when the old one aborts, also while no supervisor runs. It passes
            # on no other death; then it ends itself, and the supervisor starts both again.
            command=(
                "ovs-vswitchd",
                f"unix:{paths.ovs_socket(state)}",
                "--monitor",
                *_daemon(run, "vswitchd"),
            ),
            environment=environment,
            prepare=partial(namespaces.enter_with_own_sys, settings.netns),
            after=("ovsdb",),
            ready=_serves(run / "vswitchd.ctl"),
            pid_file=run / "vswitchd.pid",
        ),
        Part(
            name="bridges",
            prepare=partial(_set_up_bridges, settings, environment),
            after=("vswitchd",),
        ),
    ]


def _virtual_networks(settings: Settings, environment: Mapping[str, str]) -> list[Part]:
    state, run = settings.state_dir, paths.ovn_run_dir(settings.state_dir)
    northbound, southbound = paths.northbound_socket(state), paths.southbound_socket(state)
    return [
        _ovn_database("nb", northbound, state, environment),
        _ovn_database("sb", southbound, state, environment),
        Part(
            name="northd",
            command=(
                "ovn-northd",
                f"--ovnnb-db=unix:{northbound}",
                f"--ovnsb-db=unix:{southbound}",
                *_daemon(run, "northd"),
            ),
            environment=environment,
            after=("nb", "sb"),
            ready=_serves(run / "northd.ctl"),
            pid_file=run / "northd.pid",
        ),
        Part(
            name="ovn-controller",
            # Alone of all it has no --unixctl: its control socket carries its pid in the name.
            command=(
                "ovn-controller",
                f"unix:{paths.ovs_socket(state)}",
                f"--pidfile={run / 'ovn-controller.pid'}",
                *_LOGGING,
            ),
            environment=environment,
            prepare=partial(namespaces.enter, settings.netns),
            after=("sb", "bridges"),
            ready=lambda pid: probes.accepts(run / f"ovn-controller.{pid}.ctl"),
            pid_file=run / "ovn-controller.pid",
        ),
    ]


def _ovn_database(name: str, socket: Path, state: Path, environment: Mapping[str, str]) -> Part:
    run, database = paths.ovn_run_dir(state), paths.ovn_dir(state) / f"{name}.db"
    return Part(
        name=name,
        command=("ovsdb-server", str(database), f"--remote=punix:{socket}", *_daemon(run, name)),
        environment=environment,
        prepare=partial(_prepare_database, database, _SCHEMAS / f"ovn/ovn-{name}.ovsschema", run),
        ready=_serves(socket),
        pid_file=run / f"{name}.pid",
    )


def _daemon(run: Path, name: str) -> tuple[str, ...]:
    return (f"--unixctl={run / name}.ctl", f"--pidfile={run / name}.pid", *_LOGGING)


def _serves(socket: Path) -> Callable[[int], bool]:
    return lambda _pid: probes.accepts(socket)


def _prepare_libvirt(settings: Settings) -> None:
    """Give libvirt its own places: its paths are fixed, so ours are laid over them, for it and its guests alone."""
    state, kept = settings.state_dir, paths.libvirt_dir(settings.state_dir)
    configuration = kept / "etc"
    configuration.mkdir(parents=True, exist_ok=True)
    host_uuid = uuid.uuid5(uuid.NAMESPACE_URL, f"nacre:{paths.local_host_id()}:{state}")
    (configuration / "libvirtd.conf").write_text(_LIBVIRTD_CONF.format(host_uuid=host_uuid))
    (configuration / "qemu.conf").write_text(_QEMU_CONF)
    if settings.netns:
        namespaces.enter_with_own_sys(settings.netns)
    else:
        namespaces.have_private_mounts()
    namespaces.bind(
        {
            configuration: Path("/etc/libvirt"),
            kept / "lib": Path("/var/lib/libvirt"),
            kept / "log": Path("/var/log/libvirt"),
            kept / "cache": Path("/var/cache/libvirt"),
            paths.libvirt_run_dir(state): Path("/run/libvirt"),
        }
    )
    if "hugetlbfs" in Path("/proc/filesystems").read_text():
        huge_pages = Path("/dev/hugepages")  # libvirtd looks for it when it starts, and never again.
        huge_pages.mkdir(exist_ok=True)
        namespaces.mount(None, huge_pages, kind="hugetlbfs")


def _prepare_libvirtd(settings: Settings) -> None:
    """There is no libvirtd now, so nobody waits for the questions of the one before."""
    guests.end_questions(settings.state_dir)
    _prepare_libvirt(settings)


def _ask_for_capabilities(environment: Mapping[str, str]) -> None:
    tools.run("virsh", "--quiet", "capabilities", environment=environment, timeout_s=60.0)


def _prepare_database(database: Path, schema: Path, run: Path) -> None:
    """Make the database if it is absent, and bring one of an older version to today's schema."""
    run.mkdir(parents=True, exist_ok=True)
    database.parent.mkdir(parents=True, exist_ok=True)
    if not database.exists():
        fresh = database.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        tools.run("ovsdb-tool", "create", str(fresh), str(schema))
        fresh.rename(database)
    elif tools.run("ovsdb-tool", "needs-conversion", str(database), str(schema)).strip() == "yes":
        tools.run("ovsdb-tool", "convert", str(database), str(schema))


def chassis_wish(settings: Settings) -> ChassisWish:
    """What this machine is in networks. Its agent keeps it so."""
    return ChassisWish(
        host_id=paths.local_host_id(),
        southbound=f"unix:{paths.southbound_socket(settings.state_dir)}",
        bridge=INTEGRATION_BRIDGE,
        datapath_type=datapath(),
        encap_ip=settings.local.encap_ip,
        tunnel_mtu=settings.local.tunnel_mtu,
        bridges=(
            HostBridge(
                name=settings.local.external_bridge,
                physical_network=PHYSICAL_NETWORK,
                address=str(external_gateway(settings)),
            ),
            *further_bridges(settings.local.bridge_mappings),
        ),
    )


def further_bridges(mappings: str) -> Sequence[HostBridge]:
    """The bridges in `NETWORK:BRIDGE` or `NETWORK:BRIDGE:UPLINK`, separated by commas. Raises UnclearMappings."""
    found = []
    for each in filter(None, (part.strip() for part in mappings.split(","))):
        names = each.split(":")
        if len(names) not in (2, 3) or not all(names):
            raise UnclearMappings(mappings)
        found.append(HostBridge(physical_network=names[0], name=names[1], uplink="".join(names[2:])))
    return found


def _set_up_bridges(settings: Settings, environment: Mapping[str, str]) -> None:
    """All bridges, before anybody looks for them; from then on they are in the care of the agent."""
    namespaces.enter(settings.netns)
    wish = chassis_wish(settings)
    tools.run("ovs-vsctl", "--timeout=20", *setting_up(wish), environment=environment)
    outer = settings.local.external_bridge
    tools.run("ip", "address", "replace", str(external_gateway(settings)), "dev", outer)
    tools.run("ip", "link", "set", outer, "up")
