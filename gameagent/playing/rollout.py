"""Whole trials of many games, played by the policy in training and recorded for the outer loop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gameagent.nets.beliefs import truth_from_encoding
from gameagent.nets.cores.state import advance
from gameagent.nets.interface import Inputs, PolicyNetwork
from gameagent.playing.buffer import Buffer, Rollout
from gameagent.playing.crossing import to_device
from gameagent.playing.finite_games import reset_games, step_games
from gameagent.workers import Share
from gameagent_games.failures import Failure
from gameagent_games.games import Games
from gameagent_games.interface import Family
from gameagent_games.loop import play_trials
from gameagent_games.players import Outcome, Sight


class Trials:
    """Plays trials of games side by side, the same policy in every seat."""

    def __init__(self, family: Family, num_episodes: int, share: Share, in_a_row: int = 1) -> None:
        """Allocates the games.

        Args:
            family: The game.
            num_episodes: Episodes of a trial (K), at least 1.
            share: Which of the run's games these are.
            in_a_row: Trials of a row, one after the other in one variant and with one memory: K times as many episodes.
        """
        self.share = share
        self._family, self._num_episodes = family, num_episodes
        self._rows = share.times(family.num_seats)
        self._games = family.make_games(share.size, num_episodes=num_episodes * in_a_row)

    def play(
        self, policy: PolicyNetwork, variants: NDArray[Any], seeds: NDArray[np.int64], informed: NDArray[np.bool_],
        generator: torch.Generator,
    ) -> Rollout:  # fmt: skip
        """Plays one trial in every game, or as many in a row as were asked for.

        Args:
            policy: The policy; every seat is a row of its own.
            variants: Records, ``(num_games,)``.
            seeds: Of the games, int64 ``(num_games,)``.
            informed: bool ``(num_games,)``; whether the truth stands in for the belief.
            generator: For the choice of actions. At every step it is drawn from for all rows of the run, so that
                what a game's seats choose does not depend on which process plays it, or on the other games.

        Raises:
            GameValueError: A game gives a number that is not finite, or too large.
        """
        reset_games(self._games, variants, seeds)
        num_rows = self._games.acting.size
        horizon = self._games.num_episodes * self._family.max_steps
        sizes = policy.offset_size, policy.situation_size
        buffer = Buffer(horizon, num_rows, self._family, policy.spec.distribution, *sizes, policy.device)
        hidden_rules = self._hidden_rules(variants, informed, policy.device)
        player = PolicyPlayer(
            policy, buffer, hidden_rules, self._rows, self._games, self._num_episodes, generator
        )  # fmt: skip
        with torch.no_grad():
            returns = play_trials(self._games, player, step_games)
            buffer.discard(self._games.failed.repeat(self._family.num_seats))
            return buffer.rollout(*hidden_rules, returns, self._rows, policy.values)

    def take_failures(self) -> Sequence[Failure]:
        """What failed in the games since the last call."""
        return self._games.take_failures()

    def close(self) -> None:
        """Closes the games."""
        self._games.close()

    def _hidden_rules(
        self, variants: NDArray[Any], informed: NDArray[np.bool_], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Every row's hidden rules and whether it is informed of them: see `Inputs`."""
        num_seats = self._family.num_seats
        encoding = torch.from_numpy(self._family.space.encode(variants, hidden=True))
        truth = truth_from_encoding(encoding, self._family.space.hidden_slots)
        flags = torch.from_numpy(informed.astype(np.float32)).unsqueeze(1)
        by_row = truth.repeat_interleave(num_seats, 0), flags.repeat_interleave(num_seats, 0)
        return by_row[0].to(device), by_row[1].to(device)


