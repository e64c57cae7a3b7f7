"""The policy step as engines can carry it: one observation, one state, and the choice of action in the graph.

The state holds the action that was chosen, so the graph must know it: it draws the action itself.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from gameagent.export.engines.layout import SIGNALS, EngineLayout
from gameagent.nets.distribution import ILLEGAL_LOGIT
from gameagent_sdk import Manifest

ROUNDING = 1e-6
"""Keeps uniform numbers away from 0 and 1, where the noise would be infinite. Actions become likelier by no more."""


class EngineStep(nn.Module):
    """What the steps of all engines share."""

    def __init__(self, step: nn.Module, manifest: Manifest, layout: EngineLayout) -> None:
        super().__init__()
        self.policy_step = step
        self.has_mask = manifest.action.mask
        self.num_actions = manifest.num_actions
        self.hidden_shapes = [tensor.shape for tensor in manifest.hidden_state]
        self.layout = layout

    def decide(
        self, features: Tensor, legal_actions: Tensor | None, signals: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One decision of N rows.

        Args:
            features: ``(N, D)``.
            legal_actions: bool ``(N, A)``; None if all are legal.
            signals: ``(N, 4)``, see `layout.SIGNALS`.
            state: ``(N, M)``.

        Returns:
            ``logits`` ``(N, A)``; the same with the noise that draws an action, so that the largest one is the choice
            (Gumbel-max trick: Maddison et al. 2014, sec. 2); the next state ``(N, M)``.
        """
        previous_reward, episode_start, trial_start, temperature = split(signals, [part.size for part in SIGNALS])
        kept = 1.0 - trial_start
        *hidden, previous_action = split(state * kept, [part.size for part in self.layout.state])
        mask = [legal_actions] if self.has_mask and legal_actions is not None else []
        logits, *after = self.policy_step(
            features,
            *mask,
            previous_action,
            previous_reward * kept,
            torch.maximum(episode_start, trial_start),
            *(flat.reshape(-1, *shape) for flat, shape in zip(hidden, self.hidden_shapes, strict=True)),
        )
        if legal_actions is not None:  # engines have a mask for every game, even if training had none
            logits = torch.where(legal_actions, logits, ILLEGAL_LOGIT)
        scores = logits + temperature * _gumbel(logits)
        chosen = scores.argmax(-1, keepdim=True) == torch.arange(self.num_actions)
        next_hidden = [tensor.flatten(1) for tensor in after[: len(hidden)]]
        return logits, scores, torch.cat((*next_hidden, chosen.float()), -1)


class GodotStep(EngineStep):
    """``obs, state_ins -> output, state_outs``; the state comes back at the end of ``obs``."""

    def forward(self, obs: Tensor, state_ins: Tensor) -> tuple[Tensor, Tensor]:
        """One step.

        Args:
            obs: `EngineLayout.observation`, ``(N, D + A + 4 + M)``, without A if the game has no mask.
            state_ins: ``(N,)``, the constant that the plugin sends; nothing depends on it.

        Returns:
            ``output`` ``(N, A)``: the largest one is the action; and ``state_outs`` ``(N, M)``.
        """
        num_legal = 0 if self.layout.legal_actions is None else self.num_actions
        sizes = [self.layout.num_features, num_legal, len(SIGNALS), self.layout.memory_size]
        features, legal, signals, state = split(obs, sizes)
        _, scores, next_state = self.decide(features, legal > 0.5 if num_legal else None, signals, state)
        return scores, next_state


class UnityStep(EngineStep):
    """``obs_0, action_masks, recurrent_in`` to the outputs and constants that ML-Agents' loader looks for."""

    version: Tensor
    memory_size: Tensor
    branches: Tensor

    def __init__(self, step: nn.Module, manifest: Manifest, layout: EngineLayout, version: int) -> None:
        super().__init__(step, manifest, layout)
        self.register_buffer("version", torch.tensor([float(version)]))
        self.register_buffer("memory_size", torch.tensor([float(layout.memory_size)]))
        self.register_buffer("branches", torch.tensor([[float(self.num_actions)]]))

    def forward(self, obs_0: Tensor, action_masks: Tensor, recurrent_in: Tensor) -> tuple[Tensor, ...]:
        """One step.

        Args:
            obs_0: `EngineLayout.observation`, ``(N, D + 4)``.
            action_masks: ``(N, A)``; 1 for each action that is legal.
            recurrent_in: ``(N, 1, M)``.

        Returns:
            ``version_number`` ``(1,)``, ``memory_size`` ``(1,)``, ``discrete_actions`` int64 ``(N, 1)``,
            ``discrete_action_output_shape`` ``(1, 1)``, ``deterministic_discrete_actions`` int64 ``(N, 1)`` and
            ``recurrent_out`` ``(N, 1, M)``.
        """
        features, signals = split(obs_0, [self.layout.num_features, len(SIGNALS)])
        logits, scores, state = self.decide(features, action_masks > 0.5, signals, recurrent_in[:, 0])
        return (
            self.version.clone(),
            self.memory_size.clone(),
            scores.argmax(-1, keepdim=True),
            self.branches.clone(),
            logits.argmax(-1, keepdim=True),
            state.unsqueeze(1),
        )


def split(rows: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Neighbouring columns of ``(N, X)``, as slices: ONNX' own Split has no way back to the opset engines read."""
    ends = list(accumulate(sizes))
    return [rows[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _gumbel(like: Tensor) -> Tensor:
    """Standard Gumbel noise, in operators that Unity's engine has too; finite, between -2.7 and 13.9.

    It is kept finite at both ends: what an engine calls a uniform number, or its logarithm, has been seen to come out
    at 1 and above, and infinite noise draws what is illegal.
    """
    uniform = torch.rand_like(like) * (1.0 - 2.0 * ROUNDING) + ROUNDING
    return -torch.log((-torch.log(uniform)).clamp(min=ROUNDING))
