"""The record of trials that a policy played: it grows row by row, and the outer loop learns from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.losses import masked
from gameagent.nets.distribution import ActionDistribution, ActionParams
from gameagent.nets.interface import POSITION_SIZE, EndedEpisodes, Inputs, Outputs
from gameagent.workers import Share
from gameagent_games.interface import Family


@dataclass(frozen=True)
class Rollout:
    """Trials of B rows; a row is one seat of one game and holds that seat's own decisions only.

    A seat that waits for its turn has no entries for the steps it waits; what it is rewarded meanwhile is added to its
    last decision.

    Attributes:
        inputs: What the policy saw.
        actions: As they were drawn, int64 ``(T, B)`` or float32 ``(T, B, A)``; see `distribution.ActionDistribution`.
        log_probs: Of these actions, ``(T, B)``.
        values: In the critic's units, ``(T, B)``.
        rewards: In the game's units, ``(T, B)``.
        valid: bool ``(T, B)``; False past a row's last decision.
        returns: By game, episode and seat, float64 ``(num_games, K, num_seats)``.
        rows: Which of the run's rows these are.
    """

    inputs: Inputs
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    rewards: Tensor
    valid: Tensor
    returns: NDArray[np.float64]
    rows: Share

    @property
    def episode_returns(self) -> NDArray[np.float64]:
        """Mean over games and seats by episode index, ``(K,)``."""
        return np.asarray(self.returns.mean(axis=(0, 2)))

    @property
    def num_steps(self) -> int:
        """Number of decisions."""
        return int(self.valid.sum())

    def informed_games(self, num_seats: int) -> NDArray[np.bool_]:
        """Which games' trials were informed, ``(num_games,)``: all seats of a game alike."""
        informed = self.inputs.informed
        if informed is None:
            return np.zeros(len(self.returns), np.bool_)
        return np.asarray(informed[::num_seats, 0].numpy() > 0.0)

    def cleared(self) -> "Rollout":
        """The same with zeros past each row's last decision, whatever is there now, and every action legal there.

        Then what a network computes from it is finite there, and so are the gradients.
        """
        inputs, valid = self.inputs, self.valid
        inputs = inputs._replace(
            observation=masked(inputs.observation, valid),
            previous_action=masked(inputs.previous_action, valid),
            previous_reward=masked(inputs.previous_reward, valid),
            episode_start=masked(inputs.episode_start, valid),
            legal_actions=None if inputs.legal_actions is None else masked(inputs.legal_actions, valid, instead=True),
            belief_offset=None if inputs.belief_offset is None else masked(inputs.belief_offset, valid),
            position=None if inputs.position is None else masked(inputs.position, valid),
        )
        return replace(
            self,
            inputs=inputs,
            actions=masked(self.actions, valid, instead=0),
            log_probs=masked(self.log_probs, valid),
            values=masked(self.values, valid),
            rewards=masked(self.rewards, valid),
        )


