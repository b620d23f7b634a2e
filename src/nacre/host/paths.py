"""Where everything of one cloud is, as functions of its state directory. Nothing here touches the disk."""

from __future__ import annotations

import socket
from pathlib import Path

from nacre.kernel.ids import HostId

# struct sockaddr_un holds 108 bytes, the last of which is the closing zero.
LONGEST_SOCKET_PATH = 107


def local_host_id() -> HostId:
    """The id of this machine as a host: its host name. Also the OVN chassis name (system-id)."""
    return HostId(socket.gethostname())


def run_dir(state: Path) -> Path:
    """Sockets and pid files: what means nothing once the processes are gone."""
    return state / "run"


def log_dir(state: Path) -> Path:
    """One file per part, with all that it wrote."""
    return state / "log"


def api_socket(state: Path) -> Path:
    """HTTP to the control plane without a token, for whoever may open the file: agents and operators."""
    return run_dir(state) / "api.sock"


def agent_token(state: Path) -> Path:
    """The secret by which this machine's agent is known to the control plane."""
    return run_dir(state) / "agent-token"


def ledger(state: Path) -> Path:
    """What the supervisor has started: pids, start times, restarts."""
    return run_dir(state) / "parts.json"


def supervisor_lock(state: Path) -> Path:
    """Locked by the one process that may change the ledger."""
    return run_dir(state) / "supervisor.lock"


def front_door_lock(state: Path) -> Path:
    """Locked while `up`, `down` or `purge` works."""
    return state / "front-door.lock"


def made_namespace(state: Path) -> Path:
    """Holds the name of the network namespace, if `up` made it."""
    return run_dir(state) / "made-namespace"


def settings_file(state: Path) -> Path:
    """The choices of the first `up`, for every later command."""
    return state / "nacre.toml"


def bootstrap_file(state: Path) -> Path:
    """The first passwords, written by the control plane when it makes its database."""
    return state / "bootstrap.json"


def clouds_file(state: Path) -> Path:
    """`clouds.yaml` with the clouds `nacre` and `nacre-demo`."""
    return state / "clouds.yaml"


def demo_key(state: Path) -> Path:
    """The private key that opens the first server."""
    return state / "demo-key"


def images_dir(state: Path) -> Path:
    """Guest images made on this machine, before they are uploaded."""
    return state / "images"


def ovs_dir(state: Path) -> Path:
    """The switch's own database."""
    return state / "ovs"


def ovn_dir(state: Path) -> Path:
    """OVN's northbound and southbound databases."""
    return state / "ovn"


def ovs_run_dir(state: Path) -> Path:
    """OVS_RUNDIR of everything that speaks to the switch."""
    return run_dir(state) / "ovs"


def ovn_run_dir(state: Path) -> Path:
    """OVN_RUNDIR of everything that speaks to OVN."""
    return run_dir(state) / "ovn"


def ovs_socket(state: Path) -> Path:
    """The switch's configuration database."""
    return ovs_run_dir(state) / "db.sock"


def northbound_socket(state: Path) -> Path:
    """OVN's northbound database: what the control plane writes."""
    return ovn_run_dir(state) / "nb.sock"


def southbound_socket(state: Path) -> Path:
    """OVN's southbound database: what the hosts read."""
    return ovn_run_dir(state) / "sb.sock"


def libvirt_dir(state: Path) -> Path:
    """What libvirt keeps: guest definitions, its cache of what QEMU can do."""
    return state / "libvirt"


def libvirt_run_dir(state: Path) -> Path:
    """libvirtd's sockets and its records of running guests."""
    return run_dir(state) / "libvirt"


def libvirt_socket(state: Path) -> Path:
    """The hypervisor of this machine."""
    return libvirt_run_dir(state) / "libvirt-sock"


def libvirt_uri(state: Path) -> str:
    """What libvirt clients open."""
    return f"qemu+unix:///system?socket={libvirt_socket(state)}"


def namespace_prefix(state: Path) -> str:
    """How the names of all network namespaces of this cloud begin, and of no other on the machine."""
    import hashlib  # It loads megabytes of OpenSSL, which the supervisor has no use for.

    return f"nacre-{hashlib.sha256(bytes(state)).hexdigest()[:6]}-"


def longest_socket(state: Path) -> Path:
    """The socket with the longest path; if it fits, all do. ovn-controller puts its pid in the name."""
    return ovn_run_dir(state) / "ovn-controller.4194304.ctl"


def fits_sockets(state: Path) -> bool:
    """Whether the kernel can address every socket under this state directory."""
    return len(bytes(longest_socket(state))) <= LONGEST_SOCKET_PATH
