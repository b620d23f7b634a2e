from __future__ import annotations

import pytest

from nacre.agent.drivers.fake import FakeWorld, fake_drivers
from nacre.agent.fleet import fake_report
from nacre.agent.loop import Agent
from nacre.kernel.clock import VirtualClock
from tests.agent.control_plane import HOST_ID, ControlPlane


class Stage:
    """A control plane, a simulated host, an agent between them, and a clock that moves when told."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.control = ControlPlane()
        self.world = FakeWorld(self.clock)
        self.agent = self.new_agent()

    def new_agent(self) -> Agent:
        """The agent starts again; the old one is no more."""
        self.agent = Agent(
            self.control,
            fake_drivers(self.world),
            self.clock,
            host_id=HOST_ID,
            describe=lambda: fake_report(HOST_ID),
        )
        return self.agent

    def run(self, *, for_s: float = 5.0, step_s: float = 1.0) -> None:
        """Let the agent work for so long."""
        end = self.clock.now() + for_s
        self.agent.pass_once()
        while self.clock.now() < end:
            self.clock.advance(step_s)
            self.agent.pass_once()


@pytest.fixture
def stage() -> Stage:
    return Stage()
