"""Belief correction: gradient steps that move what memory believes, by the errors of a model of the game.

Memory infers rules as training taught it to; under rules that training never saw its beliefs are wrong, and stay wrong.
A transition model says what a belief implies for the next observation and the reward. If experience disagrees, the
gradient of the error says in which direction the belief should move, and the *belief offset*, a vector that is added to
what memory believes, is moved along it after each episode. If memory is right there is hardly any error, and nothing
moves.

It is an inner loop on few parameters: a context vector (CAVIA, Zintgraf et al. 2019) with learnt step sizes (Meta-SGD,
Li et al. 2017), on the prediction error of a model (as in Nagabandi et al. 2019), not on returns as in MAML: every step
of an episode teaches something, while rewards are rare and advantages noisy.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gameagent.inner_loop import Parameters, StepSizes, adapt
from gameagent.losses import masked
from gameagent.nets.interface import OFFSET
from gameagent.nets.scales import NUM_REWARDS, InputScales

MIN_LOG_STD, MAX_LOG_STD = -3.0, 1.0
MAX_INNER_NORM = 10.0  # of one inner gradient: a broken reward stream moves a belief no further than any other
MAX_ERROR = 1e3  # deviations; anything farther off, such as a reward of 1e30, is broken and teaches nothing
TRUTH_SHARE = 0.7  # of the rows from whose true rules, not beliefs, the model learns what rules imply
MISLED_SHARE = 0.6  # of the rows whose beliefs are replaced by other rules, for the offset to correct


class Transitions(NamedTuple):
    """Steps with what followed them, of N tasks.

    Attributes:
        observations: float32 ``(N, T, D)``.
        actions: float32 ``(N, T, A)``, in the form of the policy's previous-action input.
        beliefs: float32 ``(N, T, E)``, of memory alone.
        next_observations: float32 ``(N, T, D)``.
        rewards: float32 ``(N, T, 1)``, in the game's units.
        valid: bool ``(N, T)``; False for steps after which nothing followed within the episode.
    """

    observations: Tensor
    actions: Tensor
    beliefs: Tensor
    next_observations: Tensor
    rewards: Tensor
    valid: Tensor

    @classmethod
    def of(
        cls,
        observation: Tensor,
        previous_action: Tensor,
        episode_start: Tensor,
        beliefs: Tensor,
        rewards: Tensor,
        valid: Tensor,
    ) -> "Transitions":
        """The T - 1 transitions of T steps of B rows.

        Args:
            observation: ``(T, B, D)``.
            previous_action: ``(T, B, A)``, of the step before.
            episode_start: ``(T, B, 1)``; what precedes an episode's first step does not lead there.
            beliefs: ``(T, B, E)``.
            rewards: ``(T, B)``, of the step itself.
            valid: bool ``(T, B)``; False past a row's last step, where the others may hold anything.
        """
        followed = valid[1:] & (episode_start[1:, :, 0] == 0.0)
        by_time = observation[:-1], previous_action[1:], beliefs[:-1], observation[1:], rewards[:-1].unsqueeze(-1)
        return cls(*(tensor.transpose(0, 1) for tensor in (*by_time, followed)))

    def cleared(self) -> "Transitions":
        """The same with zeros in steps after which nothing followed, whatever is there now."""
        valid = self.valid
        observations, actions, beliefs, following, rewards = (masked(part, valid) for part in self[:-1])
        return Transitions(observations, actions, beliefs, following, rewards, valid)

    def of_episode(self, which: Tensor, episodes: Tensor) -> "Transitions":
        """Those of one episode of each task, padded to the longest of them.

        Args:
            which: Index of the task's episode, ``(N, 1)``.
            episodes: Index of each step's episode, ``(N, T)``.
        """
        within = episodes == which
        first = within.to(torch.int64).argmax(1, keepdim=True)
        time = first + torch.arange(max(within.sum(1).tolist(), default=0), device=first.device)
        there = time < episodes.shape[1]
        at = time.clamp(max=episodes.shape[1] - 1)
        parts = [part.gather(1, at.unsqueeze(-1).expand(-1, -1, part.shape[-1])) for part in self[:-1]]
        return Transitions(
            parts[0], parts[1], parts[2], parts[3], parts[4], (self.valid & within).gather(1, at) & there
        )


class TransitionModel(nn.Module):
    """Predicts an observation's change and the reward, each with its own spread, from (observation, action, belief)."""

    def __init__(
        self, observation_size: int, num_actions: int, belief_size: int, hidden_size: int, scales: InputScales
    ) -> None:
        """Fresh weights; ``scales`` are the policy's, which bring observations and rewards to order one."""
        super().__init__()
        self.scales = scales
        self.of_step = nn.Linear(observation_size + num_actions, hidden_size)
        self.of_belief = nn.Linear(belief_size, hidden_size, bias=False)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, observation_size + NUM_REWARDS)
        self.log_std = nn.Parameter(torch.zeros(observation_size + NUM_REWARDS))

    def loss(self, params: Parameters, steps: Transitions) -> Tensor:
        """Negative log-likelihood in nats, mean over the valid steps of each task: ``(N,)``.

        Args:
            params: ``belief_offset`` ``(N, E)``.
            steps: ``(N, T, …)`` each. Without N they are those of one task, and so is the loss.
        """
        # The offset is multiplied before it is added to what varies over time: its gradient then costs a sum over time.
        before = self.scales(steps.observations, steps.valid.unsqueeze(-1) * 0.0)  # no reward: 0 once scaled, too
        observed = torch.cat((before[..., :-NUM_REWARDS], steps.actions), -1)
        situation = self.of_step(observed) + self.of_belief(steps.beliefs)
        first = torch.relu(situation + self.of_belief(params[OFFSET]).unsqueeze(-2))
        predicted = self.out(torch.relu(self.hidden(first)))
        happened = self.scales(steps.next_observations, steps.rewards) - before
        log_std = self.log_std.clamp(MIN_LOG_STD, MAX_LOG_STD)
        error = ((happened - predicted) * torch.exp(-log_std)).clamp(-MAX_ERROR, MAX_ERROR)
        # Sums are written as products: the gradient of a sum over time would ask for its length, in the exported graph.
        surprise = (error * error) @ error.new_full((error.shape[-1],), 0.5) + log_std.sum()
        valid = steps.valid.to(error.dtype)
        total: Tensor = (surprise.unsqueeze(-2) @ valid.unsqueeze(-1)).squeeze((-2, -1))
        return total / valid.sum(-1).clamp(min=1.0)


