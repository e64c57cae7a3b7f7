"""Nobody outside `gameagent.methods` asks which method a run learns by: everything is asked of the method itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameagent.methods.registry import METHODS

ROOT = Path(__file__).parents[2]
POLICIES = {"AgentNetwork", "GradientPolicy", "CorrectedNetwork"}
LEARNERS = {"MemoryLearner", "GradientLearner", "MamlLearner", "ReptileLearner"}


def questions(source: str) -> Iterator[str]:
    """The places in a module that depend on which method it is."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str() as text) if text in METHODS:
                yield f"line {node.lineno}: {text!r}"
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                names = {one.id for one in ast.walk(kinds) if isinstance(one, ast.Name)}
                yield from (f"line {node.lineno}: isinstance of {name}" for name in names & (POLICIES | LEARNERS))
            case ast.Compare(left=left, comparators=[*rest]):
                for one in (left, *rest):
                    if isinstance(one, ast.Attribute) and one.attr in ("algorithm", "correction"):
                        yield f"line {node.lineno}: .{one.attr} compared"
            case ast.ImportFrom(module=str() as module) if module.startswith("gameagent.methods."):
                room = module.split(".")[2]
                if room not in ("interface", "learning", "registry"):
                    yield f"line {node.lineno}: {module}"


def outside() -> list[Path]:
    return [path for path in sorted((ROOT / "gameagent").rglob("*.py")) if "methods" not in path.parts]


def test_no_file_outside_the_methods_room_asks_for_the_method() -> None:
    found = {str(path.relative_to(ROOT)): list(questions(path.read_text(encoding="utf-8"))) for path in outside()}
    assert {name: asked for name, asked in found.items() if asked} == {}


@pytest.mark.parametrize(
    "source",
    [
        'if config.algorithm == "rl2":\n    pass',
        "isinstance(policy, GradientPolicy)",
        "isinstance(policy, AgentNetwork | GradientPolicy)",
        "if policy.correction is not None:\n    pass",
        "by_memory = config.algorithm in SOME",
        "from gameagent.methods.maml.update import update",
    ],
)
def test_a_question_is_found(source: str) -> None:
    assert list(questions(source))


def test_rooms_of_methods_do_not_know_their_neighbours() -> None:
    """MAML and Reptile stand on what they share; memory may be joined by belief correction; nothing else is known."""
    allowed = {
        "rl2": {"belief_correction"},
        "maml": {"gradient"},
        "reptile": {"gradient"},
        "gradient": {"rl2"},  # whose policies are its baselines
        "belief_correction": set(),
    }
    for room, neighbours in allowed.items():
        for path in sorted((ROOT / "gameagent" / "methods" / room).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gameagent.methods."):
                    other = str(node.module).split(".")[2]
                    known = {room, "interface", "learning", "margins"} | neighbours
                    assert other in known, f"{path}:{node.lineno} knows {other}"
