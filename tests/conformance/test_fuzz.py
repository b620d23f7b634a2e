"""A few of the random requests that `fuzz.py` can make without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.fuzz import Fuzz, run


@pytest.mark.slow
def test_random_requests_bring_no_error_of_ours_and_refused_ones_change_nothing(tmp_path: Path):
    fuzz = Fuzz(tmp_path)

    run(fuzz, requests=1500, seeded=20)
    fuzz.close()

    assert fuzz.faults == []
    assert fuzz.answers.total() >= 1500