def join_rollouts(rollouts: Sequence[Rollout]) -> Rollout:
    """Rollouts of the same games, one after the other, as one rollout with all their rows.

    Of several processes each joins its own; the run's rows are numbered anew, so that each process's are neighbours.
    """
    if len(rollouts) == 1:
        return rollouts[0]
    length = max(len(rollout.rewards) for rollout in rollouts)

    def over_time(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([_padded(part, length) for part in parts], 1)

    def over_time_if_any(parts: Sequence[Tensor | None]) -> Tensor | None:
        given = [part for part in parts if part is not None]
        return over_time(given) if given else None

    inputs = [rollout.inputs for rollout in rollouts]
    informed = [one.informed for one in inputs if one.informed is not None]
    return Rollout(
        Inputs(
            over_time([one.observation for one in inputs]),
            over_time([one.previous_action for one in inputs]),
            over_time([one.previous_reward for one in inputs]),
            over_time([one.episode_start for one in inputs]),
            over_time_if_any([one.legal_actions for one in inputs]),
            torch.cat([one.truth for one in inputs]),
            torch.cat(informed) if informed else None,
            over_time_if_any([one.belief_offset for one in inputs]),
            over_time_if_any([one.position for one in inputs]),
        ),
        over_time([one.actions for one in rollouts]),
        over_time([one.log_probs for one in rollouts]),
        over_time([one.values for one in rollouts]),
        over_time([one.rewards for one in rollouts]),
        over_time([one.valid for one in rollouts]),
        np.concatenate([one.returns for one in rollouts]),
        rollouts[0].rows.times(len(rollouts)),
    )


def _padded(part: Tensor, length: int) -> Tensor:
    """``(T, …)`` with zeros after the end, ``(length, …)``."""
    missing = part.new_zeros(length - len(part), *part.shape[1:])
    return torch.cat((part, missing)) if len(missing) else part


class Buffer:
    """The growing record of a rollout: each row writes at its own cursor."""

    def __init__(
        self, horizon: int, num_rows: int, family: Family, distribution: ActionDistribution, offset_size: int
    ) -> None:
        """Allocates the record.

        Args:
            horizon: Decisions of a trial at most.
            num_rows: B.
            family: The game.
            distribution: That actions are drawn from.
            offset_size: Width of the belief offset (E); 0 for a policy that has none.
        """
        self._distribution, self._has_mask, self._has_offset = distribution, family.has_mask, offset_size > 0
        self._observation = torch.zeros(horizon, num_rows, family.observation_size)
        self._previous_action = torch.zeros(horizon, num_rows, family.num_actions)
        self._previous_reward = torch.zeros(horizon, num_rows, 1)
        self._episode_start = torch.zeros(horizon, num_rows, 1)
        self._position = torch.zeros(horizon, num_rows, POSITION_SIZE)
        mask_steps = horizon if family.has_mask else 0
        self._legal_actions = torch.ones(mask_steps, num_rows, family.num_actions, dtype=torch.bool)
        self._actions = distribution.no_actions(horizon, num_rows)
        self._log_probs = torch.zeros(horizon, num_rows)
        self._values = torch.zeros(horizon, num_rows)
        self._rewards = np.zeros((horizon, num_rows), np.float32)
        self._belief_offset = torch.zeros(horizon, num_rows, offset_size)
        self._beliefs = torch.zeros(horizon, num_rows, offset_size)
        self._every_row = np.arange(num_rows)
        self.cursor = np.zeros(num_rows, np.int64)

    def write(
        self, deciding: NDArray[np.bool_], inputs: Inputs, actions: Tensor, params: ActionParams, outputs: Outputs
    ) -> None:
        """Adds a decision to some of the rows.

        Args:
            deciding: Which rows, bool ``(B,)``.
            inputs: What the policy saw, ``T = 1``.
            actions: As they were drawn, ``(B,)`` or ``(B, A)``.
            params: Of the distribution that they were drawn from, ``(B, A)`` each.
            outputs: What the policy gave, ``T = 1``.
        """
        at, rows = self._place(deciding)
        self._observation[at, rows] = inputs.observation[0, rows]
        self._previous_action[at, rows] = inputs.previous_action[0, rows]
        self._previous_reward[at, rows] = inputs.previous_reward[0, rows]
        self._episode_start[at, rows] = inputs.episode_start[0, rows]
        if inputs.position is not None:
            self._position[at, rows] = inputs.position[0, rows]
        if inputs.legal_actions is not None:
            self._legal_actions[at, rows] = inputs.legal_actions[0, rows]
        self._actions[at, rows] = actions[rows]
        self._log_probs[at, rows] = self._distribution.log_probs(params, actions)[rows]
        self._values[at, rows] = outputs.values[0, rows]
        if inputs.belief_offset is not None:
            self._belief_offset[at, rows] = inputs.belief_offset[0, rows]
            self._beliefs[at, rows] = outputs.beliefs[0, rows]
        self.cursor += deciding

    def reward(self, rewards: NDArray[np.float64]) -> None:
        """Says what the last decision of each row has been rewarded so far, ``(B,)``; 0 for rows without any."""
        self._rewards[np.maximum(self.cursor - 1, 0), self._every_row] = rewards

    def since(self, began: NDArray[np.int64], rows: NDArray[np.int64]) -> EndedEpisodes:
        """What was recorded of some rows since they were at a cursor before.

        Args:
            began: Every row's earlier cursor, int64 ``(B,)``.
            rows: Which rows, int64 ``(R,)``; each has decided since then.

        Returns:
            Their decisions since then, of policies with a belief offset.
        """
        longest = int((self.cursor - began)[rows].max())
        time = began[rows] + np.arange(longest).reshape(-1, 1)
        at = np.minimum(time, len(self._rewards) - 1), rows
        played = self._observation[at], self._previous_action[at], self._episode_start[at], self._beliefs[at]
        valid = torch.from_numpy(time < self.cursor[rows])
        return EndedEpisodes(*played, torch.from_numpy(self._rewards[at]), valid)

    def rollout(self, truth: Tensor, informed: Tensor, returns: NDArray[np.float64], rows: Share) -> Rollout:
        """What was recorded, cut to the longest row; see `Rollout` and `Inputs` for the arguments."""
        length = int(self.cursor.max())
        inputs = Inputs(
            self._observation[:length],
            self._previous_action[:length],
            self._previous_reward[:length],
            self._episode_start[:length],
            self._legal_actions[:length] if self._has_mask else None,
            truth,
            informed,
            self._belief_offset[:length] if self._has_offset else None,
            self._position[:length],
        )
        valid = torch.arange(length).unsqueeze(1) < torch.from_numpy(self.cursor)
        return Rollout(
            inputs, self._actions[:length], self._log_probs[:length], self._values[:length],
            torch.from_numpy(self._rewards[:length]), valid, returns, rows,
        )  # fmt: skip

    def _place(self, deciding: NDArray[np.bool_]) -> tuple[Any, Any]:
        """Where this step's decisions are written: (time index, rows); slices if all rows march in step."""
        if deciding.all() and self.cursor[0] == self.cursor.min() == self.cursor.max():
            return int(self.cursor[0]), slice(None)
        rows = np.flatnonzero(deciding)
        return torch.from_numpy(self.cursor[rows]), torch.from_numpy(rows)
