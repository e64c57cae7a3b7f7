"""What all tests share."""

import os
import signal
from collections import defaultdict
from pathlib import Path

import pytest

FAST_PARAMETERS = 2  # sets of parameters that --fast keeps of each test
COSTLY_FIXTURES = {"run_of", "bandit_run", "bundle_of", "bandit_file", "command"}
"""Fixtures that train, export or start processes: --fast leaves out the tests that use them."""

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import onnxruntime themselves

# Of all test processes, and of the commands that they start.
os.environ.setdefault("GAMEAGENT_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"))

# A shell that starts a job in the background has it ignore Ctrl-C, and every process below would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --fast."""
    parser.addoption(
        "--fast",
        action="store_true",
        help=f"leave out slow and quiet tests and those that train or export; run each test with at most "
        f"{FAST_PARAMETERS} sets of its parameters",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what --fast leaves out.

    If several processes share the tests, they start with the slow ones, so that none of them is left with one at the
    end.
    """
    if config.getoption("--fast"):
        kept = fast_choice(items)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def fast_choice(items: list[pytest.Item]) -> set[pytest.Item]:
    """The tests that are neither slow nor costly; of each, sets of parameters spread evenly from first to last."""
    by_test: defaultdict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        marked = item.get_closest_marker("slow") or item.get_closest_marker("quiet")
        if not marked and not COSTLY_FIXTURES & set(getattr(item, "fixturenames", ())):
            by_test[str(item.path), item.nodeid.partition("[")[0]].append(item)
    kept = set()
    for same in by_test.values():
        steps = min(len(same), FAST_PARAMETERS) - 1
        kept |= {same[i * (len(same) - 1) // max(steps, 1)] for i in range(steps + 1)}
    return kept
