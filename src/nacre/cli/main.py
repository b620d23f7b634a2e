"""`nacre COMMAND`: reads the command line and hands over to the module of that command.

Each command imports what it needs when it runs, so that `nacre status` starts at once.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence

from nacre import __version__
from nacre.cli import cloud, directories, keys, operate, policy, processes
from nacre.kernel.errors import Problem

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 when it is done, 1 when it could not be, 2 for a command that cannot be meant."""
    ask = parser().parse_args(argv)
    command: Command = ask.command
    try:
        status = command(ask)
        sys.stdout.flush()  # While somebody can still be told that it failed.
        return status
    except Problem as problem:
        print(f"nacre: {told(problem)}", file=sys.stderr)
        return 1
    except TimeoutError as error:
        print(f"nacre: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        if _somebody_reads():
            raise  # It was another pipe that broke.
        # The reader of our output (`| head`) has gone; there is nothing left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _somebody_reads() -> bool:
    """Whether our output is not a pipe whose reader has gone: such a one says so without being asked for anything."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def told(problem: Problem) -> str:
    """The sentence, and below it what it comes from: whoever types `nacre` on the machine may know."""
    lines = [str(problem)]
    cause = problem.__cause__
    while cause is not None:
        lines.append(f"  because: {cause or type(cause).__name__}")
        cause = cause.__cause__
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = argparse.ArgumentParser(
        prog="nacre",
        description="A private cloud in one program. Its state is in $NACRE_STATE.",
    )
    top.add_argument("--version", action="version", version=f"nacre {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    up = _add(commands, "up", cloud.up, "start the cloud, or repair it, and wait until it is ready")
    up.add_argument("--hosts", default="", help="local (this machine, the default) or fake:N")
    up.add_argument("--database", default="", metavar="URL", help="a PostgreSQL instead of SQLite")
    down = _add(commands, "down", cloud.down, "stop the cloud and keep its data")
    down.add_argument("--by-unit", action="store_true", help=argparse.SUPPRESS)
    _add(commands, "purge", cloud.purge, "stop the cloud and remove all that `up` made")
    env = _add(commands, "env", cloud.env, "print OS_* exports for a shell")
    env.add_argument("cloud", nargs="?", default="nacre", metavar="CLOUD", help="nacre or nacre-demo")
    inside = _add(commands, "exec", cloud.execute, "run a command where the engines and guests live")
    inside.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")

    status = _add(commands, "status", operate.status, "what runs")
    status.add_argument("--json", action="store_true", help="for programs")
    _add(commands, "doctor", operate.doctor, "what is wrong, and the cure")
    explain = _add(
        commands,
        "explain",
        operate.explain,
        "why a server is where it is; what hinders the delete of a network",
    )
    explain.add_argument("noun", metavar="NOUN", nargs="?", default="server", help="such as network or port")
    explain.add_argument("name", metavar="NAME", help="its name or id")
    audit = _add(commands, "audit", operate.audit, "compare intent with reality")
    audit.add_argument("service", metavar="SERVICE", nargs="?", help="such as network; all, if none is named")
    audit.add_argument("--repair", action="store_true", help="mend what can be mended, and tell what is left")

    kept = _add(commands, "keys", keys.status, "the keys that sign tokens and seal secrets")
    of_keys = kept.add_subparsers(metavar="COMMAND")
    _add(of_keys, "status", keys.status, "which keys there are, and what they have sealed")
    rotate = _add(of_keys, "rotate", keys.rotate, "new keys; without an option, of both kinds")
    rotate.add_argument("--tokens", action="store_true", help="the key that signs tokens")
    rotate.add_argument(
        "--seal", action="store_true", help="the key that seals secrets, and all of them anew"
    )
    rotate.add_argument("--alone", action="store_true", help="no other node has a copy of the sealing keys")
    _add(of_keys, "announce", keys.announce, "make the sealing key that is to come, for other nodes to know")
    _add(of_keys, "drop", keys.drop, "forget the older sealing keys once nothing needs them")

    of_identity = commands.add_parser("identity", help="the directories of domains").add_subparsers(
        metavar="COMMAND", required=True
    )
    _add(of_identity, "list", directories.list_all, "how it stands with the directory of each domain")
    check = _add(of_identity, "check", directories.check, "try a domain's directory, and say what is wrong")
    check.add_argument("domain", metavar="DOMAIN", help="its name or id")
    mirror = _add(of_identity, "mirror", directories.mirror, "look at a domain's directory now")
    mirror.add_argument("domain", metavar="DOMAIN", help="its name or id")
    mirror.add_argument(
        "--accept-losses", action="store_true", help="let go of all that are gone, however many they are"
    )

    _add_policy(commands)

    _add(commands, "serve", processes.serve, "run the control plane in the foreground")
    _add(commands, "agent", processes.agent, "run the host agent in the foreground")
    _add(commands, "supervise", processes.supervise, "run the supervisor in the foreground")
    return top


def _add_policy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    rules = _add(commands, "policy", policy.list_all, "the rules of who may do what")
    rules.set_defaults(overridden=False)
    verbs = rules.add_subparsers(metavar="COMMAND")
    every = _add(
        verbs, "list", policy.list_all, "every rule as it stands; a star marks those that were changed"
    )
    every.add_argument("--overridden", action="store_true", help="only those that were changed")
    for name, command, about in (
        ("show", policy.show, "one rule, its default, and who changed it when"),
        ("set", policy.set_rule, "let this be the rule, at once and on every node"),
        ("reset", policy.reset, "let the default count again"),
        ("history", policy.history, "every change of a rule, the newest first"),
        ("check", policy.check, "would this user be allowed, and which part of the rule decides?"),
    ):
        verb = _add(verbs, name, command, about)
        verb.add_argument("name", metavar="NAME", help="such as identity:list_users")
        if name == "set":
            verb.add_argument("rule", metavar="RULE", help="such as 'rule:admin or rule:domain_reader'")
        if name == "check":
            verb.add_argument("--user", required=True, metavar="ID", help="the user who would ask")
            verb.add_argument("--project", metavar="ID", help="with a token for this project")
            verb.add_argument("--domain", metavar="ID", help="with a token for this domain")
            verb.add_argument("--system", action="store_true", help="with a token for the whole system")
            verb.add_argument("--rule", metavar="RULE", help="a rule to try in place of the one in force")
            verb.add_argument(
                "--target",
                action="append",
                default=[],
                metavar="KEY=VALUE",
                help="such as project_id=...; may be repeated",
            )


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: Command, about: str
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    added.set_defaults(command=command)
    return added


if __name__ == "__main__":
    sys.exit(main())
