"""Text of a formula to its tree: numbers, tags of one asset, `+ - * /`, parentheses and the functions of `FUNCTIONS`.

Nothing is evaluated here, and a text can name nothing but tags and these functions. Length, depth and rows back are
bounded.

    sum      = product {("+" | "-") product}
    product  = signed {("*" | "/") signed}
    signed   = ["-"] primary
    primary  = number ["[" unit "]"] | tag | function "(" sum {"," sum} ")" | "(" sum ")"
    tag      = letters, digits and _, or any text between double quotes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 500
MAX_DEPTH: Final = 20
MAX_BACK: Final = 1_000
FUNCTIONS: Final = {"abs": (1, 1), "sqrt": (1, 1), "log": (1, 1), "min": (2, 9), "max": (2, 9)}  # name -> arguments
ROW_FUNCTIONS: Final = ("change", "mean")  # of (what, a number of rows)
TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)|\"(?P<quoted>[^\"\n]*)\""
    r"|\[(?P<unit>[^\]\n]*)\]|(?P<sign>[-+*/(),]))"
)


class FormulaError(ValueError):
    """A formula that cannot be used; the text says why in words of an analyst."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number, with the unit that stands in brackets after it, "" for none."""

    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A tag by name."""

    tag: str


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    of: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """`left sign right`; sign is one of + - * /."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of FUNCTIONS with its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Back:
    """A function of ROW_FUNCTIONS: `change` against n rows before, or `mean` of the last n rows."""

    function: str
    of: Node
    n: int


Node = Number | Source | Negative | Binary | Call | Back


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind (a group of TOKEN), its text, and its place from 1 on."""

    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """Return the tree of a formula; raises FormulaError naming the place."""
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"longer than {MAX_LENGTH} characters")
    return _Parser(list(_tokens(text))).whole()


def sources(node: Node) -> tuple[str, ...]:
    """Return the tags that a formula names, sorted."""
    return tuple(sorted({part.tag for part in parts(node) if isinstance(part, Source)}))


def rows_back(node: Node) -> int:
    """Return how many rows before a row its value may need."""
    own = 0
    if isinstance(node, Back):
        own = node.n if node.function == "change" else node.n - 1
    return own + max((rows_back(inner) for inner in _inner(node)), default=0)


def parts(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for inner in _inner(node):
        yield from parts(inner)


def _inner(node: Node) -> tuple[Node, ...]:
    match node:
        case Negative(of) | Back(_, of, _):
            return (of,)
        case Binary(_, left, right):
            return left, right
        case Call(_, arguments):
            return arguments
        case _:
            return ()


def _tokens(text: str) -> Iterator[Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            at = place + len(text[place:]) - len(text[place:].lstrip())
            raise FormulaError(f"{text[at]!r} at character {at + 1} is nothing a formula may hold")
        yield Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1)
        place = match.end()
    yield Token("end", "", end + 1)


class _Parser:
    """Recursive descent over tokens; the grammar is the module's."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._place, self._depth = tokens, 0, 0

    def whole(self) -> Node:
        node = self._sum()
        self._expect("")
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += token.kind != "end"
        return token

    def _is_sign(self, signs: str) -> bool:
        return self._next.kind == "sign" and self._next.text in signs

    def _expect(self, sign: str) -> None:
        token = self._take()
        if token.text != sign or token.kind != ("sign" if sign else "end"):
            found = repr(token.text) if token.kind != "end" else "the end"
            wanted = repr(sign) if sign else "an operator or the end"
            raise FormulaError(f"{wanted} is expected at character {token.at}, where {found} stands")

    def _sum(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FormulaError(f"nested deeper than {MAX_DEPTH} levels")
        node = self._chain("+-", lambda: self._chain("*/", self._signed))
        self._depth -= 1
        return node

    def _chain(self, signs: str, of: Callable[[], Node]) -> Node:
        node = of()
        while self._is_sign(signs):
            sign = self._take().text
            node = Binary(sign, node, of())
        return node

    def _signed(self) -> Node:
        if self._is_sign("-"):
            self._take()
            return Negative(self._primary())
        return self._primary()

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "number":
            unit = self._take().text.strip() if self._next.kind == "unit" else ""
            return Number(float(token.text), unit)
        if token.kind == "name" and self._is_sign("("):
            return self._call(token)
        if token.kind in ("name", "quoted") and token.text:
            return Source(token.text)
        if token.kind == "sign" and token.text == "(":
            node = self._sum()
            self._expect(")")
            return node
        found = repr(token.text) if token.kind != "end" else "the end"
        raise FormulaError(f"a tag, a number or a function is expected at character {token.at}, where {found} stands")

    def _call(self, name: Token) -> Node:
        if name.text not in FUNCTIONS and name.text not in ROW_FUNCTIONS:
            known = ", ".join((*FUNCTIONS, *ROW_FUNCTIONS))
            raise FormulaError(f"no function {name.text!r} at character {name.at}; there are {known}")
        self._expect("(")
        arguments = [self._sum()]
        while self._is_sign(","):
            self._take()
            arguments.append(self._sum())
        self._expect(")")
        if name.text in ROW_FUNCTIONS:
            return _back(name, arguments)
        least, most = FUNCTIONS[name.text]
        if not least <= len(arguments) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise FormulaError(f"{name.text} takes {wanted} arguments, {len(arguments)} are given")
        return Call(name.text, tuple(arguments))


def _back(name: Token, arguments: list[Node]) -> Back:
    if len(arguments) != 2:
        raise FormulaError(f"{name.text} takes two arguments, as in {name.text}(tag, 5); {len(arguments)} are given")
    of, n = arguments
    if not isinstance(n, Number) or n.unit or n.value != int(n.value) or not 1 <= n.value <= MAX_BACK:
        raise FormulaError(f"the second argument of {name.text} is a whole number of rows from 1 to {MAX_BACK}")
    return Back(name.text, of, int(n.value))
