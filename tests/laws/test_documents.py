"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_path_in_the_architecture_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(
        re.findall(r"`((?:src|tests|docs|\.ci)/[^`\s]*|[A-Za-z]+\.md|Makefile|pyproject\.toml)`", text)
    )
    assert len(named) > 20
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_dependency_is_pinned_and_has_its_reason():
    told = (ROOT / "docs" / "dependencies.md").read_text().lower()
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r")):
                package, _, version = line.partition("==")
                assert version, f"{name}: {line} is not pinned"
                assert f"`{package.lower()}`" in told, f"{package} has no reason in docs/dependencies.md"


def test_decisions_are_numbered_without_gaps():
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_no_file_names_this_machines_paths_or_a_registry():
    import subprocess

    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    forbidden = re.compile(
        r"/wor" + r"k/main|/wor" + r"k/shared|deb\.debian\." + r"org|files\.python" + r"hosted"
    )
    guilty = []
    for name in tracked:
        path = ROOT / name
        if path.is_file() and forbidden.search(path.read_text(errors="ignore")):
            guilty.append(name)
    assert guilty == []
