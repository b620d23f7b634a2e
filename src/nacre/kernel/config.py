"""Configuration: one TOML file, and environment variables that override it.

Each option is a field below; docs/configuration.md describes every one, and a test compares the two.
The variable of option `x` is NACRE_X; of option `x` in section `s` it is NACRE_S_X.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from nacre.kernel.errors import Invalid


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How requests are taken in."""

    workers: int = 16
    max_body_bytes: int = 1 << 20
    page_limit: int = 1000
    stop_grace_s: float = 5.0


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the one store is. An empty url means SQLite in the state directory."""

    url: str = ""
    pool_size: int = 20
    durable: bool = True


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the reconciling loops run."""

    workers: int = 8
    lease_s: float = 60.0
    full_pass_s: float = 300.0
    backoff_first_s: float = 1.0
    backoff_most_s: float = 120.0


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written down, and in which form."""

    form: str = "text"
    level: str = "info"


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a token is good for, and how long the key that signs it."""

    lifetime_s: int = 3600
    key_period_s: float = 604800.0


class SecurityComplianceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the site asks of passwords, by the names operators know. Zero, or an empty text, asks nothing."""

    lockout_failure_attempts: int = 0
    lockout_duration: int = 1800
    disable_user_account_days_inactive: int = 0
    password_expires_days: int = 0
    unique_last_password_count: int = 0
    minimum_password_age: int = 0
    password_regex: str = ""
    password_regex_description: str = ""
    change_password_upon_first_use: bool = False


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ways to prove who calls, and how far what is proven reaches."""

    rescope_scoped: bool = True
    late_validation_s: int = 172_800
    receipt_lifetime_s: int = 300
    totp_previous_windows: int = 1
    signature_lifetime_s: int = 900
    trust_most_redelegations: int = 3


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the users and groups of domains that have a directory are mirrored from it."""

    period_s: float = 300.0
    retry_s: float = 30.0
    most_vanishing_share: float = 0.3
    forget_after_s: float = 2_592_000.0


class SignOnSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Single sign-on: which dashboards may be given tokens, and where browsers reach identity."""

    trusted_dashboards: str = ""
    public_url: str = ""
    timeout_s: float = 5.0


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hosts of this machine: which hypervisor runs guests, and the network they reach the world by."""

    virt_type: str = "auto"
    external_cidr: str = "172.24.4.0/24"
    external_bridge: str = "br-ex"
    bridge_mappings: str = ""
    encap_ip: str = "127.0.0.1"
    tunnel_mtu: int = 1500
    vcpu_ratio: float = 16.0
    memory_reserved_mib: int = 512
    disk_reserved_gib: int = 1


class SegmentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which networks people get who say nothing of a wire, and from where the numbers of networks are taken.

    A range is `LEAST:MOST`, of VLANs `NETWORK:LEAST:MOST`; several are separated by commas.
    """

    self_service_types: str = "geneve,vxlan"
    geneve: str = "1:65535"
    vxlan: str = "1:65535"
    vlan: str = ""


class GuaranteeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each host can guarantee to ports: bandwidth of its wires, and packets that its switch can forward.

    Nothing is guaranteed unless it is said here. Bandwidths are `NETWORK:EGRESS:INGRESS` in kbit/s.
    """

    bandwidths: str = ""
    packet_rate_kpps: int = 0
    packet_rate_egress_kpps: int = 0
    packet_rate_ingress_kpps: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be chosen."""

    state: str = ""
    listen: str = "127.0.0.1:5000"
    hosts: str = "local"
    netns: str = ""
    region: str = "RegionOne"
    http: HttpSettings = HttpSettings()
    database: DatabaseSettings = DatabaseSettings()
    loops: LoopSettings = LoopSettings()
    log: LogSettings = LogSettings()
    token: TokenSettings = TokenSettings()
    security_compliance: SecurityComplianceSettings = SecurityComplianceSettings()
    auth: AuthSettings = AuthSettings()
    directories: DirectorySettings = DirectorySettings()
    sign_on: SignOnSettings = SignOnSettings()
    local: LocalSettings = LocalSettings()
    segments: SegmentSettings = SegmentSettings()
    guarantees: GuaranteeSettings = GuaranteeSettings()

    @property
    def state_dir(self) -> Path:
        """Where everything that outlives a process is kept."""
        return Path(self.state)

    @property
    def database_url(self) -> str:
        """An SQLAlchemy URL."""
        return self.database.url or f"sqlite:///{self.state_dir / 'nacre.db'}"

    @property
    def listen_host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def listen_port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def base_url(self) -> str:
        """What clients put in front of every path, without a final slash."""
        return f"http://{self.listen}"

    @property
    def fake_host_count(self) -> int:
        """N of `fake:N`; 0 when the hosts are real."""
        kind, _, count = self.hosts.partition(":")
        return int(count) if kind == "fake" else 0


@dataclass(eq=False)
class BadConfiguration(Invalid):
    """An option that cannot be read. Says where it was set."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"Configuration, {self.where}: {self.reason}"


def default_state() -> str:
    """/var/lib/nacre for root, else the user's own state directory."""
    if os.geteuid() == 0:
        return "/var/lib/nacre"
    return str(Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser() / "nacre")


def load_settings(environment: Mapping[str, str], *, file: Path | None = None) -> Settings:
    """The settings of this process: defaults, then the file, then the environment.

    `file` defaults to $NACRE_CONFIG, or nacre.toml in the state directory if there is one.
    Raises BadConfiguration.
    """
    state = environment.get("NACRE_STATE") or default_state()
    path = file or Path(environment.get("NACRE_CONFIG") or Path(state) / "nacre.toml")
    options: dict[str, Any] = {}
    if path.exists():
        try:
            options = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadConfiguration(str(path), str(error)) from error
    _override(options, Settings, environment, prefix="NACRE_")
    options.setdefault("state", state)
    try:
        settings = msgspec.convert(options, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadConfiguration(f"{path} or NACRE_* variables", str(error)) from error
    return _checked(settings)


def _override(
    options: dict[str, Any], shape: type[msgspec.Struct], environment: Mapping[str, str], *, prefix: str
) -> None:
    for field in msgspec.structs.fields(shape):
        name = prefix + field.name.upper()
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            _override(options.setdefault(field.name, {}), field.type, environment, prefix=name + "_")
        elif environment.get(name):
            options[field.name] = environment[name]


def _checked(settings: Settings) -> Settings:
    host, _, port = settings.listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise BadConfiguration("listen", f"expected ADDRESS:PORT, got '{settings.listen}'")
    kind, _, count = settings.hosts.partition(":")
    if settings.hosts != "local" and not (kind == "fake" and count.isdigit() and int(count) > 0):
        raise BadConfiguration("hosts", f"expected 'local' or 'fake:N', got '{settings.hosts}'")
    if settings.log.form not in ("text", "json"):
        raise BadConfiguration("log.form", f"expected 'text' or 'json', got '{settings.log.form}'")
    _check_compliance(settings.security_compliance)
    return msgspec.structs.replace(settings, state=os.path.abspath(settings.state))


def _check_compliance(asked: SecurityComplianceSettings) -> None:
    for name in asked.__struct_fields__:
        value = getattr(asked, name)
        if isinstance(value, int) and value < 0:
            raise BadConfiguration(f"security_compliance.{name}", f"expected 0 or more, got {value}")
    if asked.minimum_password_age and asked.minimum_password_age >= (asked.password_expires_days or math.inf):
        reason = "a password would expire before it may be changed: it must be below password_expires_days"
        raise BadConfiguration("security_compliance.minimum_password_age", reason)
    try:
        re.compile(asked.password_regex)
    except re.error as error:
        raise BadConfiguration("security_compliance.password_regex", str(error)) from error
