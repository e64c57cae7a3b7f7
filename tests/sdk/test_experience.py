"""What gradient steps get of the episodes that they learn from."""

from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Manifest
from gameagent_sdk.adaptation.advantages import advantages
from gameagent_sdk.adaptation.experience import ExperienceBuffer
from gameagent_sdk.authoring import ActionSpec, AdvantageSpec, BeliefSpec, FeatureSpec, GradientSpec, TensorSpec
from gameagent_sdk.bundle.signature import padded_length

SPEC = AdvantageSpec(0.9, 0.8, True)


def gather(lengths: list[Any], judged_by: AdvantageSpec | None = None) -> ExperienceBuffer:
    manifest = Manifest(
        name="pong",
        summary="",
        observation=(FeatureSpec("ball", 2),),
        action=ActionSpec(("up", "down")),
        beliefs=() if judged_by else (BeliefSpec("gravity", "scalar"),),
        num_episodes=4,
        max_steps=100,
        adaptation=("gradient",),
        gradient=GradientSpec(
            weights=(TensorSpec("offset", (2,)),),
            max_kl=1.0,
            rollback_margin=1.0,
            learns_from="advantages" if judged_by else "rewards",
            advantages=judged_by,
        ),
    )
    experience, generator = ExperienceBuffer(manifest), np.random.default_rng(0)
    sizes = [port.shape[1] for port in experience.ports[:-2]]
    for length in lengths:
        for step in range(length):
            parts = [generator.normal(size=size).astype(np.float32) for size in sizes]
            experience.add(*parts, float(generator.normal()), ended=step == length - 1)
    return experience


def test_lengths_are_rounded_up_by_a_quarter_at_most_so_that_few_recur() -> None:
    assert [padded_length(n) for n in (3, 4, 7, 8, 9, 11, 16, 17, 256, 257)] == [3, 4, 7, 8, 10, 12, 16, 20, 256, 320]
    rounded = [padded_length(n) for n in range(1, 2000)]
    assert all(n <= up <= 1.25 * n for n, up in enumerate(rounded, 1))
    assert len({up for n, up in enumerate(rounded, 1) if 200 <= n < 400}) <= 5


@pytest.mark.parametrize("judged_by", [None, SPEC])
def test_what_fills_up_counts_for_nothing(judged_by: AdvantageSpec | None) -> None:
    experience = gather([5, 4], judged_by)
    given = experience.tensors()
    assert {len(array) for array in given.values()} == {10}
    (ends,) = given["episode_end"][:, 0].nonzero()
    if judged_by is None:  # nothing follows the end of an episode
        assert ends.tolist() == [4, 8, 9] and given["rewards"][8] != 0.0 and given["rewards"][9] == 0.0
    else:  # and what is no better than usual moves nothing
        assert ends.tolist() == [4, 8] and "rewards" not in given
        assert given["advantages"][9] == 0.0
        rewards = experience.rows[:, -2:-1]
        expected = advantages(given["observations"][:9], rewards, given["episode_end"][:9], SPEC)
        np.testing.assert_array_equal(given["advantages"][:9], expected)
