"""The unmodified openstacksdk, over the network, with one of everything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.services.identity.conftest import PASSWORDS, Site
from tests.support.served import CLIENTS, NEEDS_CLIENTS, served

WALK = Path(__file__).with_name("sdk_walk.py")


@NEEDS_CLIENTS
def test_openstacksdk_makes_finds_changes_and_deletes_one_of_everything(site: Site, tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}

    with served(site.http) as url:
        done = subprocess.run(
            [CLIENTS / "python", WALK, f"{url}/identity/v3"],
            env=environment | {"OS_PASSWORD": PASSWORDS["admin_password"]},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == "all of it\n"
