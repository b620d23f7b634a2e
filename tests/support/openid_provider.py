"""A real OpenID provider for the tests: Debian's glewlwyd with a database of its own, on a free loopback port."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PLACE = Path(os.environ.get("NACRE_CACHE") or "/var/cache/nacre") / "glewlwyd"
"""Where `install.sh tests` unpacks it."""
PROGRAM = PLACE / "usr/bin/glewlwyd"
NEEDS_PROVIDER = pytest.mark.skipif(
    not PROGRAM.exists(), reason="no OpenID provider is installed (make test, as root)"
)
CLIENT = "nacre"
SECRET = "the-clients-own-secret"
SCOPES = "openid profile"

_CONFIG = """
port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="ERROR"
cookie_domain="127.0.0.1"
cookie_secure=0
session_key="SESSION"
admin_session_authentication="cookie"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{lib}/user"
user_middleware_module_path="{lib}/user_middleware"
client_module_path="{lib}/client"
user_auth_scheme_module_path="{lib}/scheme"
plugin_module_path="{lib}/plugin"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{root}/provider.db"; }};
"""
_SWITCHES = (
    "auth-type-code-enabled", "auth-type-password-enabled", "auth-type-client-enabled", "auth-type-device-enabled",
    "auth-type-refresh-enabled", "allow-non-oidc", "refresh-token-rolling", "jwks-show", "pkce-allowed",
    "pkce-required", "introspection-revocation-allowed", "introspection-revocation-allow-target-client",
)  # fmt: skip


class OpenIdProvider:
    """A running provider that knows `people`, and the cloud as the client `nacre`."""

    def __init__(self, root: Path, *, redirect_uri: str) -> None:
        self.root = root
        self.port = _free_port()
        self._redirect_uri = redirect_uri
        self._key = rsa.generate_private_key(65537, 2048)
        self._lay()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self._admin = httpx.Client(base_url=f"{self.url}/api", timeout=10)
        self._ask("POST", "/auth/", username="admin", password="password")
        self._set_up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/api/oidc"

    @property
    def public_key_pem(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def private_key_pem(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    # -- the process -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Let it run, until it answers."""
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "--config-file", self.root / "provider.conf", "-m", "console"],
                stdout=log, stderr=log,
            )  # fmt: skip
        for _ in range(400):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._process.poll() is None, (self.root / "log").read_text()
            time.sleep(0.02)  # A process begins to listen in its own time.
        raise AssertionError("the provider does not begin to listen")

    def stop(self) -> None:
        """End it, and nothing else."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None

    def close(self) -> None:
        self._admin.close()
        self.stop()

    def _lay(self) -> None:
        script = PLACE / "usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz"
        with contextlib.closing(sqlite3.connect(self.root / "provider.db")) as database:
            database.executescript(gzip.decompress(script.read_bytes()).decode())
        config = _CONFIG.format(port=self.port, lib=PLACE / "usr/lib/glewlwyd", root=self.root)
        (self.root / "provider.conf").write_text(config)

    # -- what it knows ---------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        reply = self._admin.request(method, path, json=body or None)
        assert reply.status_code == 200, (method, path, reply.status_code, reply.text)
        return reply.json() if reply.text else None

    def _set_up(self) -> None:
        self._ask(
            "POST", "/scope/", name="profile", display_name="profile", password_required=True, scheme={}
        )
        self._ask("PUT", "/scope/openid", display_name="openid", password_required=True, scheme={})
        module = self._ask("GET", "/mod/user/database")
        groups = {"multiple": True, "read": True, "write": True, "profile-read": True, "profile-write": False}
        module["parameters"]["data-format"]["groups"] = groups
        self._ask("PUT", "/mod/user/database", **module)
        self._ask("PUT", "/mod/user/database/reset/")
        self.add_client(CLIENT)
        self.add_client("another")
        parameters = dict.fromkeys(_SWITCHES, True) | {
            "iss": self.issuer, "jwt-type": "rsa", "jwt-key-size": "256", "subject-type": "public",
            "key": self.private_key_pem.decode(), "cert": self.public_key_pem.decode(),
            "access-token-duration": 3600, "refresh-token-duration": 3600, "code-duration": 60,
            "allowed-scope": ["openid", "profile"], "pkce-scopes": [], "scope": [], "additional-parameters": [],
            "name-claim": "mandatory", "email-claim": "mandatory", "scope-claim": "no",
            "claims": [{"name": "groups", "user-property": "groups", "type": "string", "mandatory": True, "scope": []}],
        }  # fmt: skip
        self._ask(
            "POST", "/mod/plugin", module="oidc", name="oidc", display_name="oidc", parameters=parameters
        )

    def add_client(self, client_id: str) -> None:
        self._ask(
            "POST", "/client/", client_id=client_id, name=client_id, enabled=True, confidential=True,
            client_secret=SECRET, password=SECRET, redirect_uri=[self._redirect_uri], scope=SCOPES.split(),
            authorization_type=["code", "password", "client_credentials", "refresh_token", "device_authorization"],
            token_endpoint_auth_method=["client_secret_basic"],
        )  # fmt: skip

    def add_user(self, name: str, *groups: str) -> None:
        """A user whose password is the name twice."""
        self._ask(
            "POST", "/user/", username=name, name=name.title(), email=f"{name}@lab.test", password=name * 2,
            enabled=True, scope=SCOPES.split(), groups=list(groups),
        )  # fmt: skip

    # -- what users do there ---------------------------------------------------------------------------

    def tokens_for(self, name: str, *, client_id: str = CLIENT) -> Mapping[str, str]:
        """An access token and an ID token, for the user's password."""
        form = {"grant_type": "password", "username": name, "password": name * 2, "scope": SCOPES}
        auth = (client_id, SECRET)
        reply = httpx.post(f"{self.issuer}/token", data=form, auth=auth, timeout=10)
        assert reply.status_code == 200, reply.text
        tokens: Mapping[str, str] = reply.json()
        return tokens

    def log_in(self, name: str, url: str) -> str:
        """Be the browser of a user who is sent to `url` and logs in there: where it is sent back to."""
        with httpx.Client(timeout=10) as browser:
            page = browser.get(url)
            assert page.status_code == 302, page.text
            asked = dict(parse_qsl(urlsplit(page.headers["location"]).query))
            logged_in = browser.post(f"{self.url}/api/auth/", json={"username": name, "password": name * 2})
            assert logged_in.status_code == 200, logged_in.text
            granted = browser.put(
                f"{self.url}/api/auth/grant/{asked['client_id']}", json={"scope": asked["scope"]}
            )
            assert granted.status_code == 200, granted.text
            back = browser.get(asked["callback_url"] + "&g_continue")
            assert back.status_code == 302, back.text
            return str(back.headers["location"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def openid_provider(redirect_uri: str) -> Iterator[OpenIdProvider]:
    """A provider for a while."""
    with tempfile.TemporaryDirectory(prefix="nacre-openid-") as root:
        provider = OpenIdProvider(Path(root), redirect_uri=redirect_uri)
        try:
            yield provider
        finally:
            provider.close()
