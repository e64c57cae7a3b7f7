"""What a bundle says about itself, as plain text for a person, or as data for a program.

Most of it is the file's own text, and a file may come from anybody: texts are shortened and escaped, and nothing is
assumed about entries that have no fixed form (training, evaluation, parity).
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gameagent_sdk.bundle.file import Bundle
from gameagent_sdk.bundle.json_fields import as_fields
from gameagent_sdk.bundle.plan import PartSpec, PlanSpec, path_name
from gameagent_sdk.bundle.specs import ActionSpec, BeliefSpec, FeatureSpec
from gameagent_sdk.console.plain_text import counted, number, plain, table, wrapped
from gameagent_sdk.errors import BundleError

NUM_ROWS = 40  # of a table; a forged file may hold very many
NUM_NAMES = 30  # in a list on one line
NUM_EPISODES = 8  # of an evaluation curve
MAX_DEPTH = 40  # of lists and objects in one another, in what is written as JSON

_CELL = 28  # characters in a table's cell, but for the last


def describe(bundle: Bundle) -> str:
    """The whole description, lines of at most 100 columns where names allow it."""
    manifest = bundle.manifest
    title = f"{plain(bundle.path.name)} plays {plain(manifest.name)}: {plain(manifest.summary, 240)}"
    parts = [
        wrapped(title, rest="  "),
        table((), _facts(bundle), "<<"),
        _section("observation", _observation(manifest.observation)),
        _section("action", _components(manifest.action)),
        *([] if manifest.plan is None else _plan(manifest.plan, manifest.action.names)),
        _section("beliefs", _beliefs(manifest.beliefs)),
        _section("training", table((), _entries(manifest.training), "<<") if manifest.training else []),
        _evaluation(manifest.evaluation),
        _section("parity: the largest differences from the trained policy", _parity(manifest.parity)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def describe_refusal(path: object, error: BundleError) -> str:
    """All that a check found in a file: where, what, and what to do.

    Args:
        path: The file's path.
        error: The error, with its findings.
    """
    lines = wrapped(f"{plain(str(path), 240)} is refused, for {counted(len(error.findings), 'reason', 'reasons')}:")
    for index, finding in enumerate(error.findings, 1):
        mark = f"{index:3}. "
        lines += ["", *wrapped(plain(finding.where, 200), mark, "     ")]
        lines += wrapped(plain(finding.what, 400), "     ")
        lines += wrapped(plain(finding.advice, 400), "     -> ", "        ")
    return "\n".join(lines)


def as_data(bundle: Bundle) -> dict[str, Any]:
    """The manifest and what was found in the file, ready for JSON."""
    model = bundle.model
    return {
        "file": str(bundle.path),
        "accepted": True,
        "size_bytes": len(bundle.data),
        "bundle_hash": bundle.bundle_hash,
        "opset": model.opset,
        "ir_version": model.ir_version,
        "operators": _operators(bundle),
        "num_nodes": len(model.nodes),
        "num_weights": _num_weights(bundle),
        "manifest": _tame(bundle.manifest),
    }


def refusal_as_data(path: object, error: BundleError) -> dict[str, Any]:
    """What a check found in a file, ready for JSON."""
    return {"file": str(path), "accepted": False, "findings": [dataclasses.asdict(one) for one in error.findings]}


def _facts(bundle: Bundle) -> Iterator[tuple[str, str]]:
    manifest, model = bundle.manifest, bundle.model
    hidden = [f"{plain(tensor.name, 40)} ({', '.join(map(str, tensor.shape))})" for tensor in manifest.hidden_state]
    operators = [f"{name}:{count}" for name, count in _operators(bundle).items()]
    boxed = manifest.action.kind == "box"
    mask = ", the game says which are legal" if manifest.action.mask else ""
    adapts = "by " + _listed([plain(way) for way in manifest.adaptation]) if manifest.adaptation else "not at all"
    yield "check", "passed"
    yield "file", f"{number(len(bundle.data))} bytes, {counted(_num_weights(bundle), 'weight', 'weights')}"
    yield "sha256", bundle.bundle_hash
    yield "adapts", f"{adapts} within a trial"
    yield "trial", f"{number(manifest.num_episodes)} episodes of at most {number(manifest.max_steps)} steps"
    if manifest.frames_per_decision > 1:
        yield "pace", f"a decision every {number(manifest.frames_per_decision)} frames"
    yield "temperature", number(manifest.temperature)
    count = counted(manifest.num_actions, "number", "numbers") + " at once" if boxed else str(manifest.num_actions)
    yield "actions", f"{count}: {_listed([plain(name, 40) for name in manifest.action.names])}{mask}"
    yield "hidden state", _listed(hidden) or "none"
    yield "graph", f"opset {model.opset}, {counted(len(model.nodes), 'node', 'nodes')}: {_listed(operators)}"


def _observation(features: Sequence[FeatureSpec]) -> list[str]:
    rows = [
        (
            plain(spec.name, _CELL),
            number(spec.size),
            "" if spec.low is None else number(spec.low),
            "" if spec.high is None else number(spec.high),
            plain(spec.unit, 16),
            plain(spec.meaning, 200),
        )
        for spec in features[:NUM_ROWS]
    ]
    total = f"{sum(spec.size for spec in features)} numbers in all"
    lines = table(("feature", "values", "from", "to", "unit", "meaning"), rows, "<>>><<")
    return [*lines, *_left_out(features), *wrapped(total, "  ")]


def _components(action: ActionSpec) -> list[str]:
    """The components of a box; nothing if actions are discrete."""
    if action.kind != "box":
        return []
    rows = [
        (plain(name, _CELL), number(low), number(high), plain(action.unit, 16))
        for name, low, high in zip(action.names[:NUM_ROWS], action.low, action.high, strict=False)
    ]
    return [*table(("component", "from", "to", "unit"), rows, "<>><"), *_left_out(action.names)]


def _beliefs(slots: Sequence[BeliefSpec]) -> list[str]:
    rows = [(_rule(slot), plain(slot.unit, 16), _form(slot)) for slot in slots[:NUM_ROWS]]
    return [*table(("hidden rule", "unit", "given as"), rows, "<<<"), *_left_out(slots)] if slots else []


def _rule(slot: BeliefSpec) -> str:
    return plain(slot.rule, _CELL) + ("" if slot.index is None else f"[{number(slot.index)}]")


def _form(slot: BeliefSpec, scalar: str = "mean and deviation") -> str:
    if slot.kind == "categorical":
        return f"one of {_listed([plain(option, 40) for option in slot.options])}"
    low, high = slot.center - slot.scale, slot.center + slot.scale
    return f"{scalar}, trained from {number(low)} to {number(high)}"


def _plan(plan: PlanSpec, names: Sequence[str]) -> Iterator[list[str]]:
    """The environment's own observation and action, and the rules that are told: a section for each."""
    rows = [
        (plain(path_name(part.path), 2 * _CELL), _shape(part.shape), _reading(part)) for part in plan.parts[:NUM_ROWS]
    ]
    lines = [*table(("part", "shape", "read as"), rows, "<<<"), *_left_out(plan.parts)]
    mask = wrapped(f"legal actions: {plain(path_name(plan.mask), 2 * _CELL)}", "  ") if plan.mask else []
    yield _section("what act takes: the environment's own observation, which holds the features above", [*lines, *mask])
    one = "one number" if not plan.action.shape else f"an array of shape {_shape(plan.action.shape)}"
    form = wrapped(f"{one}, {plan.action.dtype}", "  ")
    if plan.action.values:
        values = list(zip(names, plan.action.values, strict=True))[:NUM_ROWS]
        cells = [(plain(name, _CELL), _listed(map(number, value))) for name, value in values]
        form += [*table(("action", "given as"), cells, "<<"), *_left_out(names)]
    yield _section("what act returns: the environment's own action", form)
    told = [(_rule(slot), plain(slot.unit, 16), _form(slot, "one number")) for slot in plan.rules[:NUM_ROWS]]
    lines = [*table(("shown rule", "unit", "given as"), told, "<<<"), *_left_out(plan.rules)] if told else []
    yield _section("what begin_trial is told: rules=", lines)


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(number, shape)) or "one number"


