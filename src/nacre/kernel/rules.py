"""The language that rules are written in: checks of oslo.policy, parsed once and evaluated in microseconds.

    rule      = "@" | "!" | check | "not" rule | rule "and" rule | rule "or" rule | "(" rule ")"
    check     = "role:NAME"                 the caller holds a role of this name
              | "rule:NAME"                 another rule, by its name
              | "within:%(PATH)s"           the caller's project is one of a path of projects
              | ATTRIBUTE ":" template      something about the caller equals the text
              | LITERAL ":" template        a literal, such as 'public' or None, equals the text
    template  = text in which %(KEY)s stands for something about the target

Two rules of ours keep absent things from being equal to each other: what a caller lacks equals nothing but the
literal None, and what a target lacks equals nothing at all.

Source: oslo.policy reference, "Policy rule expressions".
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, final

import msgspec

from nacre.kernel.errors import Invalid

Target = Mapping[str, Any]
"""What a rule compares the caller with, such as the `project_id` of the thing."""

ATTRIBUTES: Final = frozenset(
    {
        "user_id", "user_domain_id", "project_id", "project_domain_id", "domain_id", "system_scope",
        "roles", "role_ids",
    }
)  # fmt: skip
"""What rules may ask about a caller."""

LONGEST_RULE = 4096
DEEPEST_RULE = 40
_KEY = re.compile(r"%\(([^)]*)\)s")


@dataclass(eq=False)
class BadRule(Invalid):
    """A rule that cannot be understood, or may not stand."""

    code: ClassVar[str] = "nacre.bad_rule"
    rule: str
    reason: str

    def __str__(self) -> str:
        return f"The rule '{self.rule[:200]}' cannot stand: {self.reason}."


class Book(Protocol):
    """Where rules find each other."""

    def named(self, name: str) -> Check:
        """The rule of this name; one that never holds if there is none."""
        ...


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a rule that decided: what it is, whether it holds, why, and through which named rules."""

    part: str
    holds: bool
    why: str
    through: tuple[str, ...] = ()


class Check(Protocol):
    """A rule, or a part of one."""

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        """Whether the caller meets it for this target."""
        ...

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        """Whether the caller meets it for every target (True), for none (False), or that depends (None)."""
        ...

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        """The parts that decide; each of them decides alike."""
        ...

    def parts(self) -> Sequence[Check]:
        """What it is made of."""
        ...


@final
class Constant:
    """`@` always holds, `!` never does."""

    def __init__(self, value: bool, why: str = "it says so of everybody") -> None:
        self.value = value
        self._why = why

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        return self.value

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        return self.value

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        return [Reason(part=str(self), holds=self.value, why=self._why)]

    def parts(self) -> Sequence[Check]:
        return ()

    def __str__(self) -> str:
        return "@" if self.value else "!"


ALWAYS = Constant(True)
NEVER = Constant(False)


@final
class Not:
    """Holds when its part does not."""

    def __init__(self, inner: Check) -> None:
        self._inner = inner

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        return not self._inner.holds(caller, target, book)

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        inner = self._inner.may_hold(caller, book)
        return None if inner is None else not inner

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        return [
            msgspec.structs.replace(reason, part=f"not {reason.part}", holds=not reason.holds)
            for reason in self._inner.explain(caller, target, book)
        ]

    def parts(self) -> Sequence[Check]:
        return (self._inner,)

    def __str__(self) -> str:
        return f"not {_bracketed(self._inner)}"


@final
class All:
    """Holds when every part does."""

    def __init__(self, parts: Sequence[Check]) -> None:
        self._parts = tuple(parts)

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        for part in self._parts:  # noqa: SIM110 - A generator would cost twice as much.
            if not part.holds(caller, target, book):
                return False
        return True

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        answer: bool | None = True
        for part in self._parts:
            may = part.may_hold(caller, book)
            if may is False:
                return False
            if may is None:
                answer = None
        return answer

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        for part in self._parts:
            if not part.holds(caller, target, book):
                return part.explain(caller, target, book)
        return [reason for part in self._parts for reason in part.explain(caller, target, book)]

    def parts(self) -> Sequence[Check]:
        return self._parts

    def __str__(self) -> str:
        return " and ".join(_bracketed(part) for part in self._parts)


