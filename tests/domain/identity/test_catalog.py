"""Addresses with the caller's project put into them."""

from __future__ import annotations

import pytest

from nacre.identity.domain.catalog import filled_in

NAMES = {"project_id": "p", "tenant_id": "p", "user_id": ""}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://x/v3", "http://x/v3"),
        ("http://x/$(project_id)s/y", "http://x/p/y"),
        ("http://x/%(tenant_id)s", "http://x/p"),
        ("http://x/$(tenant_id)s/%(project_id)s", "http://x/p/p"),
        ("http://x/$(user_id)s", None),
        ("http://x/$(other)s", "http://x/$(other)s"),
        ("http://x/(a)", "http://x/(a)"),
    ],
)
def test_names_are_filled_in_where_they_are_known(url: str, shown: str | None):
    assert filled_in(url, NAMES) == shown
