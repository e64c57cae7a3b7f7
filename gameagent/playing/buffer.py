"""The record of trials that a policy played: it grows row by row, and the outer loop learns from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.losses import masked
from gameagent.memory import physical_memory
from gameagent.nets.distribution import ActionDistribution, ActionParams
from gameagent.nets.interface import POSITION_SIZE, EndedEpisodes, Inputs, Outputs
from gameagent.playing.crossing import to_device
from gameagent.workers import Share
from gameagent_games.interface import Family

PER_ROW = ("truth", "informed")  # inputs that hold for a whole trial
VALUED_AT_ONCE = 8192  # decisions
FIRST_STEPS = 64  # decisions of a row that a fresh record has room for

Values = Callable[[Tensor, Tensor, Tensor], Tensor]
"""See `PolicyNetwork.values`."""


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
        returns: By game, episode and seat, float64 ``(num_games, K, num_seats)``; NaN for trials that failed, whose
            rows have no decisions.
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
        """Mean over games and seats by episode index, ``(K,)``; without trials that failed."""
        return np.asarray(self.returns[~np.isnan(self.returns).any(axis=(1, 2))].mean(axis=(0, 2)))

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Number of decisions of each row, ``(B,)``."""
        return np.asarray(self.valid.sum(0).cpu().numpy())

    @property
    def num_steps(self) -> int:
        """Number of decisions."""
        return int(self.lengths.sum())

    def informed_games(self, num_seats: int) -> NDArray[np.bool_]:
        """Which games' trials were informed, ``(num_games,)``: all seats of a game alike."""
        if self.inputs.informed is None:
            return np.zeros(len(self.returns), np.bool_)
        return np.asarray(self.inputs.informed[::num_seats, 0].cpu().numpy() > 0.0)

    def cut(self, length: int) -> "Rollout":
        """Its first steps, as views."""
        by_step = {
            name: tensor if tensor is None or name in PER_ROW else tensor[:length]
            for name, tensor in self.inputs._asdict().items()
        }
        return replace(
            self,
            inputs=Inputs(**by_step),
            actions=self.actions[:length],
            log_probs=self.log_probs[:length],
            values=self.values[:length],
            rewards=self.rewards[:length],
            valid=self.valid[:length],
        )

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
    """Rollouts of the same games, one after the other, as one rollout in which all trials of a game are neighbours.

    So each process's rows are neighbours among those of the run, whose order does not depend on how many there are.
    """
    if len(rollouts) == 1:
        return rollouts[0]
    length = max(len(rollout.rewards) for rollout in rollouts)
    num_games, num_episodes, num_seats = rollouts[0].returns.shape

    def per_row(parts: Sequence[Tensor], axis: int = 0) -> Tensor:
        apart = [part.reshape(*part.shape[:axis], num_games, num_seats, *part.shape[axis + 1 :]) for part in parts]
        return torch.stack(apart, axis + 1).flatten(axis, axis + 2)

    def over_time(parts: Sequence[Tensor]) -> Tensor:
        return per_row([_padded(part, length) for part in parts], 1)

    joined: dict[str, Tensor | None] = {}
    for name in Inputs._fields:
        parts = [part for one in rollouts if (part := getattr(one.inputs, name)) is not None]
        joined[name] = None if not parts else per_row(parts) if name in PER_ROW else over_time(parts)
    return Rollout(
        Inputs(**joined),  # type: ignore[arg-type]
        over_time([one.actions for one in rollouts]),
        over_time([one.log_probs for one in rollouts]),
        over_time([one.values for one in rollouts]),
        over_time([one.rewards for one in rollouts]),
        over_time([one.valid for one in rollouts]),
        np.stack([one.returns for one in rollouts], axis=1).reshape(-1, num_episodes, num_seats),
        rollouts[0].rows.times(len(rollouts)),
    )


def _padded(part: Tensor, length: int) -> Tensor:
    """``(T, …)`` with zeros after the end, ``(length, …)``."""
    missing = part.new_zeros(length - len(part), *part.shape[1:])
    return torch.cat((part, missing)) if len(missing) else part