@final
class Some:
    """Holds when at least one part does."""

    def __init__(self, parts: Sequence[Check]) -> None:
        self._parts = tuple(parts)

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        for part in self._parts:  # noqa: SIM110 - A generator would cost twice as much.
            if part.holds(caller, target, book):
                return True
        return False

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        answer: bool | None = False
        for part in self._parts:
            may = part.may_hold(caller, book)
            if may is True:
                return True
            if may is None:
                answer = None
        return answer

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        for part in self._parts:
            if part.holds(caller, target, book):
                return part.explain(caller, target, book)
        return [reason for part in self._parts for reason in part.explain(caller, target, book)]

    def parts(self) -> Sequence[Check]:
        return self._parts

    def __str__(self) -> str:
        return " or ".join(_bracketed(part) for part in self._parts)


@final
class Reference:
    """`rule:NAME`: another rule, as it stands in the book."""

    def __init__(self, name: str) -> None:
        self.name = name

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        return book.named(self.name).holds(caller, target, book)

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        return book.named(self.name).may_hold(caller, book)

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        return [
            msgspec.structs.replace(reason, through=(self.name, *reason.through))
            for reason in book.named(self.name).explain(caller, target, book)
        ]

    def parts(self) -> Sequence[Check]:
        return ()

    def __str__(self) -> str:
        return f"rule:{self.name}"


@final
class Template:
    """Text in which `%(KEY)s` stands for something about the target."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.keys = tuple(_KEY.findall(text))
        self._whole = self.keys[0] if self.keys and text == f"%({self.keys[0]})s" else None

    def filled(self, target: Target) -> str | None:
        """The text for this target; None if the target lacks something of it."""
        if self._whole is not None:
            value = target.get(self._whole)
            return value if value is None or value.__class__ is str else str(value)
        if not self.keys:
            return self.text
        if any(target.get(key) is None for key in self.keys):
            return None
        return _KEY.sub(lambda found: str(target[found[1]]), self.text)

    @property
    def is_fixed(self) -> bool:
        """Whether it says the same of every target."""
        return not self.keys


@final
class HasRole:
    """`role:NAME`: the caller holds a role of this name, in whatever case it is written."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._fixed = template.text.lower() if template.is_fixed else None

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        wanted = self._fixed
        if wanted is None:
            filled = self._template.filled(target)
            if filled is None:
                return False
            wanted = filled.lower()
        for role in caller.roles:  # noqa: SIM110 - A generator would cost twice as much.
            if role == wanted or role.lower() == wanted:
                return True
        return False

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        if self._fixed is not None:
            return self.holds(caller, {}, book)
        return None if caller.roles else False

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        held = ", ".join(caller.roles) or "none"
        return [
            Reason(part=str(self), holds=self.holds(caller, target, book), why=f"the roles held are: {held}")
        ]

    def parts(self) -> Sequence[Check]:
        return ()

    def __str__(self) -> str:
        return f"role:{self._template.text}"


@final
class Equals:
    """`ATTRIBUTE:template`: something about the caller is the text; of a list, one of it is."""

    def __init__(self, attribute: str, template: Template) -> None:
        self._attribute = attribute
        self._template = template

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        wanted = self._template.filled(target)
        if wanted is None:
            return False
        value = getattr(caller, self._attribute)
        if not value:
            return wanted == "None" and self._template.is_fixed
        return wanted in value if value.__class__ is tuple else value == wanted

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        if self._template.is_fixed:
            return self.holds(caller, {}, book)
        return None if getattr(caller, self._attribute) else False

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        value = getattr(caller, self._attribute)
        has = ", ".join(value) if isinstance(value, tuple) else value
        wanted = self._template.filled(target)
        why = f"the caller's {self._attribute} is {has or 'absent'}; " + (
            f"the target lacks {' or '.join(self._template.keys)}"
            if wanted is None
            else f"wanted is {wanted}"
        )
        return [Reason(part=str(self), holds=self.holds(caller, target, book), why=why)]

    def parts(self) -> Sequence[Check]:
        return ()

    def __str__(self) -> str:
        return f"{self._attribute}:{self._template.text}"


@final
class Says:
    """`LITERAL:template`: the text is this literal."""

    def __init__(self, literal: str, template: Template) -> None:
        self._written = literal
        self._literal = str(ast.literal_eval(literal))
        self._template = template

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        return self._said(target) == self._literal

    def _said(self, target: Target) -> str | None:
        """What the target says; `None` of a key that is there and empty, so that the literal can ask for that."""
        said = self._template.filled(target)
        if said is None and all(key in target for key in self._template.keys):
            return "None"
        return said

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        return self.holds(caller, {}, book) if self._template.is_fixed else None

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        says = self._said(target)
        why = f"the target says {'nothing' if says is None else says}"
        return [Reason(part=str(self), holds=self.holds(caller, target, book), why=why)]

    def parts(self) -> Sequence[Check]:
        return ()

    def __str__(self) -> str:
        return f"{self._written}:{self._template.text}"


