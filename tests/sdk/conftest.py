"""Fixtures of the SDK's tests. They need ``./sdk`` and pytest alone, no torch and no onnx."""

# mypy: disable-error-code="arg-type"

from collections.abc import Callable
from pathlib import Path

import pytest

from gameagent_sdk import Agent, Bundle

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ("masked", "memoryless", "recurrent", "steered")


@pytest.fixture(params=NAMES)
def any_path(request: pytest.FixtureRequest) -> Path:
    """Each of the bundles in turn."""
    return FIXTURES / f"{request.param}.onnx"


@pytest.fixture
def path_of() -> Callable[[str], Path]:
    return lambda name: FIXTURES / f"{name}.onnx"


@pytest.fixture
def bundle_of(path_of: Callable[[str], Path]) -> Callable[[str], Bundle]:
    return lambda name: Bundle.read(path_of(name))


@pytest.fixture
def agent_of(path_of: Callable[[str], Path]) -> Callable[..., Agent]:
    """Loads an agent by the bundle's name, with a trial begun."""

    def load(name: str, seed: int = 0, **options: float) -> Agent:
        agent = Agent.load(path_of(name), seed=seed, **options)
        agent.begin_trial()
        return agent

    return load
