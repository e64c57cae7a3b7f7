"""Variants and spaces of variants: a game's rules as data.

A `VariantSpace` gives each rule a distribution. Its train, validation and test splits are made on rule values
(`splits`): a held-out variant is a combination that training never saw, not a new seed of one that it did, and every
single rule looks the same in each split. The ``out_of_range`` split draws every rule that has values beyond its
training range from beyond it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Final, Literal, NoReturn, get_args

import numpy as np
from numpy.typing import NDArray

from gameagent_games.errors import VariantError
from gameagent_games.field_types import as_text, as_tuple, expect, kind_of, nearest
from gameagent_games.variants.constraints import Constraint, read_constraint
from gameagent_games.variants.distributions import Distribution, Fixed, Slot
from gameagent_games.variants.distributions.plain import plain_table
from gameagent_games.variants.splits.cells import num_values
from gameagent_games.variants.splits.interface import HOLD_OUTS, LABELS, SCHEME, HoldOut, Splits
from gameagent_games.variants.splits.listed import all_variants
from gameagent_games.variants.splits.making import MOST_WEIGHTED, make_splits

Split = Literal["train", "validation", "test", "out_of_range", "all"]
"""A part of a variant space: ``"all"`` is every variant within the training range."""

SPLITS: Final = get_args(Split)
"""All splits."""

BATCH: Final = 2**17  # combinations that are drawn at a time, at most
ENOUGH_DRAWS: Final = 2**20  # of combinations, to see that constraints are hardly ever met
LEAST_SHARE: Final = 1e-4  # of the combinations drawn that must meet the constraints


@dataclass(frozen=True)
class Variant:
    """One setting of a family's rules, as plain values by rule name.

    Two variants are equal if their values are spelt the same. Those that come from a space (`VariantSpace.variants`,
    `files.read_variants`) have the space's spelling: for a real number, ``1`` becomes ``1.0``.
    """

    rules: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", plain_table(self.rules))

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits computed from the rules' values alone."""
        text = json.dumps(self.rules, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Variant) and self.id == other.id


