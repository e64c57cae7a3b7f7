"""Games so small that everything about them can be written down: oracles for gradients through sampled episodes."""

# mypy: disable-error-code="arg-type, assignment, call-overload, no-untyped-call, var-annotated"

from itertools import product
from typing import Any

import torch

from gameagent.inner_loop import for_tasks
from gameagent.methods.gradient.meta_batch import Experience
from gameagent.nets.feedforward import FeedforwardPolicy
from gameagent.playing.trajectories import Trajectories
from gameagent.returns import episode_advantages
from gameagent_sdk.authoring import AdvantageSpec

POLICY = FeedforwardPolicy(3, 2, "categorical", ())  # on one-hot states: a table of logits
JUDGED = AdvantageSpec(discount=0.99, gae_lambda=1.0, standardise=True)
START, END = 0, 2
SEEN = torch.eye(3, dtype=torch.float64)


class TinyMdp:
    """Three states, two actions, a few steps; optionally state 2 ends an episode. Everything in float64."""

    def __init__(self, seed: int, num_steps: int, ends: Any = False) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.moves = torch.rand(3, 2, 3, generator=generator, dtype=torch.float64) + 0.1
        self.moves /= self.moves.sum(-1, keepdim=True)
        self.rewards = 3.0 * torch.randn(3, 2, generator=generator, dtype=torch.float64)
        self.num_steps, self.ends = num_steps, ends

    def expected_return(self, params: Any) -> torch.Tensor:
        """By backward induction: no episode is sampled, no logarithm of a probability taken."""
        chances = torch.softmax(SEEN @ params["head_weight"].T + params["head_bias"], -1)
        values = torch.zeros(3, dtype=torch.float64)
        alive = torch.tensor([1.0, 1.0, 0.0 if self.ends else 1.0], dtype=torch.float64)
        for _ in range(self.num_steps):
            values = alive * (chances * (self.rewards + self.moves @ values)).sum(-1)
        return values[START]

    def every_episode(self, params: Any, baseline: Any) -> Experience:
        """All episodes that are possible, advantages weighted by their probabilities under ``params``.

        A mean over them is an expectation.
        """
        rows = []
        for actions in product(range(2), repeat=self.num_steps):
            for nexts in product(range(3), repeat=self.num_steps - 1):
                states = [START, *nexts]
                valid = [not (self.ends and END in states[: t + 1]) for t in range(self.num_steps)]
                dead = [t for t in range(self.num_steps) if not valid[t]]
                if any(actions[t] for t in dead) or any(states[t] != END for t in dead):
                    continue  # behind its end an episode is written one way only
                chance = torch.tensor(1.0).double()
                for t in range(1, self.num_steps):
                    if valid[t - 1]:
                        chance = chance * self.moves[states[t - 1], actions[t - 1], states[t]]
                rows.append((states, actions, valid, chance))
        states, actions, valid = (torch.tensor([row[i] for row in rows]).T for i in range(3))
        log_probs = POLICY.log_probs(params, SEEN[states], actions, SEEN[states][..., :0].bool()).detach()
        log_probs = torch.where(valid, log_probs, 0.0)
        chances = torch.stack([row[3] for row in rows]) * log_probs.sum(0).exp()
        torch.testing.assert_close(chances.sum(), torch.tensor(1.0).double())
        rewards = torch.where(valid, self.rewards[states, actions], 0.0)
        one = lambda tensor: tensor.unsqueeze(0)  # noqa: E731
        returns = episode_advantages(one(rewards), one(torch.zeros_like(rewards)), one(valid), 1.0, 1.0)[0]
        advantages = torch.where(valid, returns - baseline[states], 0.0) * chances * len(rows)
        legal, weight = SEEN[states][..., :0].bool(), torch.tensor(1.0).double()
        parts = (SEEN[states], actions, log_probs, advantages, valid, legal, weight, weight)
        return Experience(*map(one, parts))


class TinySampler:
    """Plays episodes of N tasks that are all the same `TinyMdp` (without an end)."""

    def __init__(self, mdp: Any, num_tasks: Any, num_episodes: Any, seed: int) -> None:
        self.mdp, self.num_tasks, self.num_episodes = mdp, num_tasks, num_episodes
        self.generator = torch.Generator().manual_seed(seed)

    def collect(self, params_by_task: Any) -> Trajectories:
        states = torch.full((self.num_tasks, self.num_episodes), START)
        steps = []
        for _ in range(self.mdp.num_steps):
            seen = SEEN[states]
            legal = seen[..., :0].bool()
            noise = POLICY.noise(states.numel(), self.generator).reshape(*states.shape, -1)
            actions, log_probs = POLICY.sample(params_by_task, seen, legal, noise)
            valid = torch.ones(states.shape, dtype=torch.bool)
            steps.append((seen, actions, log_probs, self.mdp.rewards[states, actions], valid, legal))
            chances = self.mdp.moves[states, actions].flatten(0, 1)
            states = torch.multinomial(chances, 1, generator=self.generator).reshape(states.shape)
        return Trajectories(*(torch.stack(parts, 1) for parts in zip(*steps, strict=True)))


class RecordedSampler:
    """Gives prepared trajectories in turn, and keeps the parameters it was asked to play with."""

    def __init__(self, *trajectories: Any) -> None:
        self.trajectories, self.asked = trajectories, []
        self.num_tasks = len(trajectories[0].valid)

    def collect(self, params_by_task: Any) -> Any:
        self.asked.append({name: param.clone() for name, param in params_by_task.items()})
        return self.trajectories[len(self.asked) - 1]


def table(seed: int, scale: Any = 0.7) -> dict[Any, Any]:
    """A table of logits, in the policy's parameters, float64."""
    generator = torch.Generator().manual_seed(seed)
    fresh = POLICY.initial_parameters(generator)
    return {name: torch.randn(param.shape, generator=generator).double() * scale for name, param in fresh.items()}


def random_trajectories(
    num_tasks: Any, seed: int, num_steps: int = 3, num_episodes: Any = 4, played_by: Any = None
) -> Trajectories:
    """Episodes in which everything is random, the probabilities too unless ``played_by`` are their parameters."""
    generator = torch.Generator().manual_seed(seed)
    shape = (num_tasks, num_steps, num_episodes)
    seen = torch.randn(*shape, 3, generator=generator).double()
    actions = torch.randint(2, shape, generator=generator)
    legal = torch.ones(*shape, 0, dtype=torch.bool)
    log_probs = -0.4 - torch.rand(shape, generator=generator).double()
    if played_by is not None:
        log_probs = POLICY.log_probs(for_tasks(played_by, num_tasks), seen, actions, legal).detach()
    lengths = torch.randint(1, num_steps + 1, (num_tasks, 1, num_episodes), generator=generator)
    valid = torch.arange(num_steps).reshape(1, -1, 1) < lengths
    rewards = torch.randn(shape, generator=generator).double() * valid
    return Trajectories(seen, actions, log_probs, rewards, valid, legal)
