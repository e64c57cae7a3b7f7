"""Rollouts: whole trials of many games, played by a policy and kept for the outer loop."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.losses import masked
from gameagent.nets.beliefs import truth_from_encoding
from gameagent.nets.distribution import ActionDistribution, ActionParams
from gameagent.nets.interface import EndedEpisodes, Inputs, Outputs, PolicyNetwork
from gameagent.playing.finite_games import reset_games, step_games
from gameagent.workers import Share
from gameagent_games.games import Games
from gameagent_games.interface import Family


@dataclass(frozen=True)
class Rollout:
    """Trials of B rows; a row is one seat of one game and holds that seat's own decisions only.

    A seat that waits for its turn has no entries for the steps it waited; what it was rewarded meanwhile
    is added to its last decision.

    Attributes:
        inputs: What the policy saw.
        actions: As they were drawn, int64 ``(T, B)`` or float32 ``(T, B, A)``; see `distribution.ActionDistribution`.
        log_probs: Of these actions, ``(T, B)``.
        values: ``(T, B)``.
        rewards: In the game's units, ``(T, B)``.
        valid: bool ``(T, B)``; False past a row's last decision.
        trial_returns: Mean over seats by game and episode index, float64 ``(num_games, K)``.
        rows: Which rows of the run's these are.
    """

    inputs: Inputs
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    rewards: Tensor
    valid: Tensor
    trial_returns: NDArray[np.float64]
    rows: Share

    @property
    def episode_returns(self) -> NDArray[np.float64]:
        """Mean over games and seats by episode index, ``(K,)``."""
        means: NDArray[np.float64] = self.trial_returns.mean(axis=0)
        return means

    @property
    def num_steps(self) -> int:
        """Decisions in this rollout."""
        return int(self.valid.sum())

    def cleared(self) -> "Rollout":
        """The same with zeros past each row's last decision, and every action legal there, whatever is there now.

        So what a network computes from it is finite there, and so are gradients.
        """
        inputs, valid = self.inputs, self.valid
        inputs = inputs._replace(
            observation=masked(inputs.observation, valid),
            previous_action=masked(inputs.previous_action, valid),
            previous_reward=masked(inputs.previous_reward, valid),
            episode_start=masked(inputs.episode_start, valid),
            legal_actions=None if inputs.legal_actions is None else masked(inputs.legal_actions, valid, instead=True),
            belief_offset=None if inputs.belief_offset is None else masked(inputs.belief_offset, valid),
        )
        return replace(
            self,
            inputs=inputs,
            actions=masked(self.actions, valid, instead=0),
            log_probs=masked(self.log_probs, valid),
            values=masked(self.values, valid),
            rewards=masked(self.rewards, valid),
        )


class Trials:
    """Plays trials of ``num_games`` games side by side, the same policy in every seat."""

    def __init__(
        self, family: Family, num_games: int, num_episodes: int, belief_size: int, share: Share | None = None
    ) -> None:
        """Allocates the games.

        Args:
            family: The game.
            num_games: Games side by side.
            num_episodes: Episodes of a trial (K), at least 1.
            belief_size: Width of the policy's belief (E); 0 without beliefs.
            share: Which of the run's games these are; default: all.
        """
        self.family = family
        self.rows = (share or Share.whole(num_games)).times(family.num_seats)
        self.simulator = family.make_games(num_games, num_episodes=num_episodes)
        self.num_episodes = num_episodes
        self.num_rows = num_games * family.num_seats
        self.belief_size = belief_size

    def play(
        self, policy: PolicyNetwork, variants: NDArray[Any], seeds: NDArray[np.int64], informed: NDArray[np.bool_],
        generator: torch.Generator,
    ) -> Rollout:  # fmt: skip
        """Plays one trial in every game.

        Args:
            policy: The policy; every seat is a row of its own.
            variants: Records, ``(num_games,)``.
            seeds: Of the games, int64 ``(num_games,)``.
            informed: bool ``(num_games,)``; whether the truth stands in for the belief.
            generator: For the choice of actions. At every step it is drawn from for all rows of the run, so that
                what a game's seats choose does not depend on which process plays it, or on the other games.
        """
        family, simulator, num_rows = self.family, self.simulator, self.num_rows
        horizon = self.num_episodes * family.max_steps
        reset_games(simulator, variants, seeds)
        distribution = policy.spec.distribution
        tape = _Tape(horizon, num_rows, family, distribution, policy.offset_size)
        truth, informed_rows = self._hidden_rules(variants, informed)
        hidden_state = policy.initial_state(num_rows)
        every_game = np.arange(simulator.num_games)
        episode_returns = np.zeros((simulator.num_games, self.num_episodes + 1))
        with torch.no_grad():
            while not simulator.finished.all():
                deciding = (simulator.acting & ~simulator.finished[:, None]).reshape(-1)
                at, rows = tape.place(deciding)
                inputs = tape.see(simulator, truth, informed_rows)
                outputs, next_state = policy(inputs, hidden_state)
                params = tuple(part[0] for part in outputs.action_params)
                chosen = distribution.sample(params, self.rows.of(distribution.noise(self.rows.total, generator)))
                hidden_state = _advance(hidden_state, next_state, deciding)
                tape.decide(at, rows, inputs, chosen, params, outputs)
                episodes = simulator.episodes.copy()
                step_games(simulator, chosen.reshape(*simulator.acting.shape, *chosen.shape[1:]).numpy())
                tape.outcome(simulator, deciding, chosen)
                tape.move_offsets(policy)
                episode_returns[every_game, episodes] += simulator.rewards.mean(axis=1)
        return tape.rollout(truth, informed_rows, episode_returns[:, : self.num_episodes], self.rows)

    def _hidden_rules(self, variants: NDArray[Any], informed: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        num_seats = self.family.num_seats
        truth = torch.zeros(len(variants), 0)
        if self.belief_size:
            encoding = torch.from_numpy(self.family.space.encode(variants, hidden=True))
            truth = truth_from_encoding(encoding, self.family.space.hidden_slots)
        informed_rows = torch.from_numpy(informed.astype(np.float32)).unsqueeze(1)
        return truth.repeat_interleave(num_seats, 0), informed_rows.repeat_interleave(num_seats, 0)


class _Tape:
    """The growing record of a rollout: each row writes at its own cursor."""

    def __init__(
        self, horizon: int, num_rows: int, family: Family, distribution: ActionDistribution, corrected_size: int
    ) -> None:
        self.num_rows, self.distribution, self.has_mask = num_rows, distribution, family.has_mask
        self.observation = torch.zeros(horizon, num_rows, family.observation_size)
        self.previous_action = torch.zeros(horizon, num_rows, family.num_actions)
        self.previous_reward = torch.zeros(horizon, num_rows, 1)
        self.episode_start = torch.zeros(horizon, num_rows, 1)
        mask_steps = horizon if family.has_mask else 0
        self.legal_actions = torch.ones(mask_steps, num_rows, family.num_actions, dtype=torch.bool)
        self.actions = distribution.no_actions(horizon, num_rows)
        self.log_probs = torch.zeros(horizon, num_rows)
        self.values = torch.zeros(horizon, num_rows)
        self.rewards = np.zeros((horizon, num_rows), np.float32)
        self.belief_offset = torch.zeros(horizon, num_rows, corrected_size)
        self.beliefs = torch.zeros(horizon, num_rows, corrected_size)
        self.cursor = np.zeros(num_rows, np.int64)
        self.began = np.zeros(num_rows, np.int64)  # the cursor at the start of the episode at hand
        self.every_row = np.arange(num_rows)
        # What each row saw happen since its last decision:
        self.last_action = torch.zeros(num_rows, family.num_actions)
        self.last_reward = np.zeros((num_rows, 1), np.float32)
        self.new_episode = np.ones((num_rows, 1), np.float32)
        self.ended = np.zeros(num_rows, np.bool_)
        self.offset = torch.zeros(num_rows, corrected_size)

    def place(self, deciding: NDArray[np.bool_]) -> tuple[Any, Any]:
        """Where this step's decisions are written: (time index, rows); slices where all rows march in step."""
        if deciding.all() and self.cursor[0] == self.cursor.min() == self.cursor.max():
            return int(self.cursor[0]), slice(None)
        rows = np.flatnonzero(deciding)
        return torch.from_numpy(self.cursor[rows]), torch.from_numpy(rows)

    def see(self, simulator: Games, truth: Tensor, informed: Tensor) -> Inputs:
        """Inputs of this step for every row, ``T = 1``; rows that do not decide now are ignored by the caller.

        They are views of arrays that the game's next step overwrites.
        """
        legal = None
        if self.has_mask:
            legal = torch.from_numpy(simulator.legal_actions).reshape(1, self.num_rows, -1)
        return Inputs(
            torch.from_numpy(simulator.observations).reshape(1, self.num_rows, -1),
            self.last_action.unsqueeze(0),
            torch.from_numpy(self.last_reward).unsqueeze(0),
            torch.from_numpy(self.new_episode).unsqueeze(0),
            legal,
            truth,
            informed,
            self.offset.unsqueeze(0) if self.offset.shape[1] else None,
        )

    def decide(
        self, at: Any, rows: Any, inputs: Inputs, chosen: Tensor, params: ActionParams, outputs: Outputs
    ) -> None:
        self.observation[at, rows] = inputs.observation[0, rows]
        self.previous_action[at, rows] = inputs.previous_action[0, rows]
        self.previous_reward[at, rows] = inputs.previous_reward[0, rows]
        self.episode_start[at, rows] = inputs.episode_start[0, rows]
        if inputs.legal_actions is not None:
            self.legal_actions[at, rows] = inputs.legal_actions[0, rows]
        self.actions[at, rows] = chosen[rows]
        self.log_probs[at, rows] = self.distribution.log_probs(params, chosen)[rows]
        self.values[at, rows] = outputs.values[0, rows]
        if inputs.belief_offset is not None:
            self.belief_offset[at, rows] = inputs.belief_offset[0, rows]
            self.beliefs[at, rows] = outputs.beliefs[0, rows]

    def outcome(self, simulator: Games, deciding: NDArray[np.bool_], chosen: Tensor) -> None:
        """Books the last step's rewards and ends to every row that has decided at least once."""
        self.cursor += deciding
        last = np.maximum(self.cursor - 1, 0)
        self.rewards[last, self.every_row] += np.where(self.cursor > 0, simulator.rewards.reshape(-1), 0.0)
        ended = np.repeat(simulator.terminated | simulator.truncated, simulator.family.num_seats)
        self.ended = ended
        self.last_reward[:, 0] = self.rewards[last, self.every_row]
        self.new_episode[:, 0] = np.where(deciding, ended, np.maximum(self.new_episode[:, 0], ended))
        moved = torch.from_numpy(deciding).unsqueeze(1)
        self.last_action = torch.where(moved, self.distribution.as_input(chosen), self.last_action)

    def move_offsets(self, policy: PolicyNetwork) -> None:
        """Moves the belief offset of every row whose episode has just ended by what that episode taught."""
        rows = np.flatnonzero(self.ended & (self.cursor > self.began)) if self.offset.shape[1] else ()
        if not len(rows):
            return
        longest = int((self.cursor - self.began)[rows].max())
        time = self.began[rows] + np.arange(longest).reshape(-1, 1)  # (longest, rows)
        valid = torch.from_numpy(time < self.cursor[rows])
        at = np.minimum(time, len(self.rewards) - 1), rows
        episodes = EndedEpisodes(
            self.observation[at], self.previous_action[at], self.episode_start[at], self.beliefs[at],
            torch.from_numpy(self.rewards[at]), valid,
        )  # fmt: skip
        self.offset[rows] = policy.moved_offsets(self.offset[rows], episodes)
        self.began[rows] = self.cursor[rows]

    def rollout(self, truth: Tensor, informed: Tensor, trial_returns: NDArray[np.float64], share: Share) -> Rollout:
        """What was recorded, cut to the longest row."""
        length = int(self.cursor.max())
        inputs = Inputs(
            self.observation[:length],
            self.previous_action[:length],
            self.previous_reward[:length],
            self.episode_start[:length],
            self.legal_actions[:length] if self.has_mask else None,
            truth,
            informed,
            self.belief_offset[:length] if self.offset.shape[1] else None,
        )
        valid = torch.arange(length).unsqueeze(1) < torch.from_numpy(self.cursor)
        return Rollout(
            inputs, self.actions[:length], self.log_probs[:length], self.values[:length],
            torch.from_numpy(self.rewards[:length]), valid, trial_returns, share,
        )  # fmt: skip


def _advance(old: dict[str, Tensor], new: dict[str, Tensor], deciding: NDArray[np.bool_]) -> dict[str, Tensor]:
    """The next hidden state; rows that did not decide keep theirs."""
    if deciding.all():
        return new
    moved = torch.from_numpy(deciding).unsqueeze(1)
    return {name: torch.where(moved, new[name], old[name]) for name in new}
