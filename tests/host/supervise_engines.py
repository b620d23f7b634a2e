"""Supervise the engines of the cloud in $NACRE_STATE, without control plane and agent."""

from __future__ import annotations

import os

from nacre.host import choices, engines, plan, watch

plan.parts_of = lambda settings: engines.parts(settings, plan.surroundings_of(settings, os.environ))

if __name__ == "__main__":
    watch.supervise(choices.load(os.environ))
