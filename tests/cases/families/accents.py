"""A family whose names are not written in ASCII."""

from dataclasses import replace

from cases.families.closures import TOSSES
from gameagent_games import Choice, Rule, VariantSpace

ACCENTS = replace(
    TOSSES,
    name="münzwurf",
    summary="errate die Münze … ± ein Wurf",
    space=VariantSpace((Rule("bias", Choice((0.25, 0.75))), Rule("größe", Choice(("groß", "klein"))))),
    actions=("zahl", "bär"),
)
