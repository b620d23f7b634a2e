"""Commands that start, stop and enter a cloud."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time


class Progress:
    """Prints each line with the seconds that have passed since the command began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)


def up(ask: argparse.Namespace) -> int:
    from nacre.host import up as front_door

    front_door.up(os.environ, hosts=ask.hosts, database=ask.database, say=Progress())
    return 0


def down(ask: argparse.Namespace) -> int:
    from nacre.host import choices
    from nacre.host import down as front_door

    front_door.down(choices.load(os.environ), Progress(), by_unit=ask.by_unit)
    return 0


def purge(_ask: argparse.Namespace) -> int:
    """Also where no cloud was ever started: absent is success."""
    from nacre.host import choices
    from nacre.host import down as front_door

    try:
        settings = choices.load(os.environ)
    except choices.NoCloud as problem:
        print(problem)
        return 0
    front_door.purge(settings, Progress())
    return 0


def env(ask: argparse.Namespace) -> int:
    from nacre.host import choices, clouds_yaml, paths

    settings = choices.load(os.environ)
    clouds = clouds_yaml.load(paths.clouds_file(settings.state_dir))
    if ask.cloud not in clouds:
        known = ", ".join(clouds) or "none yet: run `nacre up`"
        print(f"nacre: There is no cloud {ask.cloud!r}. Known: {known}.", file=sys.stderr)
        return 1
    for name, value in clouds_yaml.as_environment(clouds[ask.cloud]).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def execute(ask: argparse.Namespace) -> int:
    """Become the command, with the environment in which ovs-vsctl, ovn-nbctl and virsh find the engines."""
    from nacre.host import choices, engines, namespaces

    words = ask.words[1:] if ask.words[:1] == ["--"] else ask.words
    if not words:
        print("nacre: exec needs a command.", file=sys.stderr)
        return 2
    settings = choices.load(os.environ)
    environment = {**os.environ, **engines.environment(settings.state_dir)}
    command = namespaces.inside(settings.netns, words)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - no shell is wanted.
    except OSError as error:
        print(f"nacre: {command[0]}: {error.strerror}.", file=sys.stderr)
        return 127
