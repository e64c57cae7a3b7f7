"""Procedurally generated game variants, compiled: see README.md for a tour in five minutes."""

from gameagent_games.conformance import CheckResult, ProbeReport, Report, RuleFinding, check_family, probe_rules
from gameagent_games.errors import (
    ActionError,
    FamilyError,
    GamesError,
    MissingExtra,
    ResetNeeded,
    RuleFileError,
    SettingError,
    VariantError,
)
from gameagent_games.game_rng import below, state_type, trial_uniform, uniform
from gameagent_games.games import Games, Source
from gameagent_games.interface import Box, Ceiling, Family, Feature
from gameagent_games.registry import family_names, load_family
from gameagent_games.sources.rules import EVERY_SEAT, Rules
from gameagent_games.sources.simulator import Simulator
from gameagent_games.variants.distributions import Choice, Distribution, Fixed, Integers, Permutation, Slot, Uniform
from gameagent_games.variants.files import read_variants, space_from_dict, space_to_dict, write_variants
from gameagent_games.variants.rule_files import RuleFile, read_rule_file
from gameagent_games.variants.variant import SPLITS, Rule, Split, Variant, VariantSpace

__version__ = "0.1.0"

__all__ = [
    "EVERY_SEAT",
    "SPLITS",
    "ActionError",
    "Box",
    "Ceiling",
    "CheckResult",
    "Choice",
    "Distribution",
    "Family",
    "FamilyError",
    "Feature",
    "Fixed",
    "Games",
    "GamesError",
    "Integers",
    "MissingExtra",
    "Permutation",
    "ProbeReport",
    "Report",
    "ResetNeeded",
    "Rule",
    "RuleFile",
    "RuleFileError",
    "RuleFinding",
    "Rules",
    "SettingError",
    "Simulator",
    "Slot",
    "Source",
    "Split",
    "Uniform",
    "Variant",
    "VariantError",
    "VariantSpace",
    "below",
    "check_family",
    "family_names",
    "load_family",
    "probe_rules",
    "read_rule_file",
    "read_variants",
    "space_from_dict",
    "space_to_dict",
    "state_type",
    "trial_uniform",
    "uniform",
    "write_variants",
]
