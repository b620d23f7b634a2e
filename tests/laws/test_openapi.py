"""The descriptions in openapi/ are those of the route tables. `make openapi` writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.kernel.http.openapi import description_of
from tests.support.cloud import FakeCloud

OPENAPI = Path(__file__).parents[2] / "openapi"


def descriptions(state: Path) -> dict[str, str]:
    """What each file should hold, by its name."""
    cloud = FakeCloud(state)
    try:
        return {f"{each.name}.yaml": description_of(each) for each in cloud.cloud.http.services}
    finally:
        cloud.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return descriptions(tmp_path_factory.mktemp("cloud"))


def test_every_service_is_described_as_its_routes_are(expected):
    outdated = [name for name, text in expected.items() if _kept(name) != text]
    assert outdated == [], "`make openapi` brings them up to date"


def test_nothing_else_is_described(expected):
    assert {path.name for path in OPENAPI.iterdir()} == set(expected)


def _kept(name: str) -> str:
    path = OPENAPI / name
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    import tempfile

    OPENAPI.mkdir(exist_ok=True)
    for name, text in descriptions(Path(tempfile.mkdtemp())).items():
        (OPENAPI / name).write_text(text)
