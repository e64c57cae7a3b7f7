"""Describes an exported file to a person."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table

from gameagent_sdk import Bundle


def describe(bundle: Bundle) -> Iterator[RenderableType]:
    """The parts of a description, to be printed one after another."""
    manifest = bundle.manifest
    yield f"[bold]{bundle.path.name}[/bold]: plays {manifest.name} ({manifest.summary})"
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    adapts = "by " + " and ".join(manifest.adaptation) if manifest.adaptation else "not at all"
    hidden = ", ".join(f"{tensor.name} {tensor.shape}" for tensor in manifest.hidden_state) or "none"
    training = manifest.training
    for name, value in (
        ("size", f"{len(bundle.data) / 1000:.0f} kB"),
        ("sha256", bundle.bundle_hash[:16] + " …"),
        ("adapts", adapts),
        ("trial", f"{manifest.num_episodes} episodes of at most {manifest.max_steps} steps"),
        ("actions", ", ".join(manifest.action.names) + (" (with legal mask)" if manifest.action.mask else "")),
        ("hidden state", hidden),
        ("training", f"{training.get('role')}, {training.get('steps', 0):,} steps, seed {training.get('seed')}, "
                     f"commit {training.get('commit') or 'unknown'}"),
    ):  # fmt: skip
        facts.add_row(name, value)
    for engine, parity in (manifest.parity or {}).items():
        facts.add_row(f"parity, {engine}", f"{parity['probabilities']:.0e} over {parity['num_steps']} steps")
    yield facts
    features = Table("observation", "values", "range", "unit", "meaning")
    for spec in manifest.observation:
        low = "" if spec.low is None else f"{spec.low:g}"
        high = "" if spec.high is None else f"{spec.high:g}"
        features.add_row(spec.name, str(spec.size), f"{low} … {high}", spec.unit, spec.meaning)
    yield features
    if manifest.beliefs:
        beliefs = Table("belief about", "as", "unit")
        for belief in manifest.beliefs:
            label = belief.rule if belief.index is None else f"{belief.rule}[{belief.index}]"
            form = "one of " + ", ".join(belief.options) if belief.kind == "categorical" else "mean and deviation"
            beliefs.add_row(label, form, belief.unit)
        yield beliefs
    if manifest.evaluation is not None:
        evaluation = manifest.evaluation
        title = f"mean return by episode on {evaluation['num_variants']} variants of split {evaluation['split']!r}"
        curve = Table("policy", "episodes", title=title)
        for name, values in evaluation["mean_returns"].items():
            curve.add_row(name, "  ".join(f"{value:.2f}" for value in values))
        yield curve
