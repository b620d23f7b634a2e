from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from nacre.host import clouds_yaml
from nacre.host.clouds_yaml import CannotMerge, Clouds
from nacre.kernel.config import Settings


@pytest.fixture
def clouds() -> Clouds:
    return clouds_yaml.clouds_of(Settings(), admin_password='p"1: #x', demo_password="p2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "openstack" / "clouds.yaml"


def read(file: Path) -> dict:
    return yaml.safe_load(file.read_text())


OTHERS = """\
# my clouds
clouds:
    work:   # the real one
        auth: {auth_url: "https://example.org", username: me}
    # before home
    home:
        regions:
        - one
        - two

cache:
  expiration_time: 3600   # seconds
"""


def test_a_file_of_our_own_is_made_for_its_owner_alone(file: Path, clouds: Clouds):
    clouds_yaml.merge(file, clouds)
    assert read(file) == {"clouds": dict(clouds)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_others_wrote_stays_to_the_letter(file: Path, clouds: Clouds):
    file.parent.mkdir()
    file.write_text(OTHERS)
    clouds_yaml.merge(file, clouds)
    assert set(read(file)["clouds"]) == {"work", "home", "nacre", "nacre-demo"}
    kept = [line for line in file.read_text().splitlines() if line in OTHERS.splitlines()]
    assert [line for line in OTHERS.splitlines() if line not in kept] == []

    clouds_yaml.withdraw(file, clouds)

    assert file.read_text() == OTHERS


def test_merging_twice_changes_nothing(file: Path, clouds: Clouds):
    file.parent.mkdir()
    file.write_text(OTHERS)
    clouds_yaml.merge(file, clouds)
    once, when = file.read_text(), file.stat().st_mtime_ns
    clouds_yaml.merge(file, clouds)
    assert (file.read_text(), file.stat().st_mtime_ns) == (once, when)


def test_entries_of_an_earlier_cloud_are_replaced(file: Path, clouds: Clouds):
    file.parent.mkdir()
    file.write_text(OTHERS)
    clouds_yaml.merge(file, clouds_yaml.clouds_of(Settings(), admin_password="old", demo_password="old"))
    clouds_yaml.merge(file, clouds)
    assert read(file)["clouds"]["nacre"] == clouds["nacre"]
    assert file.read_text().count("nacre-demo:") == 1


def test_entries_that_somebody_changed_are_not_withdrawn(file: Path, clouds: Clouds):
    other = clouds_yaml.clouds_of(Settings(listen="127.0.0.1:5001"), admin_password="x", demo_password="y")
    clouds_yaml.merge(file, other)
    clouds_yaml.withdraw(file, clouds)
    assert read(file)["clouds"] == dict(other)


def test_a_file_in_which_nothing_else_is_left_goes(file: Path, clouds: Clouds):
    clouds_yaml.merge(file, clouds)
    clouds_yaml.withdraw(file, clouds)
    assert not file.exists()
    clouds_yaml.withdraw(file, clouds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "clouds:\n",
        "clouds:\n# soon\n",
        "cache: {}\n",
        "clouds:\n  a:\n    auth: {}",
        "---\nclouds:\n  a: {}\n",
        "clouds:\n  nacre: {}\n  b: {}\n",
        "clouds:\n  nacre-demo:\n    auth: |\n      x\n  b: {}\n",
    ],
)
def test_odd_but_plain_files_are_merged(file: Path, clouds: Clouds, text: str):
    file.parent.mkdir()
    file.write_text(text)
    before = (yaml.safe_load(text) or {}).get("clouds") or {}
    clouds_yaml.merge(file, clouds)
    assert read(file)["clouds"] == {**before, **clouds}


@pytest.mark.parametrize(
    "text",
    [
        "clouds: {a: {auth: {}}}\n",
        "clouds: [1]\n",
        "- 1\n",
        "clouds: {\n",
        "x: &a {nacre: {k: 1}}\nclouds: *a\n",
    ],
)
def test_a_file_that_is_not_understood_is_left_as_it_is_and_said_so(file: Path, clouds: Clouds, text: str):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(CannotMerge) as caught:
        clouds_yaml.merge(file, clouds)
    assert str(file) in str(caught.value)
    assert file.read_text() == text


def test_the_users_mode_is_kept(file: Path, clouds: Clouds):
    file.parent.mkdir()
    file.write_text(OTHERS)
    file.chmod(0o644)
    clouds_yaml.merge(file, clouds)
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_the_environment_names_what_clients_read(clouds: Clouds):
    assert clouds_yaml.as_environment(clouds["nacre-demo"]) == {
        "OS_AUTH_URL": "http://127.0.0.1:5000/identity/v3",
        "OS_USERNAME": "demo",
        "OS_PASSWORD": "p2",
        "OS_PROJECT_NAME": "demo",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "RegionOne",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_INTERFACE": "public",
    }