class Buffer:
    """The growing record of a rollout: each row writes at its own cursor.

    It has room for the decisions that were taken, not for those that could have been: it grows with the longest row, by
    half each time, so that a decision is copied twice on average and no more than a third of the room is unused.
    """

    def __init__(
        self, horizon: int, num_rows: int, family: Family, distribution: ActionDistribution, offset_size: int,
        situation_size: int, device: torch.device,
    ) -> None:  # fmt: skip
        """Makes an empty record.

        Args:
            horizon: Decisions of a trial at most.
            num_rows: B.
            family: The game.
            distribution: That actions are drawn from.
            offset_size: Width of the belief offset (E); 0 for a policy that has none.
            situation_size: Width of what the critic has to know of a step (F).
            device: Where the policy is. What it saw and gave is kept there; rewards wait with the games on the CPU.
        """
        self._horizon, self._distribution, self._device = horizon, distribution, device
        self._has_mask, self._has_offset = family.has_mask, offset_size > 0
        mask_size = family.num_actions if family.has_mask else 0
        self._record = {
            "observation": torch.zeros(0, num_rows, family.observation_size, device=device),
            "previous_action": torch.zeros(0, num_rows, family.num_actions, device=device),
            "previous_reward": torch.zeros(0, num_rows, 1, device=device),
            "episode_start": torch.zeros(0, num_rows, 1, device=device),
            "position": torch.zeros(0, num_rows, POSITION_SIZE, device=device),
            "legal_actions": torch.ones(0, num_rows, mask_size, dtype=torch.bool, device=device),
            "actions": distribution.no_actions(0, num_rows, device=device),
            "log_probs": torch.zeros(0, num_rows, device=device),
            "situation": torch.zeros(0, num_rows, situation_size, device=device),
            "belief_offset": torch.zeros(0, num_rows, offset_size, device=device),
            "beliefs": torch.zeros(0, num_rows, offset_size, device=device),
        }
        self._rewards = np.zeros((0, num_rows), np.float32)
        self._every_row = np.arange(num_rows)
        self.cursor = np.zeros(num_rows, np.int64)
        self._grow(FIRST_STEPS)

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

        Raises:
            MemoryError: The record would be larger than this machine's memory.
        """
        if self.cursor.max() == self._room < self._horizon:
            self._grow(self._room + self._room // 2 + 1)
        record, (at, rows) = self._record, self._place(deciding)
        record["observation"][at, rows] = inputs.observation[0, rows]
        record["previous_action"][at, rows] = inputs.previous_action[0, rows]
        record["previous_reward"][at, rows] = inputs.previous_reward[0, rows]
        record["episode_start"][at, rows] = inputs.episode_start[0, rows]
        if inputs.position is not None:
            record["position"][at, rows] = inputs.position[0, rows]
        if inputs.legal_actions is not None:
            record["legal_actions"][at, rows] = inputs.legal_actions[0, rows]
        record["actions"][at, rows] = actions[rows]
        record["log_probs"][at, rows] = self._distribution.log_probs(params, actions)[rows]
        record["situation"][at, rows] = outputs.situation[0, rows]
        if inputs.belief_offset is not None:
            record["belief_offset"][at, rows] = inputs.belief_offset[0, rows]
            record["beliefs"][at, rows] = outputs.beliefs[0, rows]
        self.cursor += deciding

    def reward(self, rewards: NDArray[np.float64]) -> None:
        """Says what the last decision of each row has been rewarded so far, ``(B,)``; 0 for rows without any."""
        self._rewards[np.maximum(self.cursor - 1, 0), self._every_row] = rewards

    def discard(self, rows: NDArray[np.bool_]) -> None:
        """Forgets all that was recorded of some rows, bool ``(B,)``."""
        self.cursor[rows] = 0
        self._rewards[:, rows] = 0.0

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
        at, there = np.minimum(time, self._room - 1), time < self.cursor[rows]
        rewards, valid, places, which = to_device(self._device, self._rewards[at, rows], there, at, rows)
        record = self._record
        return EndedEpisodes(
            record["observation"][places, which],
            record["previous_action"][places, which],
            record["episode_start"][places, which],
            record["beliefs"][places, which],
            rewards,
            valid,
        )

    def rollout(
        self, truth: Tensor, informed: Tensor, returns: NDArray[np.float64], rows: Share, values_of: Values
    ) -> Rollout:
        """What was recorded, cut to the longest row; see `Rollout` and `Inputs` for the arguments.

        Args:
            truth: Of every row.
            informed: Of every row.
            returns: Of every game.
            rows: Which of the run's rows these are.
            values_of: `PolicyNetwork.values`. It is called for many steps at once: a critic that had its turn at every
                step of play would cost several times as much.
        """
        length = max(1, int(self.cursor.max()))  # one step that is not valid, if every trial failed
        record = {name: tensor[:length] for name, tensor in self._record.items()}
        inputs = Inputs(
            record["observation"],
            record["previous_action"],
            record["previous_reward"],
            record["episode_start"],
            record["legal_actions"] if self._has_mask else None,
            truth,
            informed,
            record["belief_offset"] if self._has_offset else None,
            record["position"],
        )
        rewards, lengths = to_device(self._device, self._rewards[:length], self.cursor)
        valid = torch.arange(length, device=self._device).unsqueeze(1) < lengths
        num_steps = max(1, VALUED_AT_ONCE // max(1, len(self.cursor)))
        by_step = zip(*(torch.split(record[name], num_steps) for name in ("situation", "position")), strict=True)
        values = torch.cat([values_of(situation, truth, position) for situation, position in by_step])
        return Rollout(
            inputs, record["actions"], record["log_probs"], masked(values, valid), rewards, valid, returns, rows,
        )  # fmt: skip

    @property
    def _room(self) -> int:
        """Decisions that a row has room for."""
        return len(self._rewards)

    def _grow(self, room: int) -> None:
        """Makes room for more decisions of every row, one tensor at a time; past a row's end all actions are legal."""
        room = min(room, self._horizon)
        per_step = self._rewards.itemsize * self._rewards.shape[1]
        per_step += sum(tensor.element_size() * prod(tensor.shape[1:]) for tensor in self._record.values())
        if room * per_step > physical_memory():
            raise MemoryError(f"the record of an update takes more than {room * per_step / 1e9:,.0f} GB")
        for name, tensor in self._record.items():
            longer = tensor.new_full((room, *tensor.shape[1:]), tensor.dtype == torch.bool)
            longer[: len(tensor)] = tensor
            self._record[name] = longer
        rewards = np.zeros((room, self._rewards.shape[1]), np.float32)
        rewards[: len(self._rewards)] = self._rewards
        self._rewards = rewards

    def _place(self, deciding: NDArray[np.bool_]) -> tuple[Any, Any]:
        """Where this step's decisions are written: (time index, rows); slices if all rows march in step."""
        if deciding.all() and self.cursor[0] == self.cursor.min() == self.cursor.max():
            return int(self.cursor[0]), slice(None)
        rows = np.flatnonzero(deciding)
        at, which = to_device(self._device, self.cursor[rows], rows)
        return at, which
