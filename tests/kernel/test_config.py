from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from nacre.kernel.config import BadConfiguration, Settings, load_settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def options(shape: type[msgspec.Struct] = Settings, prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(shape):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found |= options(field.type, f"{field.name}.")
        else:
            found[prefix + field.name] = field.default
    return found


def documented() -> dict[str, str]:
    return dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]*) \|", DOCUMENT.read_text(), re.MULTILINE))


def test_every_option_is_documented_and_nothing_else_is():
    assert documented().keys() == options().keys()


def test_the_documented_defaults_are_the_real_ones():
    told_in_words = {"state", "netns", "database.url"}
    told_in_words |= {"security_compliance.password_regex", "security_compliance.password_regex_description"}
    told_in_words |= {"sign_on.trusted_dashboards", "sign_on.public_url", "local.bridge_mappings"}
    told_in_words |= {"guarantees.bandwidths"}
    told_in_words |= {"segments.vlan"}
    for name, default in options().items():
        if name not in told_in_words:
            words = documented()[name].strip("`").strip()
            assert words == str(default).lower() or words == str(default), name


def test_a_file_and_the_environment_are_read_and_the_environment_wins(tmp_path):
    (tmp_path / "nacre.toml").write_text(
        'listen = "127.0.0.1:5001"\n[http]\nworkers = 3\n[loops]\nworkers = 5\n'
    )

    settings = load_settings(
        {"NACRE_STATE": str(tmp_path), "NACRE_HTTP_WORKERS": "4", "NACRE_DATABASE_DURABLE": "false"}
    )

    assert (settings.listen, settings.http.workers, settings.loops.workers) == ("127.0.0.1:5001", 4, 5)
    assert settings.database.durable is False
    assert settings.database_url == f"sqlite:///{tmp_path}/nacre.db"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("listen = 5", "listen"),
        ('listen = "5000"', "ADDRESS:PORT"),
        ('hosts = "fake:none"', "fake:N"),
        ('colour = "red"', "colour"),
        ("[http]\nworkers = 'many'", "workers"),
        ("not toml", "nacre.toml"),
        ("[log]\nform = 'xml'", "log.form"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(tmp_path, text, complaint):
    (tmp_path / "nacre.toml").write_text(text)

    with pytest.raises(BadConfiguration, match=re.escape(complaint)):
        load_settings({"NACRE_STATE": str(tmp_path)})