class PolicyPlayer:
    """The policy in training, in every row; all that it does is recorded."""

    def __init__(
        self, policy: PolicyNetwork, buffer: Buffer, hidden_rules: tuple[Tensor, Tensor], rows: Share,
        games: Games, num_episodes: int, generator: torch.Generator,
    ) -> None:  # fmt: skip
        """Makes a player of one trial; see `Trials.play`.

        Args:
            policy: The policy.
            buffer: An empty record.
            hidden_rules: ``truth`` and ``informed`` of the policy's inputs.
            rows: Which of the run's rows these are.
            games: Those it plays, which know how much of the trial is over.
            num_episodes: Of a trial.
            generator: For the choice of actions.
        """
        self._policy, self._buffer, self._hidden_rules = policy, buffer, hidden_rules
        self._device = policy.device  # looked up once: it takes a walk through all parameters
        self._rows, self._games, self._num_episodes, self._generator = rows, games, num_episodes, generator

    def begin(self, num_rows: int) -> None:
        """Clears the memory of every row."""
        self._hidden_state = self._policy.initial_state(num_rows)
        self._last_action = torch.zeros(num_rows, self._policy.spec.num_actions, device=self._device)
        self._last_reward = np.zeros((num_rows, 1), np.float32)
        self._episode_start = np.ones((num_rows, 1), np.float32)
        self._offset = torch.zeros(num_rows, self._policy.offset_size, device=self._device)
        self._began = np.zeros(num_rows, np.int64)  # the buffer's cursor at the start of the current episode

    def act(self, sight: Sight) -> NDArray[Any]:
        """Draws an action from the policy, and records the decision."""
        distribution = self._policy.spec.distribution
        inputs, noise, deciding = self._up(sight)
        outputs, after = self._policy(inputs, self._hidden_state)
        params = tuple(part[0] for part in outputs.action_params)
        actions = distribution.sample(params, noise)
        self._hidden_state = after if deciding is None else advance(self._hidden_state, after, deciding)
        self._buffer.write(sight.deciding, inputs, actions, params, outputs)
        shown = distribution.as_input(actions)
        self._last_action = shown if deciding is None else torch.where(deciding.unsqueeze(1), shown, self._last_action)
        return np.asarray(actions.cpu().numpy())

    def observe(self, outcome: Outcome) -> None:
        """Records rewards, and moves the belief offset of every row whose episode has just ended."""
        self._buffer.reward(outcome.rewards)
        self._last_reward[:, 0] = outcome.rewards
        self._episode_start[:, 0] = outcome.ended | ~outcome.started
        if self._policy.offset_size:
            self._move_offsets(outcome.ended)

    def _up(self, sight: Sight) -> tuple[Inputs, Tensor, Tensor | None]:
        """All that a step takes to where the policy is.

        On the CPU they are views of arrays that the games' next step overwrites.

        Returns:
            Inputs of one step of every row; noise, ``(B, A)``; which rows decide, bool ``(B,)``, or None if all do.
        """
        distribution = self._policy.spec.distribution
        noise = self._rows.of(distribution.noise(self._rows.total, self._generator))
        given = [sight.observations, self._last_reward, self._episode_start, self._position(), noise.numpy()]
        masks = [sight.deciding] + ([] if sight.legal_actions is None else [sight.legal_actions])
        observation, reward, start, position, noise, deciding, *legal = to_device(self._device, *given, *masks)
        inputs = Inputs(
            observation.unsqueeze(0),
            self._last_action.unsqueeze(0),
            reward.unsqueeze(0),
            start.unsqueeze(0),
            legal[0].unsqueeze(0) if legal else None,
            *self._hidden_rules,
            self._offset.unsqueeze(0) if self._policy.offset_size else None,
            position.unsqueeze(0),
        )
        return inputs, noise, None if sight.deciding.all() else deciding

    def _position(self) -> NDArray[np.float32]:
        """Every row's position in its trial: see `Inputs`."""
        games = self._games
        parts = games.episodes / self._num_episodes, games.steps / games.family.max_steps
        by_game = np.stack(parts, axis=1, dtype=np.float32, casting="same_kind")
        return by_game.repeat(games.family.num_seats, 0)

    def _move_offsets(self, ended: NDArray[np.bool_]) -> None:
        """Moves the belief offsets of rows by what the episode that has just ended taught them."""
        cursor = self._buffer.cursor
        rows = np.flatnonzero(ended & (cursor > self._began))
        if len(rows):
            episodes = self._buffer.since(self._began, rows)
            (which,) = to_device(self._device, rows)
            self._offset[which] = self._policy.moved_offsets(self._offset[which], episodes)
            self._began[rows] = cursor[rows]