class Exercises(NamedTuple):
    """What the model and the step sizes learn on, drawn at random for each of N tasks.

    Attributes:
        informed: bool ``(N, 1, 1)``; whether steps are predicted at once under the true rules, not under the beliefs.
        misled: bool ``(N, 1, 1)``; whether another task's rules replace the beliefs, for the offset to correct.
        other: That other task's rules, ``(N, E)``.
        support: int64 ``(N, 1)``; the episode that corrects the offset.
        query: int64 ``(N, 1)``; the episode that judges the correction: the next one.
    """

    informed: Tensor
    misled: Tensor
    other: Tensor
    support: Tensor
    query: Tensor

    @classmethod
    def draw(cls, truth: Tensor, num_episodes: int, generator: torch.Generator) -> "Exercises":
        """For all tasks whose rules ``truth`` ``(N, E)`` holds, in trials of ``num_episodes`` episodes."""
        num_tasks = len(truth)
        informed = torch.rand(num_tasks, 1, 1, generator=generator) < TRUTH_SHARE
        misled = torch.rand(num_tasks, 1, 1, generator=generator) < MISLED_SHARE
        ahead = torch.randint(1, max(num_tasks, 2), (num_tasks,), generator=generator)
        support = torch.randint(max(num_episodes - 1, 1), (num_tasks, 1), generator=generator)
        others, query = (torch.arange(num_tasks) + ahead) % num_tasks, (support + 1).clamp(max=num_episodes - 1)
        drawn = [part.to(truth.device) for part in (informed, misled, others, support, query)]  # on the CPU
        informed, misled, others, support, query = drawn
        return cls(informed, misled, truth[others], support, query)

    def of(self, tasks: Tensor) -> "Exercises":
        """Those of some tasks, by their indices."""
        return Exercises(*(part[tasks] for part in self))


class BeliefCorrection(nn.Module):
    """The inner loop that moves the belief offset, and the loss by which its model and step sizes are learnt."""

    def __init__(self, model: TransitionModel, inner_lr: float, inner_steps: int) -> None:
        """Makes the inner loop.

        Args:
            model: What a belief implies.
            inner_lr: Step size of every part of the belief, to start with.
            inner_steps: Gradient steps after an episode.
        """
        super().__init__()
        self.model = model
        self.inner_steps = inner_steps
        self.log_step_sizes = nn.Parameter(torch.full((model.of_belief.in_features,), math.log(inner_lr)))

    @property
    def step_sizes(self) -> StepSizes:
        """By parameter's name, as the inner loop takes them; positive."""
        return {OFFSET: self.log_step_sizes.exp()}

    def correct(self, offsets: Tensor, steps: Transitions) -> Tensor:
        """The offsets ``(N, E)`` after gradient steps on what N tasks' last episodes taught; differentiable."""
        steps, start = steps.cleared(), {OFFSET: offsets}
        corrected = adapt(start, self.model.loss, steps, self.step_sizes, self.inner_steps, max_norm=MAX_INNER_NORM)
        return corrected[OFFSET]

    def loss(self, steps: Transitions, episodes: Tensor, truth: Tensor, exercises: Exercises) -> Tensor:
        """What model and step sizes learn from, in nats: how well the next step is predicted, at once and corrected.

        First, under the true rules of some tasks and the beliefs about others. Second, on an episode that follows the
        one that corrected the offset, from beliefs some of which are another task's rules: the loss after the inner
        loop (Finn et al. 2017, eq. 2 and Algorithm 2), so step sizes and model are what corrects quickly.

        Args:
            steps: Of whole trials of N tasks.
            episodes: Index of each step's episode in its trial, ``(N, T)``.
            truth: The tasks' hidden rules in the form of beliefs, ``(N, E)``.
            exercises: The random choices of the tasks.

        Returns:
            ``(N,)``.
        """
        steps = steps.cleared()
        true, other = truth.unsqueeze(1), exercises.other.unsqueeze(1)
        no_offset = truth.new_zeros(truth.shape)
        informed = steps._replace(beliefs=torch.where(exercises.informed, true, steps.beliefs))
        at_once = self.model.loss({OFFSET: no_offset}, informed)

        doubtful = steps._replace(beliefs=torch.where(exercises.misled, other, steps.beliefs))
        corrected = self.correct(no_offset, doubtful.of_episode(exercises.support, episodes))
        return at_once + self.model.loss({OFFSET: corrected}, doubtful.of_episode(exercises.query, episodes))
