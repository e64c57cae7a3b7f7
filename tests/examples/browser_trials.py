"""What Python's agent does in whole trials, for the page of test_browser.py to repeat."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gameagent_sdk import Agent, Bundle
from gameagent_sdk.authoring import PolicySession

BANDIT_CHANCES = (0.2, 0.7, 0.1, 0.9, 0.4)


@dataclass(frozen=True)
class Step:
    """What an agent is fed at one decision; the uniform number is the one that Python's own agent draws."""

    observation: list[float]
    legal_actions: list[bool] | None
    uniform: float
    reward: float
    terminated: bool
    truncated: bool


@dataclass(frozen=True)
class Recorded:
    """A whole trial: what the page repeats, and what Python's agent said at each step of it."""

    bundle: str
    temperature: float
    steps: list[Step]
    said: list[dict[str, Any]]


def record(bundle: Path, seed: int, temperature: float | None, num_steps: int) -> Recorded:
    """Plays a trial. The agent decides; a session with the same inputs shows logits and memory."""
    agent, session = Agent.load(bundle, seed=seed, temperature=temperature), PolicySession(Bundle.read(bundle))
    agent.begin_trial()
    session.reset(num_rows=1)
    rng, steps, said = np.random.default_rng(seed + 100), [], []
    for uniform in np.random.Generator(np.random.PCG64(seed)).random(num_steps).tolist():
        observation, legal = see(agent, rng)
        action = agent.act(observation, legal)
        logits = session.step([observation], None if legal is None else [legal])[0].tolist()
        memory = {name: tensor[0].ravel().tolist() for name, tensor in session.context.hidden_state.items()}
        words = {"action": action, "logits": logits, "rawBeliefs": session.beliefs[0].tolist(), "hiddenState": memory}
        words |= {"beliefs": plain(agent.beliefs()), "probabilities": [float(chance) for chance in agent.probabilities]}
        reward, terminated, truncated = outcome(agent, action, rng)
        agent.observe(reward, terminated, truncated)
        session.observe([action], [reward], [terminated or truncated])
        steps.append(Step(observation, legal, uniform, reward, terminated, truncated))
        said.append(words | {"returns": list(agent.returns)})
    return Recorded(bundle.name, agent.temperature, steps, said)


def see(agent: Agent, rng: np.random.Generator) -> tuple[list[float], list[bool] | None]:
    """An observation, and legal actions where the bundle wants them."""
    size, num_actions = agent.manifest.observation_size, agent.num_actions
    observation = [1.0] if agent.manifest.name == "bandit" else rng.normal(size=size).tolist()
    legal = rng.random(num_actions) < 0.6
    legal[rng.integers(num_actions)] = True
    return observation, legal.tolist() if agent.manifest.action.mask else None


def outcome(agent: Agent, action: int, rng: np.random.Generator) -> tuple[float, bool, bool]:
    """Reward, terminated, truncated: those of a bandit, or any."""
    if agent.manifest.name == "bandit":
        return float(rng.random() < BANDIT_CHANCES[action]), True, False
    return float(rng.normal()), bool(rng.random() < 0.15), bool(rng.random() < 0.15)


def plain(value: Any) -> Any:
    """Beliefs as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return asdict(value) | {"probabilities": dict(value.probabilities)}


@dataclass(frozen=True)
class Draw:
    """One way from logits to an action, without any policy. As a random generator it gives its own number."""

    logits: list[float]
    legal: list[bool] | None
    temperature: float
    uniform: float

    def random(self, size: int) -> np.ndarray:
        return np.full(size, self.uniform)


def draws() -> list[Draw]:
    """Any logits, masks and temperatures; greedy ties, all but greedy, and uniform numbers at their very ends."""
    rng, found = np.random.default_rng(9), []
    for uniform in (0.0, 1.0 - 2.0**-53, *rng.random(300).tolist()):
        num_actions = int(rng.integers(1, 7))
        legal = rng.random(num_actions) < 0.6
        legal[rng.integers(num_actions)] = True
        logits = np.round(rng.normal(size=num_actions) * 4).astype(np.float32).tolist()
        temperature = float(rng.choice([0.0, 1e-300, 0.3, 1.0, 5.0]))
        found.append(Draw(logits, legal.tolist() if rng.random() < 0.7 else None, temperature, uniform))
    return found