@final
class Within:
    """`within:%(PATH)s`: the caller's project is one of those the target names, such as a project and all above."""

    def __init__(self, key: str) -> None:
        self._key = key

    def holds(self, caller: Any, target: Target, book: Book) -> bool:
        project_id = caller.project_id
        return bool(project_id) and project_id in target.get(self._key, ())

    def may_hold(self, caller: Any, book: Book) -> bool | None:
        return None if caller.project_id else False

    def explain(self, caller: Any, target: Target, book: Book) -> Sequence[Reason]:
        path = ", ".join(target.get(self._key, ())) or "empty"
        why = f"the caller's project_id is {caller.project_id or 'absent'}; the path is {path}"
        return [Reason(part=str(self), holds=self.holds(caller, target, book), why=why)]

    def parts(self) -> Sequence[Check]:
        return ()

    def __str__(self) -> str:
        return f"within:%({self._key})s"


def _bracketed(check: Check) -> str:
    return f"({check})" if isinstance(check, All | Some) else str(check)


# -- reading -----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def parse(rule: str) -> Check:
    """A rule as written. Raises BadRule."""
    if len(rule) > LONGEST_RULE:
        raise BadRule(rule, f"it is longer than {LONGEST_RULE} characters")
    words = list(_words(rule))
    return _Parser(rule, words).whole() if words else ALWAYS


def references(check: Check) -> Iterator[str]:
    """The names of the rules that one refers to directly."""
    if isinstance(check, Reference):
        yield check.name
    for part in check.parts():
        yield from references(part)


def _words(rule: str) -> Iterator[str]:
    """Brackets stand by themselves; those within a word, as in `%(project_id)s`, belong to it."""
    for word in rule.split():
        bare = word.lstrip("(")
        yield from "(" * (len(word) - len(bare))
        inner = bare.rstrip(")")
        if inner:
            yield inner
        yield from ")" * (len(bare) - len(inner))


class _Parser:
    """Reads words from left to right; `and` binds tighter than `or`, `not` tighter than both."""

    def __init__(self, rule: str, words: Sequence[str]) -> None:
        self._rule = rule
        self._words = words
        self._at = 0
        self._depth = 0

    def whole(self) -> Check:
        check = self._or()
        if self._at < len(self._words):
            raise self._bad(f"'{self._words[self._at]}' is not expected")
        return check

    def _or(self) -> Check:
        self._depth += 1
        if self._depth > DEEPEST_RULE:
            raise self._bad("its brackets are too deep")
        parts = [self._and()]
        while self._next_is("or"):
            parts.append(self._and())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Some(parts)

    def _and(self) -> Check:
        parts = [self._not()]
        while self._next_is("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(parts)

    def _not(self) -> Check:
        nots = 0
        while self._next_is("not"):
            nots += 1
        check = self._atom()
        # Two of them take each other away; so no number of them makes a rule deep.
        return Not(check) if nots % 2 else check

    def _atom(self) -> Check:
        if self._next_is("("):
            check = self._or()
            if not self._next_is(")"):
                raise self._bad("a bracket is not closed")
            return check
        if self._at >= len(self._words):
            raise self._bad("it ends where a check is expected")
        word = self._words[self._at]
        if word == ")" or word.lower() in ("and", "or", "not"):
            raise self._bad(f"'{word}' is not expected")
        self._at += 1
        return self._check(word)

    def _next_is(self, wanted: str) -> bool:
        if self._at < len(self._words) and self._words[self._at].lower() == wanted:
            self._at += 1
            return True
        return False

    def _check(self, word: str) -> Check:
        if word in ("@", "!"):
            return ALWAYS if word == "@" else NEVER
        kind, colon, rest = word.partition(":")
        if not colon:
            raise self._bad(f"'{word}' is not a check: it has no colon")
        if kind == "rule":
            return Reference(rest)
        template = Template(rest)
        if "%" in _KEY.sub("", rest):
            raise self._bad(f"'{rest}' is not text with %(key)s in it")
        if kind == "role":
            return HasRole(template)
        if kind == "within":
            if len(template.keys) != 1 or rest != f"%({template.keys[0]})s":
                raise self._bad("within: takes one %(key)s")
            return Within(template.keys[0])
        if kind in ATTRIBUTES:
            return Equals(kind, template)
        try:
            return Says(kind, template)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
            known = ", ".join(sorted(ATTRIBUTES))
            raise self._bad(f"nothing is known of '{kind}'; of a caller there are {known}") from error

    def _bad(self, reason: str) -> BadRule:
        return BadRule(self._rule, reason)
