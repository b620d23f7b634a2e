"""A few of the random requests that `fuzz.py` can make without end."""

from __future__ import annotations

import pytest

from tests.conformance.fuzz import SERVICES, Fuzz


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_random_requests_bring_no_error_of_ours_and_refused_ones_change_nothing(service: str):
    fuzz = Fuzz(SERVICES[service], seeded=20)

    fuzz.run(1000)
    fuzz.close()

    assert fuzz.faults == []
    assert fuzz.answers.total() >= 1000
