"""Several nodes over one store: what one changes, the others heed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.identity.keys import KEY_SETTLES_S, new_sealed_secret, rotate_keys
from nacre.identity.sealing import SEAL_FILE, Seal
from nacre.kernel.clock import VirtualClock
from nacre.kernel.errors import Unauthenticated
from nacre.kernel.events import Actor
from nacre.kernel.recall import LONGEST_S
from tests.services.identity.conftest import Site, assembled_site

AUTH = "/identity/v3/auth/tokens"


@pytest.fixture
def other(site: Site, clock: VirtualClock, tmp_path: Path) -> Iterator[Site]:
    """A second node over the store of `site`; wake-ups do not reach it."""
    url = site.kernel.database.url.render_as_string(hide_password=False)
    other = assembled_site(url, state=tmp_path, clock=clock)
    yield other
    other.close()


def refused(site: Site, token: str) -> bool:
    try:
        site.identity.authenticate(token)
    except Unauthenticated:
        return True
    return False


def test_a_token_of_one_node_counts_on_every_other(site: Site, other: Site):
    assert other.identity.authenticate(site.token("demo")).user_name == "demo"


def test_even_when_every_wake_up_is_lost_a_change_is_heeded_within_seconds(site: Site, other: Site):
    revoked, changed = site.token("demo"), site.token("demo")
    assert not refused(other, revoked)
    site.as_user().delete(AUTH, headers={"X-Subject-Token": revoked})

    other.clock.advance(LONGEST_S)
    assert refused(other, revoked)
    assert not refused(other, changed)

    user_id = site.identity.authenticate(changed).user_id
    site.as_user().patch(f"/identity/v3/users/{user_id}", json={"user": {"password": "new"}})
    other.clock.advance(LONGEST_S)
    assert refused(other, changed)


def test_wake_ups_carry_a_change_to_the_other_node_at_once(postgres, clock: VirtualClock, tmp_path: Path):
    url = postgres.new_database()
    here = assembled_site(url, state=tmp_path, clock=clock)
    there = assembled_site(url, state=tmp_path, clock=clock)
    heard, stop = threading.Event(), threading.Event()
    there.kernel.wakes.listen_to_all(lambda topic: heard.set())
    listener = threading.Thread(target=there.kernel.database.listen, args=(stop,))
    listener.start()
    try:
        token = here.token("demo")
        user_id = there.identity.authenticate(token).user_id
        # Nobody says when the listener is ready: change something harmless until it is heard.
        for _ in range(200):
            here.as_user().patch(f"/identity/v3/users/{user_id}", json={"user": {"note": str(_)}})
            if heard.wait(0.05):
                break
        heard.clear()

        here.as_user().patch(f"/identity/v3/users/{user_id}", json={"user": {"enabled": False}})

        assert heard.wait(10)
        assert refused(there, token)
    finally:
        stop.set()
        listener.join(timeout=10)
        here.close()
        there.close()


def test_keys_are_rotated_without_voiding_a_token_before_its_time(site: Site, other: Site):
    lifetime_s = site.kernel.settings.token.lifetime_s

    def rotate():
        sealed = new_sealed_secret(Seal(site.kernel.settings.state_dir / SEAL_FILE))
        with site.kernel.database.write(Actor("test")) as tx:
            rotate_keys(tx, sealed, lifetime_s=lifetime_s)

    old = site.token("demo")
    rotate()
    during = site.token("demo")
    assert not refused(other, during), "the new key must not sign before the other node knows it"

    site.clock.advance(KEY_SETTLES_S)
    fresh = site.token("demo")
    assert fresh[:6] != old[:6]
    for token in (old, during, fresh):
        assert not refused(site, token)
        assert not refused(other, token)

    site.clock.advance(2 * lifetime_s)
    rotate()
    keys = site.identity._keys_now()  # type: ignore[attr-defined]
    assert sorted(keys) == [2, 3], "the first key signed no token that is still good"


def test_a_role_is_never_given_to_a_user_who_is_just_being_deleted(site: Site):
    """Both orders are possible; an assignment without its user is not."""
    member, project_id = site.role_id("member"), site.make("project", name="lab")
    admin = site.token()
    for round_ in range(10):
        user_id = site.make("user", name=f"u{round_}")
        path = f"/identity/v3/projects/{project_id}/users/{user_id}/roles/{member}"
        threads = [
            threading.Thread(target=site.client(admin).put, args=(path,)),
            threading.Thread(target=site.client(admin).delete, args=(f"/identity/v3/users/{user_id}",)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    left = site.as_user().get(f"/identity/v3/role_assignments?scope.project.id={project_id}")
    assert left.json["role_assignments"] == []
