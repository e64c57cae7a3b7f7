"""Reads the source of rules for names that do not exist, in branches too that play seldom or never takes."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from gameagent_games.places import Place
from gameagent_games.sources.guarded_rules import no_such_field
from gameagent_games.sources.rules import PARAMETERS, Rules
from gameagent_games.variants.variant import VariantSpace

RECORDS = ("state", "variant")


def unknown_names(rules: Rules, space: VariantSpace) -> Iterator[str]:
    """A line for every field that the state or the variant lacks, and every name that a rule cannot be compared with.

    Follows calls of helpers that are given the state or the variant. Functions without a source are passed over.
    """
    fields = {"state": rules.state.names or (), "variant": space.dtype.names or ()}
    seen: set[tuple[FunctionType, frozenset[tuple[str, str]]]] = set()
    waiting: list[tuple[FunctionType, dict[str, str]]] = []
    for rule in PARAMETERS:
        function = getattr(rules, rule)
        if isinstance(function, FunctionType):
            waiting.append((function, dict(zip(_parameters(function)[:2], RECORDS, strict=False))))
    while waiting:
        function, records = waiting.pop(0)
        key = function, frozenset(records.items())
        if key in seen or (tree := _tree(function)) is None:
            continue
        seen.add(key)
        stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        records = {name: record for name, record in records.items() if name not in stored}
        for node in ast.walk(tree):
            for finding in _findings(node, function, records, fields, space.names):
                line = function.__code__.co_firstlineno + getattr(node, "lineno", 1) - 1
                yield f"{Place(function.__code__.co_filename, line, function.__name__)}: {finding}"
            if isinstance(node, ast.Call) and (helper := _helper(node, function)) is not None:
                given = zip(_parameters(helper), node.args, strict=False)
                handed = {name: records.get(value.id, "") for name, value in given if isinstance(value, ast.Name)}
                waiting.append((helper, {name: record for name, record in handed.items() if record}))


def _findings(
    node: ast.AST, function: FunctionType, records: Mapping[str, str], fields: Mapping[str, tuple[str, ...]],
    names: Mapping[str, tuple[str, ...]],
) -> Iterator[str]:  # fmt: skip
    if isinstance(node, ast.Attribute) and not node.attr.startswith("_"):
        record = _record(node, records)
        if record and node.attr not in fields[record]:
            yield no_such_field(record, node.attr, fields[record])
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        rules = [side.attr for side in sides if isinstance(side, ast.Attribute) and _record(side, records) == "variant"]
        texts = [text for side in sides for text in _texts(side, function)]
        for rule in rules:
            for text in texts:
                if rule in names and text not in names[rule]:
                    known = ", ".join(map(repr, names[rule]))
                    yield f"rule {rule!r} is compared with {text!r}, expected one of its names: {known}"


def _record(node: ast.Attribute, records: Mapping[str, str]) -> str | None:
    return records.get(node.value.id) if isinstance(node.value, ast.Name) else None


def _texts(node: ast.AST, function: FunctionType) -> list[str]:
    """The texts that one side of a comparison stands for: a literal, a module's constant, or a tuple of those."""
    if isinstance(node, ast.Tuple):
        return [text for one in node.elts for text in _texts(one, function)]
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(node, ast.Name) and node.id not in function.__code__.co_varnames:
        value = function.__globals__.get(node.id)
    return [value] if isinstance(value, str) else []


def _helper(call: ast.Call, function: FunctionType) -> FunctionType | None:
    """The author's function that is called, where it can be found by its name."""
    target: Any = None
    if isinstance(call.func, ast.Name):
        target = inspect.getclosurevars(function).nonlocals.get(call.func.id, function.__globals__.get(call.func.id))
    elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        module = function.__globals__.get(call.func.value.id)
        target = getattr(module, call.func.attr, None) if inspect.ismodule(module) else None
    target = getattr(target, "py_func", target)
    return target if isinstance(target, FunctionType) else None


def _parameters(function: FunctionType) -> tuple[str, ...]:
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def _tree(function: FunctionType) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):  # no source, or a lambda in the middle of an expression
        return None
