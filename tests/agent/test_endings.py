"""How the libvirt driver tells a guest that ended by itself from one that was ended."""

from __future__ import annotations

import pytest

libvirt = pytest.importorskip("libvirt")

from nacre.agent.drivers import libvirt as module  # noqa: E402 - Only where libvirt is.
from nacre.kernel.ids import ServerId  # noqa: E402

GUEST = ServerId("guest")
SHUTDOWN = libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN
CRASHED = libvirt.VIR_DOMAIN_SHUTOFF_CRASHED
DESTROYED = libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED
UNKNOWN = libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN
DAEMON = libvirt.VIR_DOMAIN_SHUTOFF_DAEMON


@pytest.fixture
def endings():
    return module._Endings()


@pytest.mark.parametrize("reason", [DESTROYED, UNKNOWN, DAEMON, libvirt.VIR_DOMAIN_SHUTOFF_FAILED])
@pytest.mark.parametrize("seen", [True, False])
def test_other_reasons_are_never_the_guests_own(endings, reason, seen):
    if seen:
        endings.saw_active(GUEST)

    assert endings.ended_itself(GUEST, reason=reason) is False


def test_a_crash_is_the_guests_own_only_if_it_was_seen_to_run(endings):
    before = endings.ended_itself(GUEST, reason=CRASHED)
    endings.saw_active(GUEST)

    assert before is False
    assert endings.ended_itself(GUEST, reason=CRASHED) is True


def test_a_shutdown_before_we_came_is_believed(endings):
    assert endings.ended_itself(GUEST, reason=SHUTDOWN) is True


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_shutdown_we_saw_is_what_its_event_says(endings, by_itself):
    endings.saw_start(GUEST)
    endings.heard_shutdown(GUEST, by_itself=by_itself)
    endings.saw_active(GUEST)  # It is seen on its way out.

    assert endings.ended_itself(GUEST, reason=SHUTDOWN) is by_itself


def test_a_shutdown_whose_event_has_not_come_is_not_judged_yet_but_not_for_ever(endings, monkeypatch):
    endings.saw_active(GUEST)

    first = endings.ended_itself(GUEST, reason=SHUTDOWN)
    monkeypatch.setattr(module, "EVENT_LIMIT_S", 0.0)

    assert first is None
    assert endings.ended_itself(GUEST, reason=SHUTDOWN) is True


def test_a_new_start_makes_the_last_end_forgotten(endings):
    endings.saw_start(GUEST)
    endings.heard_shutdown(GUEST, by_itself=False)
    endings.saw_start(GUEST)

    assert endings.ended_itself(GUEST, reason=SHUTDOWN) is None
