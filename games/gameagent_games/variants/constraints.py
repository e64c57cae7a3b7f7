"""Conditions on several rules of a variant at once, such as ``low < high``: expressions that are read, never run.

A condition is written in Python's syntax over rule names. It may have comparisons (``low < middle < high``), ``and``,
``or``, ``not``, arithmetic, ``abs``, ``min``, ``max`` and ``sum``, numbers, texts, ``true`` and ``false``, entries of
array rules (``worth[0]``), and ``in`` followed by a list or by an array rule. Everything else is refused. Arithmetic is
done in float64; a flag counts as 0 or 1; comparisons with the result of a division by zero are false.
"""

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.field_types import nearest

if TYPE_CHECKING:
    from gameagent_games.variants.variant import Rule

MOST_CHARACTERS: Final = 1000
MOST_PARTS: Final = 200  # nodes of the syntax tree, and so its greatest depth
MOST_POWER: Final = 8

Evaluate: TypeAlias = Callable[[NDArray[Any]], Any]
"""From records ``(num,)`` to values ``(num,)``, to those of an array rule ``(num, length)``, or to one constant."""

_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_CALLS: Final = ("abs", "min", "max", "sum")
_INSTEAD: Final[Mapping[type[ast.AST], str]] = {
    ast.BitAnd: "'and'",
    ast.BitOr: "'or'",
    ast.Invert: "'not'",
    ast.Is: "'=='",
    ast.IsNot: "'!='",
    ast.NamedExpr: "'=='",
}
"""What is meant by some constructs that are refused."""


@dataclass(frozen=True)
class Constraint:
    """A condition that variants must meet.

    Attributes:
        text: As it was written.
        holds: Whether each of the records ``(num,)`` meets it, bool ``(num,)``.
        rules: The rules that it is about.
    """

    text: str
    holds: Callable[[NDArray[Any]], NDArray[np.bool_]]
    rules: tuple[str, ...]


def read_constraint(text: Any, rules: "Sequence[Rule]") -> Constraint:
    """Reads a condition on some of the rules.

    Args:
        text: The expression.
        rules: All rules of the space.

    Raises:
        VariantError: It is none, or has something that no condition may have; the message names it.
    """
    if not isinstance(text, str):
        raise VariantError(f"a constraint is {text!r}, expected a text such as 'low < high'")
    reader = _Reader(text, {rule.name: rule for rule in rules})
    term = reader.read(_parsed(text))
    if term.kind != "flag" or term.length is not None:
        reader.refuse(f"is {term.described}, expected a condition such as 'low < high'")
    if not reader.named:
        reader.refuse(f"names no rule; the rules are {', '.join(rule.name for rule in rules)}")

    def holds(records: NDArray[Any]) -> NDArray[np.bool_]:
        with np.errstate(all="ignore"):
            return np.array(np.broadcast_to(term.value(records), len(records)), dtype=bool)

    return Constraint(text, holds, tuple(reader.named))


