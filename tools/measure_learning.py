"""Measures what the README claims: trains, exports and evaluates every family for several seeds.

    python tools/measure_learning.py bandit gridnavi forage --seeds 0 1 2 --out runs/bench

Runs that are complete are not trained again, so a stopped measurement continues where it was. Everything is
judged through the exported file, on held-out variants. The figures go to ``OUT/FAMILY.json``.

Settings are chosen on ``--split validation``; what is reported comes from the test split, the default.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gameagent
from gameagent.export.bundling import bundle_run
from gameagent.judging.intervals import gain_interval
from gameagent.judging.report import Evaluation
from gameagent.seeding import game_seeds, numpy_generator
from gameagent_games import load_family
from gameagent_games.variants.variant import SPLITS, Split
from gameagent_sdk import Bundle
from gameagent_sdk.authoring import PolicySession, action_probabilities, sample_actions

PLANS: dict[str, dict[str, Any]] = {
    "bandit": {"variants": 20_000, "baselines": False, "splits": ("test",)},
    "gridnavi": {"variants": 4_200, "baselines": False, "splits": ("all",)},
    "forage": {"variants": 2_000, "baselines": True, "splits": ("test", "out_of_range")},
}
EVALUATION_SEED = 1000  # apart from the seeds of training


def measure(family_name: str, seed: int, out: Path, given: list[str], splits: Sequence[Split]) -> dict[str, Any]:
    """Trains one seed if that is not done yet, and evaluates it."""
    plan = PLANS[family_name]
    settings: dict[str, Any] = dict(pair.split("=", 1) for pair in given)
    run = gameagent.train(
        family_name, out=out / f"{family_name}-{seed}", resume=True, baselines=plan["baselines"], seed=seed, **settings
    )
    bundle = bundle_run(run.folder)
    found: dict[str, Any] = {"seed": seed, "steps": bundle.manifest.training["steps"]}
    for split in splits:
        evaluation = run.evaluate(split=split, num_variants=plan["variants"], seed=EVALUATION_SEED)
        found[split] = evaluation.as_dict() | {"shares": _shares(evaluation)}
        if family_name == "forage":
            found[split]["sign_right"] = sign_accuracy(bundle, split, plan["variants"])
    return found


def _shares(evaluation: Evaluation) -> dict[str, Any]:
    """By episode, what part of the oracle's mean return each policy gets; and the gain to episode 3."""
    means = {name: curve.mean(axis=(0, 1)) for name, curve in evaluation.curves.items()}
    shares = {name: (mean / means["oracle"]).tolist() for name, mean in means.items() if "oracle" in means}
    if evaluation.num_episodes >= 3:
        shares["gain_1_to_3"] = list(gain_interval(evaluation.curves["agent"], 0, 2))
    return shares


def sign_accuracy(bundle: Bundle, split: Split, num_variants: int) -> list[float]:
    """How often the believed sign of a kind's worth is right, among the kinds tasted, after each episode but the last.

    Read at the next episode's first step, when the episode's last reward is known to the agent.
    """
    family = load_family("forage")
    variants = family.space.sample(num_variants, numpy_generator(EVALUATION_SEED, "signs"), split)
    simulator = family.make_games(num_variants)
    simulator.reset(variants, game_seeds(EVALUATION_SEED, "signs", num_variants))
    session, generator = PolicySession(bundle), numpy_generator(EVALUATION_SEED, "sign actions")
    session.reset(num_variants)
    worths = [(i, spec) for i, spec in enumerate(bundle.manifest.beliefs) if spec.rule == "worth"]
    offsets = np.cumsum([0, *(spec.width for spec in bundle.manifest.beliefs)])
    tasted = np.zeros((num_variants, len(worths)), bool)
    shares: list[float] = []
    while not simulator.finished.all():
        at_start = simulator.steps[0] == 0 and simulator.episodes[0] > 0
        logits = session.step(simulator.observations[:, 0])
        if at_start:
            believed = np.stack([spec.center + spec.scale * session.beliefs[:, offsets[i]] for i, spec in worths], 1)
            shares.append(float(((believed > 0) == (variants["worth"] > 0))[tasted].mean()))
        actions = sample_actions(action_probabilities(logits), generator)
        simulator.step(actions[:, None])
        session.observe(actions, simulator.rewards[:, 0], simulator.terminated | simulator.truncated)
        tasted |= simulator.rewards == variants["worth"]  # worths are drawn from a continuum: a reward names its kind
    return shares


def main() -> None:
    """Reads the arguments, measures, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("families", nargs="+", choices=sorted(PLANS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one config field")
    parser.add_argument("--split", choices=SPLITS, help="judge on this one (default: what the documents report)")
    args = parser.parse_args()
    for name in args.families:
        splits = (args.split,) if args.split else PLANS[name]["splits"]
        figures = [measure(name, seed, args.out, args.set, splits) for seed in args.seeds]
        (args.out / f"{name}.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
        print(summarise(name, figures, splits))


def summarise(name: str, figures: list[dict[str, Any]], splits: Sequence[Split]) -> str:
    """One line for each seed and split."""
    lines = []
    for figure in figures:
        for split in splits:
            found = figure[split]
            means = " ".join(f"{episode['mean']:.2f}" for episode in found["episodes"])
            lines.append(f"{name} seed {figure['seed']} {split}: total {found['total_mean']:.3f}; {means}")
            for key, value in found["shares"].items():
                lines.append(f"    {key}: " + " ".join(f"{one:.3f}" for one in value))
            if "sign_right" in found:
                lines.append("    sign right: " + " ".join(f"{one:.3f}" for one in found["sign_right"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