def _reading(part: PartSpec) -> str:
    """What is done with a part's numbers, in words."""
    steps = []
    if part.axes:
        steps.append(f"axes in the order {', '.join(map(number, part.axes))}")
    if part.pool > 1:
        steps.append(f"means of {number(part.pool)} x {number(part.pool)}")
    if part.offset:
        steps.append(f"minus {number(part.offset)}")
    if part.scale != 1.0:
        steps.append(f"times {number(part.scale)}")
    return ", ".join(steps) or "it is"


def _entries(entries: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Rows of an object without a fixed form."""
    for name, value in list(entries.items())[:NUM_ROWS]:
        yield plain(name, _CELL), plain(value, 200)
    if len(entries) > NUM_ROWS:
        yield "...", f"and {counted(len(entries) - NUM_ROWS, 'entry', 'entries')} more"


def _evaluation(evaluation: Mapping[str, Any] | None) -> list[str]:
    if not evaluation:
        return []
    curves = evaluation.get("mean_returns")
    curves = {name: curve for name, curve in curves.items() if _is_curve(curve)} if isinstance(curves, dict) else {}
    lines = table((), _entries({name: value for name, value in evaluation.items() if name != "mean_returns"}), "<<")
    if curves:
        shown_curves = dict(list(curves.items())[:NUM_ROWS])
        episodes = _spread(max(map(len, shown_curves.values())), NUM_EPISODES)
        rows = [
            (plain(name, _CELL), *(f"{_at(curve, episode):>8}" for episode in episodes))
            for name, curve in shown_curves.items()
        ]
        header = ("mean return in episode", *(f"{episode + 1:>8}" for episode in episodes))
        lines += [*([""] if lines else []), *table(header, rows, "<" + ">" * len(episodes)), *_left_out(curves)]
    return _section("evaluation", lines)


def _is_curve(value: object) -> bool:
    numbers = isinstance(value, list) and all(type(item) in (int, float) for item in value)
    return numbers and bool(value)


def _at(curve: Sequence[float], episode: int) -> str:
    if episode >= len(curve):
        return ""
    try:
        value = float(curve[episode])
    except OverflowError:  # a whole number of hundreds of digits
        value = math.inf
    return f"{value:.2f}" if abs(value) < 10_000 else f"{value:.1e}"


def _spread(count: int, most: int) -> list[int]:
    """Up to ``most`` of the first ``count`` positions, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _parity(parity: Mapping[str, Any] | None) -> list[str]:
    rows = []
    for engine, result in _entries_of(parity):
        told = result.items() if isinstance(result, Mapping) else [("", result)]
        parts = [f"{plain(name, 40)} {plain(value, 40)}".strip() for name, value in list(told)[:NUM_NAMES]]
        rows.append((plain(engine, _CELL), ", ".join(parts)))
    return table((), rows, "<<") if rows else []


def _entries_of(entries: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    return list((entries or {}).items())[:NUM_ROWS]


def _section(title: str, lines: list[str]) -> list[str]:
    return [title, *lines] if lines else []


def _left_out(items: Sequence[object] | Mapping[str, object]) -> list[str]:
    return [f"  and {len(items) - NUM_ROWS:,} more"] if len(items) > NUM_ROWS else []


def _listed(texts: Iterable[str]) -> str:
    texts = list(texts)
    more = f", and {len(texts) - NUM_NAMES:,} more" if len(texts) > NUM_NAMES else ""
    return ", ".join(texts[:NUM_NAMES]) + more


def _operators(bundle: Bundle) -> dict[str, int]:
    """How often each operator is used, the most used first."""
    counts = Counter(node.op_type for node in bundle.model.nodes)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _num_weights(bundle: Bundle) -> int:
    return sum(int(tensor.size) for tensor in bundle.model.initializers.values() if tensor.dtype.kind == "f")


def _tame(value: object, depth: int = 0) -> Any:
    """A value as JSON can hold it: no infinities, and not nested without end."""
    if depth > MAX_DEPTH:
        return "..."
    if dataclasses.is_dataclass(value):
        return {name: _tame(item, depth + 1) for name, item in as_fields(value).items()}
    if isinstance(value, Mapping):
        return {name: _tame(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tame(item, depth + 1) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