@dataclass(frozen=True)
class Rule:
    """One named rule of a game.

    Attributes:
        name: The variant record's field, snake_case.
        distribution: What values it takes.
        hidden: Whether agents must discover it; a shown rule is appended to every observation.
        unit: Unit of its values.
        meaning: One sentence for a person.
    """

    name: str
    distribution: Distribution
    hidden: bool = True
    unit: str = "1"
    meaning: str = ""

    def __post_init__(self) -> None:
        as_text("Rule", "name", self.name, VariantError)
        owner, given = f"rule {self.name!r}", self.distribution
        if isinstance(given, type) or not all(hasattr(given, name) for name in ("draw", "dtype", "shape")):
            raise VariantError(
                f"{owner}: distribution is {kind_of(given)}, expected Uniform(...), Integers(...), Choice(...), "
                "Permutation(...) or Fixed(...)"
            )
        expect(owner, "hidden", self.hidden, (bool, np.bool_), "True or False", VariantError)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The numbers and choices that describe this rule in encodings."""
        return self.distribution.slots(self.name, self.unit)


@dataclass(frozen=True)
class VariantSpace:
    """All variants of a game: a tuple of rules.

    Variants travel in two forms: `Variant` (plain values, for people and files) and records of `dtype`
    (for the simulator, ``(num,)``).

    Attributes:
        rules: The rules, at least one.
        hold_out: What validation and test keep from training: "combinations" of values, all of which training meets
            with other partners; "pairs" of values that training never meets together; or whole "values" (options,
            sixteenths of a range) that it never meets at all. See `splits`.
        constraints: Conditions on several rules, such as ``"low < high"``, all of which hold in every variant, of any
            split; see `constraints`.
    """

    rules: tuple[Rule, ...]
    hold_out: HoldOut = "combinations"
    constraints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", as_tuple("VariantSpace", "rules", self.rules, Rule, VariantError))
        names = [rule.name for rule in self.rules]
        if not names:
            raise VariantError("a variant space needs at least one rule")
        if len(set(names)) != len(names):
            raise VariantError(f"rule names repeat: {names}")
        for name in names:
            if not name.isidentifier():
                raise VariantError(f"rule name {name!r} is not an identifier")
        if self.hold_out not in HOLD_OUTS:
            raise VariantError(f"hold_out is {self.hold_out!r}, expected one of {', '.join(HOLD_OUTS)}")
        object.__setattr__(
            self, "constraints", as_tuple("VariantSpace", "constraints", self.constraints, str, VariantError)
        )
        if self._constraints:
            self.draw(np.random.default_rng(0), 1)  # raises at once if hardly any variant meets them
        if self.hold_out != "combinations":
            _ = self._splits  # raises at once if there are too few values

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_constraints"}  # closures do not pickle

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Record type with one field per rule."""
        fields = [(rule.name, rule.distribution.dtype, rule.distribution.shape) for rule in self.rules]
        return np.dtype(fields, align=True)

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of each rule that is a `Choice` of names; those beyond the training range last."""
        listed = {rule.name: getattr(rule.distribution, "names", ()) for rule in self.rules}
        return {rule: names for rule, names in listed.items() if names}

    @cached_property
    def hidden_slots(self) -> tuple[Slot, ...]:
        """Slots of the hidden rules, in rule order: what beliefs are about."""
        return tuple(slot for rule in self.rules if rule.hidden for slot in rule.slots)

    @cached_property
    def shown_slots(self) -> tuple[Slot, ...]:
        """Slots of the shown rules, in rule order: what observations end with."""
        return tuple(slot for rule in self.rules if not rule.hidden for slot in rule.slots)

    @cached_property
    def shown_encoding(self) -> dict[str, list[Any]]:
        """How observations give the shown rules, by label: the options in order, or the center and scale of a number.

        An agent reads the rules of its training in this form; `encoding_differs` compares it.
        """
        return {
            slot.label: list(slot.options) if slot.kind == "categorical" else [slot.center, slot.scale]
            for slot in self.shown_slots
        }

    def encoding_differs(self, trained: Any) -> str | None:
        """What is wrong if observations give a shown rule otherwise than in training, in words; None if none is.

        Args:
            trained: The `shown_encoding` of training, as JSON gives it; None if it is not known.
        """
        own: Mapping[str, Any] = self.shown_encoding
        if trained is None or not isinstance(trained, Mapping) or trained == own:
            return None
        label = next((label for label in (*own, *trained) if own.get(label) != trained.get(label)), "")
        given, expected = (
            "not shown" if one is None else f"given as {one}" for one in (own.get(label), trained.get(label))
        )
        return (
            f"the shown rule {label} is {given} (options, or center and scale), and was {expected} in training; give "
            "it the range that it had there, which constraints may narrow, or train on these rules"
        )

    def revealed(self) -> "VariantSpace":
        """The same space with every rule shown."""
        return replace(self, rules=tuple(replace(rule, hidden=False) for rule in self.rules))

    def encode(self, records: NDArray[Any], *, hidden: bool) -> NDArray[np.float32]:
        """Encodes the hidden or the shown rules.

        Args:
            records: Variants of `dtype`, ``(num,)``.
            hidden: Whether to encode the hidden or the shown rules.

        Returns:
            float32 ``(num, sum of slot sizes)``: one-hot for categorical slots, scaled so that
            the training range is [-1, 1] for scalar slots.
        """
        parts = [rule.distribution.encode(records[rule.name]) for rule in self.rules if rule.hidden == hidden]
        return np.concatenate([np.zeros((len(records), 0), np.float32), *parts], axis=1)

    # -- constraints ------------------------------------------------------------------------------------------

    @cached_property
    def _constraints(self) -> tuple[Constraint, ...]:
        return tuple(read_constraint(text, self.rules) for text in self.constraints)

    def meets_constraints(self, records: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each of ``(num,)`` variants meets all constraints: ``(num,)``."""
        met = np.ones(len(records), dtype=bool)
        for constraint in self._constraints:
            met &= constraint.holds(records)
        return met

    def _check_constraints(self, records: NDArray[Any]) -> None:
        """Raises VariantError, which names the constraint, if one of the variants does not meet it."""
        for constraint in self._constraints:
            if len(broken := np.flatnonzero(~constraint.holds(records))):
                rules = dict(self.variants(records[broken[:1]])[0].rules)
                given = ", ".join(f"{name} = {rules[name]!r}" for name in dict.fromkeys(constraint.rules))
                raise VariantError(f"the variant breaks the constraint {constraint.text!r}: {given}")

    # -- sampling and splits ------------------------------------------------------------------------------

    @cached_property
    def num_variants(self) -> int | None:
        """How many variants the training range has.

        None if a rule's values cannot be counted, or there are too many to see which meet the constraints.
        """
        counts = [num_values(rule.distribution) for rule in self.rules]
        num = None if None in counts else prod(count for count in counts if count is not None)
        if num is None or not self.constraints:
            return num
        return len(all_variants(self)[0]) if num <= MOST_WEIGHTED else None

    @cached_property
    def _splits(self) -> Splits | None:
        return make_splits(self)

    @property
    def holds_out(self) -> bool:
        """Whether variants can be held out; if not, every split means all variants.

        They can unless there are so few that some value of a rule (an option, a sixteenth of a range of whole
        numbers) is part of fewer than ten combinations: it could not be in training, validation and test alike.
        """
        return self._splits is not None

    @property
    def split_scheme(self) -> str:
        """What decides which variants are held out, as files name it; "none" if nothing is."""
        return f"{self.hold_out}-{SCHEME}" if self.holds_out else "none"

    def sample(self, num: int, seed: int | Sequence[int] | np.random.Generator, split: Split = "train") -> NDArray[Any]:
        """Draws variants.

        Args:
            num: How many.
            seed: Seed, or a generator that is advanced.
            split: One of `SPLITS`; "all" ignores the splits and stays within the training range, as every split but
                "out_of_range" does if nothing can be held out (`holds_out`).

        Returns:
            Records of `dtype`, ``(num,)``.

        Raises:
            VariantError: No such split.
        """
        if split not in SPLITS:
            raise VariantError(f"no split {split!r}; choose one of {', '.join(SPLITS)}")
        generator = np.random.default_rng(seed)
        if split == "out_of_range" and not any(rule.distribution.has_beyond for rule in self.rules):
            raise VariantError("no rule of this space has values beyond its training range: no out_of_range split")
        if split in ("all", "out_of_range") or self._splits is None:
            return self.draw(generator, num, beyond=split == "out_of_range")
        return self._splits.sample(generator, num, LABELS.index(split))

    def draw(self, generator: np.random.Generator, num: int, beyond: bool = False) -> NDArray[Any]:
        """Draws ``(num,)`` variants without regard to splits, each rule by itself, from the range or from beyond it.

        Raises:
            VariantError: Hardly any combination meets the constraints; the message names the one that is met least.
        """
        if not self.constraints:
            return self._draw_freely(generator, num, beyond)
        return self.draw_constrained(num, lambda size: self._draw_freely(generator, size, beyond))

    def draw_constrained(self, num: int, draw: Callable[[int], NDArray[Any]]) -> NDArray[Any]:
        """Draws ``(num,)`` variants until all meet the constraints, from a function that draws some number of them.

        Raises:
            VariantError: As for `draw`.
        """
        kept, num_kept, num_drawn = [np.empty(0, self.dtype)], 0, 0
        while num_kept < num:
            if num_drawn >= ENOUGH_DRAWS and num_kept < LEAST_SHARE * num_drawn:
                self._refuse_constraints(draw(BATCH), num_kept, num_drawn)
            rate = max(num_kept, 1) / num_drawn if num_drawn else 0.5
            drawn = draw(min(int(1.1 * (num - num_kept) / rate) + 16, BATCH))
            kept.append(drawn[self.meets_constraints(drawn)])
            num_kept, num_drawn = num_kept + len(kept[-1]), num_drawn + len(drawn)
        return np.concatenate(kept)[:num]

    def _refuse_constraints(self, drawn: NDArray[Any], num_kept: int, num_drawn: int) -> NoReturn:
        shares = [(float(one.holds(drawn).mean()), one.text) for one in self._constraints]
        share, text = min(shares)
        together = "" if share < 0.01 or len(shares) == 1 else "; each can be met, but hardly ever together"
        raise VariantError(
            f"only {num_kept} of {num_drawn} combinations of rule values meet the constraints; the one that is met "
            f"least is {text!r}, by {100 * share:.2g} %{together}"
        )

    def _draw_freely(self, generator: np.random.Generator, num: int, beyond: bool) -> NDArray[Any]:
        records = np.zeros(num, dtype=self.dtype)
        for rule in self.rules:
            distribution = rule.distribution
            records[rule.name] = distribution.draw(generator, num, beyond and distribution.has_beyond)
        return records

    def split_of(self, records: NDArray[Any]) -> NDArray[np.str_]:
        """The split that each of ``(num,)`` variants belongs to.

        "out_of_range" if any rule is; "all" for the others if nothing can be held out.

        Raises:
            VariantError: A variant breaks a constraint, and so belongs to no split.
        """
        self._check_constraints(records)
        inside = np.ones(len(records), dtype=bool)
        for rule in self.rules:
            inside &= rule.distribution.contains(records[rule.name])
        names = np.full(len(records), "all", dtype="<U12")
        if self._splits is not None and len(records):
            names = np.array(LABELS, "<U12")[self._splits.labels(records)]
        names[~inside] = "out_of_range"
        return names

    # -- variants for people ------------------------------------------------------------------------------

    def variants(self, records: NDArray[Any]) -> list[Variant]:
        """Records ``(num,)`` as plain variants."""
        return [
            Variant({rule.name: rule.distribution.show(record[rule.name]) for rule in self.rules}) for record in records
        ]

    def records(self, variants: Sequence[Variant | Mapping[str, Any]]) -> NDArray[Any]:
        """Plain variants as records ``(num,)``.

        Raises:
            VariantError: A rule is misspelt, missing, or has a value that no rule allows; or a constraint is broken.
        """
        records = np.zeros(len(variants), dtype=self.dtype)
        for index, variant in enumerate(variants):
            given = variant.rules if isinstance(variant, Variant) else plain_table(variant)
            self._check_names(given)
            for rule in self.rules:
                if rule.name in given:
                    try:
                        records[rule.name][index] = rule.distribution.store(given[rule.name])
                    except ValueError as error:
                        raise VariantError(f"rule {rule.name!r}: {error}") from None
                elif isinstance(rule.distribution, Fixed):
                    records[rule.name][index] = rule.distribution.stored
        self._check_constraints(records)
        return records

    def canonical(self, variant: Variant | Mapping[str, Any]) -> Variant:
        """The variant as this space spells it: with every rule, each value in the rule's own type.

        Raises:
            VariantError: As for `records`.
        """
        return self.variants(self.records([variant]))[0]

    def _check_names(self, given: Mapping[str, Any]) -> None:
        known = [rule.name for rule in self.rules]
        if unknown := sorted(set(given) - set(known)):
            listed = f"no rule named {', '.join(map(repr, unknown))}; the rules are {', '.join(known)}"
            raise VariantError(listed + nearest(unknown[0], known))
        needed = [rule.name for rule in self.rules if not isinstance(rule.distribution, Fixed)]
        if missing := [name for name in needed if name not in given]:
            raise VariantError(f"the variant lacks {', '.join(map(repr, missing))}; the rules are {', '.join(known)}")
