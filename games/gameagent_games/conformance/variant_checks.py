"""Checks of a family's name and of its space of variants."""

import json
from typing import Final

import numpy as np

from gameagent_games.conformance.contract import Broken, CheckList, Skip, require
from gameagent_games.conformance.playing import Subject, same_margins, sample, splits_of
from gameagent_games.errors import VariantError
from gameagent_games.registry import holder_of
from gameagent_games.variants.variant import Split

MARGIN_SAMPLE: Final = 20_000  # variants of each split whose rules are compared
CHECKS = CheckList()


@CHECKS.check(quick=True)
def name_is_free(family: Subject) -> None:
    """No other registered family has the family's name: files and runs of the two would be taken for one another."""
    holder = holder_of(family.original)
    require(holder is None, f"the name {family.name!r} belongs to {holder}; choose another")


@CHECKS.check(quick=True)
def variants_round_trip(family: Subject) -> None:
    """A variant written as JSON and read again is the same record, with the same id."""
    space = family.space
    records = sample(family, 32)
    variants = space.variants(records)
    again = space.records([json.loads(json.dumps(dict(variant.rules))) for variant in variants])
    for variant, read, record in zip(variants, again, records, strict=True):
        same = all(np.array_equal(read[name], record[name]) for name in space.dtype.names or ())
        require(same, f"{dict(variant.rules)} was read back as {read}, but it was {record}")
    require(space.variants(again) == variants, "ids differ after a round trip")


@CHECKS.check()
def splits_are_disjoint(family: Subject) -> None:
    """Every split can be sampled, its variants belong to it, and no variant is in two splits."""
    if not family.space.holds_out:
        raise Skip(f"too few variants to hold any out: every split means all {family.space.num_variants}")
    owner: dict[str, str] = {}
    for split in splits_of(family):
        try:
            records = family.space.sample(64, 0, split)
        except VariantError as error:
            raise Broken(f"split {split!r} cannot be sampled: {error}") from None
        belongs = family.space.split_of(records)
        require((belongs == split).all(), f"variants drawn for {split!r} belong to {sorted(set(belongs.tolist()))}")
        for variant in family.space.variants(records):
            other = owner.setdefault(variant.id, split)
            require(other == split, f"variant {variant.id} is in {other!r} and in {split!r}")


@CHECKS.check("splits_are_disjoint")
def splits_have_equal_margins(family: Subject) -> None:
    """Every single rule looks the same in each split: what is held out are combinations, not kinds of values."""
    space = family.space
    if not space.holds_out or space.hold_out != "combinations":
        raise Skip(f"holds out {space.hold_out if space.holds_out else 'nothing'}")
    if space.constraints and space.num_variants is not None:
        raise Skip("its constraints leave some values few partners: margins are as equal as these allow")
    train = space.sample(MARGIN_SAMPLE, 0, "train")
    held_out_splits: tuple[Split, ...] = ("validation", "test")
    for number, split in enumerate(held_out_splits, 1):
        held_out = space.sample(MARGIN_SAMPLE, number, split)
        for rule in space.rules:
            columns = (rule.distribution.cells(records[rule.name]).T for records in (train, held_out))
            for ours, theirs in zip(*columns, strict=True):
                require(
                    same_margins(ours, theirs),
                    f"rule {rule.name!r} is not in {split} as it is in train, beyond what chance does; a distribution "
                    "of your own needs num_values and all_values where its values can be listed (distributions)",
                )