def _parsed(text: str) -> ast.expr:
    if len(text) > MOST_CHARACTERS:
        raise VariantError(
            f"constraint {text[:40]!r}... has {len(text)} characters, expected {MOST_CHARACTERS} at most"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of is wrong here, too
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or "it is nested too deeply"
        raise VariantError(f"constraint {text!r}: cannot be read: {reason}") from None
    if sum(1 for _ in ast.walk(tree)) > MOST_PARTS:
        raise VariantError(f"constraint {text[:40]!r}... has more than {MOST_PARTS} parts: write it as several")
    return tree.body


@dataclass(frozen=True)
class _Term:
    """A part of a condition: what kind of value it has, and how the value is computed.

    Attributes:
        kind: "number", "flag" or "text".
        value: Computes it.
        length: Number of entries, of an array rule; else None.
        texts: The texts that it may be, if it is a text.
        rule: The rule, if it is one or an entry of one.
        constant: The number, text or flag that is written there, if it is one.
    """

    kind: str
    value: Evaluate
    length: int | None = None
    texts: tuple[str, ...] = ()
    rule: str = ""
    constant: Any = None

    @property
    def described(self) -> str:
        return f"a list of {self.length} {self.kind}s" if self.length is not None else f"a {self.kind}"


class _Reader:
    """Reads the syntax tree of one condition."""

    def __init__(self, text: str, rules: "Mapping[str, Rule]") -> None:
        self._text, self._rules = text, rules
        self.named: list[str] = []
        self._readers: Mapping[type[ast.expr], Callable[[Any], _Term]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Subscript: self._entry,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._arithmetic,
            ast.BoolOp: self._joined,
            ast.Compare: self._compared,
            ast.Call: self._call,
        }

    def refuse(self, why: str) -> NoReturn:
        raise VariantError(f"constraint {self._text!r}: {why}")

    def read(self, node: ast.expr) -> _Term:
        """The term that a part of the tree stands for."""
        read = self._readers.get(type(node))
        return read(node) if read is not None else self._refuse_construct(node, node)

    def _refuse_construct(self, node: ast.expr, construct: ast.AST) -> NoReturn:
        name, instead = type(construct).__name__, _INSTEAD.get(type(construct))
        allowed = (
            f"write {instead}"
            if instead is not None
            else "expected comparisons, and, or, not, arithmetic, "
            f"{', '.join(_CALLS)}, rule names, numbers, texts, true and false"
        )
        self.refuse(f"has {ast.unparse(node)!r} ({name}), which no constraint may have; {allowed}")

    def _constant(self, node: ast.Constant) -> _Term:
        given: Any = node.value
        if isinstance(given, str):
            return _Term("text", lambda records: given, texts=(given,), constant=given)
        if isinstance(given, bool):
            return _Term("flag", lambda records: given, constant=given)
        if not isinstance(given, int | float) or abs(given) >= 2**63:
            self.refuse(f"has {ast.unparse(node)[:40]}, expected a number below 2**63, a text, true or false")
        return _Term("number", lambda records: given, constant=given)

    def _name(self, node: ast.Name) -> _Term:
        name, rule = node.id, self._rules.get(node.id)
        if rule is None:
            if name in ("true", "false"):
                return _Term("flag", lambda records: name == "true", constant=name == "true")
            self.refuse(f"no rule named {name!r}; the rules are {', '.join(self._rules)}{nearest(name, self._rules)}")
        self.named.append(name)
        return _rule_term(rule)

    def _entry(self, node: ast.Subscript) -> _Term:
        whole = self.read(node.value)
        index = self.read(node.slice).constant if not isinstance(node.slice, ast.Slice) else None
        if whole.length is None:
            self.refuse(f"has {ast.unparse(node)!r}, but {ast.unparse(node.value)} is {whole.described}")
        if type(index) is not int or not -whole.length <= index < whole.length:
            self.refuse(f"has {ast.unparse(node)!r}, expected an index from 0 to {whole.length - 1}")
        return _Term(whole.kind, lambda records: whole.value(records)[:, index], texts=whole.texts, rule=whole.rule)

    def _unary(self, node: ast.UnaryOp) -> _Term:
        if isinstance(node.op, ast.Not):
            flag = self._flag(node.operand)
            return _Term("flag", lambda records: np.logical_not(flag.value(records)))
        if isinstance(node.op, ast.Invert):
            self._refuse_construct(node, node.op)
        number = self._number(node.operand)
        if isinstance(node.op, ast.UAdd):
            return number
        constant = None if number.constant is None else -number.constant
        return _Term("number", lambda records: np.negative(_real(number.value(records))), constant=constant)

    def _arithmetic(self, node: ast.BinOp) -> _Term:
        compute = _ARITHMETIC.get(type(node.op))
        if compute is None:
            self._refuse_construct(node, node.op)
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(node.op, ast.Pow) and (right.constant is None or abs(right.constant) > MOST_POWER):
            self.refuse(f"has {ast.unparse(node)!r}, expected a number up to {MOST_POWER} as the exponent")
        return _Term("number", lambda records: compute(_real(left.value(records)), _real(right.value(records))))

    def _joined(self, node: ast.BoolOp) -> _Term:
        parts = [self._flag(part) for part in node.values]
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return _Term("flag", lambda records: reduce(join, [part.value(records) for part in parts]))

    def _compared(self, node: ast.Compare) -> _Term:
        parts: list[Evaluate] = []
        left_node = node.left
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            parts.append(self._comparison(left_node, op, right_node))
            left_node = right_node
        return _Term("flag", lambda records: reduce(np.logical_and, [part(records) for part in parts]))

    def _comparison(self, left_node: ast.expr, op: ast.cmpop, right_node: ast.expr) -> Evaluate:
        left = self._single(left_node)
        if isinstance(op, ast.In | ast.NotIn):
            among = self._among(left, right_node)
            return among if isinstance(op, ast.In) else lambda records: np.logical_not(among(records))
        compare = _COMPARISONS.get(type(op))
        if compare is None:
            self._refuse_construct(ast.Compare(left_node, [op], [right_node]), op)
        right = self._single(right_node)
        self._check_comparable(left, right)
        if not isinstance(op, ast.Eq | ast.NotEq) and left.kind != "number":
            self.refuse(f"orders {ast.unparse(left_node)}, which is {left.described}; only numbers have an order")
        return lambda records: compare(left.value(records), right.value(records))

    def _among(self, one: _Term, node: ast.expr) -> Evaluate:
        """Whether a value is one of a list, or an entry of an array rule."""
        if isinstance(node, ast.List | ast.Tuple):
            items = [self._single(item) for item in node.elts]
            for item in items:
                self._check_comparable(one, item)
            return lambda records: reduce(
                np.logical_or, [one.value(records) == item.value(records) for item in items], np.False_
            )
        array = self.read(node)
        if array.length is None:
            self.refuse(f"has 'in {ast.unparse(node)}', expected a list such as (1, 2), or an array rule")
        self._check_comparable(one, array)
        return lambda records: (array.value(records) == np.reshape(one.value(records), (-1, 1))).any(axis=1)

    def _check_comparable(self, left: _Term, right: _Term) -> None:
        if left.kind != right.kind:
            self.refuse(f"compares a {left.kind} with a {right.kind}")
        for one, other in ((left, right), (right, left)):
            if one.constant is not None and other.rule and one.kind == "text" and one.constant not in other.texts:
                listed = ", ".join(map(repr, other.texts))
                hint = nearest(one.constant, other.texts)
                self.refuse(f"{one.constant!r} is none of the names of rule {other.rule!r}: {listed}{hint}")

    def _call(self, node: ast.Call) -> _Term:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in _CALLS or node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            self.refuse(f"has {ast.unparse(node)!r}, expected one of {', '.join(f'{call}(...)' for call in _CALLS)}")
        if name == "abs" or name == "sum":
            if len(node.args) != 1:
                self.refuse(f"has {ast.unparse(node)!r}, expected one argument")
            if name == "abs":
                number = self._number(node.args[0])
                return _Term("number", lambda records: np.abs(_real(number.value(records))))
        return self._over_many(name, node)

    def _over_many(self, name: str, node: ast.Call) -> _Term:
        """The least, largest or sum of an array rule's entries, or the least or largest of several numbers."""
        fold = {"min": np.minimum, "max": np.maximum, "sum": np.add}[name]
        if len(node.args) > 1:
            parts = [self._number(one) for one in node.args]
            return _Term("number", lambda records: reduce(fold, [_real(part.value(records)) for part in parts]))
        array = self.read(node.args[0]) if node.args else None
        if array is None or array.length is None or array.kind == "text":
            self.refuse(f"has {ast.unparse(node)!r}, expected an array rule of numbers in {name}(...)"
                        + ("" if name == "sum" else ", or several numbers"))  # fmt: skip
        return _Term("number", lambda records: fold.reduce(_real(array.value(records)), axis=1))

    def _single(self, node: ast.expr) -> _Term:
        term = self.read(node)
        if term.length is not None:
            self.refuse(f"{ast.unparse(node)} is {term.described}: take an entry, such as {ast.unparse(node)}[0]")
        return term

    def _number(self, node: ast.expr) -> _Term:
        term = self._single(node)
        if term.kind == "text":
            self.refuse(f"{ast.unparse(node)} is a text, expected a number")
        return term

    def _flag(self, node: ast.expr) -> _Term:
        term = self._single(node)
        if term.kind != "flag":
            self.refuse(f"{ast.unparse(node)} is {term.described}, expected a condition, such as a comparison")
        return term


def _rule_term(rule: "Rule") -> _Term:
    name, distribution = rule.name, rule.distribution
    length = math.prod(distribution.shape) if distribution.shape else None
    names = tuple(getattr(distribution, "names", ()))
    if names and length is not None:  # stored as positions
        listed = np.array(names)
        return _Term("text", lambda records: listed[records[name]], length, names, name)
    if names:
        return _Term("text", lambda records: records[name], None, names, name)
    shown = distribution.show(distribution.draw(np.random.default_rng(0), 1)[0])
    if isinstance(shown[0] if length is not None else shown, bool):
        return _Term("flag", lambda records: records[name].astype(bool), length, rule=name)
    return _Term("number", lambda records: records[name], length, rule=name)


def _real(values: Any) -> Any:
    return np.asarray(values, np.float64)
