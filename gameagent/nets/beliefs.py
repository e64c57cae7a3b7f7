"""Beliefs: what a policy thinks the hidden rules are, and how sure it is.

A belief is a flat vector with one part per slot of the hidden rules, in order:

- a categorical slot of n options takes n values, their probabilities;
- a scalar slot takes 2 values, mean and standard deviation in scaled units (the training range is [-1, 1]).

The truth has the same form (one-hot; value and zero), so that it can stand in for a belief.
Task inference by supervision: Humplik et al. 2019, sec. 4.1; informed trials: Kamienny et al. 2020.
"""

from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gameagent_games.variants.distributions import Slot

MIN_STD, MAX_STD = 0.1, 1.2  # in scaled units; a uniform belief has 0.58


class Group(NamedTuple):
    """Neighbouring slots of one kind and size, computed in one operation."""

    kind: str
    start: int  # first column of the belief
    num_slots: int
    width: int  # columns of one slot

    @property
    def columns(self) -> slice:
        """The group's columns in the encoding of the hidden rules."""
        return slice(self.start, self.start + self.num_slots * self.width)

    def split(self, beliefs: Tensor) -> Tensor:
        """This group's part of beliefs ``(…, E)``, a row for each slot: ``(…, num_slots, width)``."""
        part = beliefs[..., self.columns]
        return part.reshape(*part.shape[:-1], self.num_slots, self.width)


def belief_width(slot: Slot) -> int:
    """Number of values that a belief spends on a slot."""
    return slot.size if slot.kind == "categorical" else 2


def belief_groups(slots: tuple[Slot, ...]) -> list[Group]:
    """Groups neighbouring slots of the same kind and size."""
    groups, start = [], 0
    for (kind, width), members in groupby(slots, key=lambda slot: (slot.kind, belief_width(slot))):
        count = len(list(members))
        groups.append(Group(kind, start, count, width))
        start += count * width
    return groups


class BeliefHead(nn.Module):
    """Predicts the hidden rules from a feature vector."""

    def __init__(self, slots: tuple[Slot, ...], num_features: int) -> None:
        super().__init__()
        self.groups = belief_groups(slots)
        self.size = sum(belief_width(slot) for slot in slots)
        self.hidden = nn.Linear(num_features, num_features)
        self.out = nn.Linear(num_features, self.size)

    def forward(self, features: Tensor) -> Tensor:
        """Beliefs ``(…, E)`` from features ``(…, F)``."""
        raw = self.out(torch.tanh(self.hidden(features)))
        parts = []
        for group in self.groups:
            alone = group.num_slots == 1  # needs no reshaping: every node of an exported graph takes its time
            values = raw[..., group.columns] if alone else group.split(raw)
            if group.kind == "categorical":
                values = torch.softmax(values, -1)
            else:
                std = MIN_STD + (MAX_STD - MIN_STD) * torch.sigmoid(values[..., 1:])
                values = torch.cat((values[..., :1], std), -1)
            parts.append(values if alone else values.flatten(-2))
        return torch.cat(parts, -1)

    def loss(self, beliefs: Tensor, truth: Tensor) -> Tensor:
        """Negative log-likelihood of the truth in nats, summed over slots.

        Args:
            beliefs: ``(T, B, E)``; the truth may stand in for them.
            truth: ``(B, E)``.

        Returns:
            ``(T, B)``; zero for a perfect categorical belief.
        """
        total = torch.zeros_like(beliefs[..., 0])
        for group in self.groups:
            belief = group.split(beliefs)
            true = group.split(truth)
            if group.kind == "categorical":
                total = total - (true * torch.log(belief.clamp(min=1e-8))).sum((-2, -1))
            else:
                mean, std = belief[..., 0], belief[..., 1].clamp(min=MIN_STD)  # the truth itself has a deviation of 0
                total = total + (0.5 * ((true[..., 0] - mean) / std) ** 2 + torch.log(std)).sum(-1)
        return total


def truth_from_encoding(encoding: Tensor, slots: tuple[Slot, ...]) -> Tensor:
    """The hidden rules' encoding (`VariantSpace.encode`, ``(B, …)``) in the form of a belief ``(B, E)``."""
    parts, column = [encoding[:, :0]], 0
    for slot in slots:
        parts.append(encoding[:, column : column + slot.size])
        if slot.kind == "scalar":
            parts.append(torch.zeros_like(encoding[:, :1]))
        column += slot.size
    return torch.cat(parts, -1)
