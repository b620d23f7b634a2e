"""A real LDAP server for the tests: Debian's slapd with a directory of its own, on a free loopback port."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import ldap3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SUFFIX = "dc=site,dc=example"
ADMIN = f"cn=admin,{SUFFIX}"
ADMIN_PASSWORD = "the directory's own secret"
USERS = f"ou=people,{SUFFIX}"
GROUPS = f"ou=teams,{SUFFIX}"
_SCHEMAS = ("core", "cosine", "inetorgperson", "nis")


class Slapd:
    """A running server. Its root entry and the two trees are there; `people` and `teams` fill them."""

    def __init__(self, root: Path, *, tls: bool = False) -> None:
        self.root = root
        self.port = _free_port()
        self.tls = tls
        self._server: subprocess.Popen[bytes] | None = None
        self._lay()
        self.start()
        with self.admin() as connection:
            connection.add(SUFFIX, ["dcObject", "organization"], {"o": "Site"})
            for tree in (USERS, GROUPS):
                connection.add(tree, "organizationalUnit")

    # -- the process -----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    def _lay(self) -> None:
        (self.root / "data").mkdir()
        lines = [f"include /etc/ldap/schema/{name}.schema" for name in _SCHEMAS]
        lines += ["modulepath /usr/lib/ldap", "moduleload back_mdb"]
        if self.tls:
            make_certificates(self.root)
            lines += [
                f"TLSCACertificateFile {self.root}/ca.pem",
                f"TLSCertificateFile {self.root}/server.pem",
            ]
            lines += [f"TLSCertificateKeyFile {self.root}/server.key"]
        lines += [
            "sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited",
            "database mdb",
            f'suffix "{SUFFIX}"',
            f'rootdn "{ADMIN}"',
            f'rootpw "{ADMIN_PASSWORD}"',
            f"directory {self.root}/data",
            "maxsize 268435456",
            "dbnosync",
            "index objectClass,uid,cn,ou,member,memberUid eq",
            "access to attrs=userPassword by anonymous auth by * none",
            "access to * by * read",
        ]
        (self.root / "slapd.conf").write_text("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            for path in (self.root, *self.root.rglob("*")):
                shutil.chown(path, "openldap", "openldap")

    def start(self) -> None:
        """Run the server, and wait until it answers."""
        become = ["setpriv", "--reuid=openldap", "--regid=openldap", "--clear-groups"]
        addresses = f"{self.url}/" + (f" ldaps://127.0.0.1:{self.port + 1}/" if self.tls else "")
        with (self.root / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    *(become if os.geteuid() == 0 else []),
                    _program(self.root), "-f", self.root / "slapd.conf", "-h", addresses, "-d", "0",
                ],
                cwd=self.root,
                stdout=log,
                stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            assert self._server.poll() is None, (self.root / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert time.monotonic() < deadline, (self.root / "log").read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server at once, as a power failure would."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(timeout=30)
            self._server = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Connections are taken and nothing is answered, as long as the block lasts."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._server.send_signal(signal.SIGCONT)

    # -- what is in it ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def admin(self) -> Iterator[ldap3.Connection]:
        """A connection that may change everything; what fails raises."""
        server = ldap3.Server(self.url, get_info=ldap3.NONE)
        with ldap3.Connection(server, ADMIN, ADMIN_PASSWORD, raise_exceptions=True) as connection:
            yield connection

    def add_user(self, uid: str, *, password: str = "", name: str = "", **attributes: str) -> None:
        """A user whose id is `uid`, and whose name is its `cn`."""
        values = {"cn": name or uid, "sn": name or uid, "userPassword": password or uid, **attributes}
        with self.admin() as connection:
            connection.add(user_dn(uid), "inetOrgPerson", values)

    def set_user(self, uid: str, **attributes: str) -> None:
        with self.admin() as connection:
            changes = {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in attributes.items()}
            connection.modify(user_dn(uid), changes)

    def remove_user(self, uid: str) -> None:
        with self.admin() as connection:
            connection.delete(user_dn(uid))

    def set_group(self, cn: str, members: Sequence[str], *, name: str = "") -> None:
        """A group of these DNs; it replaces one that is there."""
        dn = f"cn={cn},{GROUPS}"
        with self.admin() as connection:
            with contextlib.suppress(ldap3.core.exceptions.LDAPNoSuchObjectResult):
                connection.delete(dn)
            # The schema wants a member in every group.
            values = {"member": [ADMIN, *members], "ou": name or cn}
            connection.add(dn, "groupOfNames", values)

    def remove_group(self, cn: str) -> None:
        with self.admin() as connection:
            connection.delete(f"cn={cn},{GROUPS}")

    def load(self, ldif: str) -> None:
        """Add many entries at once."""
        (self.root / "more.ldif").write_text(ldif)
        subprocess.run(
            [
                "ldapadd",
                "-x",
                "-H",
                self.url,
                "-D",
                ADMIN,
                "-w",
                ADMIN_PASSWORD,
                "-f",
                self.root / "more.ldif",
            ],
            check=True,
            capture_output=True,
        )

    def options(self, **more: object) -> dict[str, object]:
        """The `[ldap]` options with which a domain uses this directory."""
        return {
            "url": self.url,
            "user": ADMIN,
            "password": ADMIN_PASSWORD,
            "suffix": SUFFIX,
            "user_tree_dn": USERS,
            "user_objectclass": "inetOrgPerson",
            "user_id_attribute": "uid",
            "user_name_attribute": "cn",
            "user_enabled_attribute": "employeeType",
            "group_tree_dn": GROUPS,
            "group_id_attribute": "cn",
            "group_name_attribute": "ou",
            "connection_timeout": 5,
            **more,
        }


def user_dn(uid: str) -> str:
    return f"uid={uid},{USERS}"


@contextlib.contextmanager
def slapd_server(*, tls: bool = False) -> Iterator[Slapd]:
    """A server in a temporary directory while the block lasts."""
    root = Path(tempfile.mkdtemp(prefix="nacre-slapd-", dir="/tmp"))
    server = None
    try:
        server = Slapd(root, tls=tls)
        yield server
    finally:
        if server is not None:
            server.kill()
        shutil.rmtree(root)


def _program(root: Path) -> Path:
    """The server's program. Where AppArmor binds the packaged one to its own directories, a copy of it."""
    found = shutil.which("slapd", path="/usr/sbin:/usr/libexec:/usr/local/sbin:" + os.environ.get("PATH", ""))
    assert found, "slapd is not installed; `make test` installs it"
    if not Path("/etc/apparmor.d/usr.sbin.slapd").exists():
        return Path(found)
    copy = root / "slapd"
    if not copy.exists():
        shutil.copy(found, copy)
        copy.chmod(0o755)
    return copy


def _free_port() -> int:
    """A port that is free, and the next one too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def make_certificates(root: Path) -> None:
    """`ca.pem`, and `server.pem` with `server.key` for 127.0.0.1, signed by it; `other-ca.pem` has signed nothing."""
    now = dt.datetime.now(dt.UTC)

    def certificate(name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(_name(name)).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(
            now + dt.timedelta(days=1)
        )
        return builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)

    for authority in ("ca", "other-ca"):
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca_cert = (
            certificate(authority, ca_key, ca=True)
            .issuer_name(_name(authority))
            .sign(ca_key, hashes.SHA256())
        )
        (root / f"{authority}.pem").write_bytes(ca_cert.public_bytes(serialization.Encoding.PEM))
        if authority == "ca":
            key = ec.generate_private_key(ec.SECP256R1())
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
            server = certificate("server", key, ca=False).add_extension(names, critical=False)
            signed = server.issuer_name(_name(authority)).sign(ca_key, hashes.SHA256())
            (root / "server.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
            (root / "server.key").write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
