"""What values a rule may take: one distribution per rule, within the training range and beyond it.

A distribution knows four things: how to draw values, whether a given value belongs to it, in which *cell*
of its range a value lies (splits are made on cells, see `variant.VariantSpace`), and which slots of the
rule encoding describe it. ``beyond`` holds the values of the out-of-range split; training never sees them.
"""

from gameagent_games.variants.distributions.choice import Choice
from gameagent_games.variants.distributions.interface import Distribution, Slot
from gameagent_games.variants.distributions.listed import Fixed, Permutation
from gameagent_games.variants.distributions.numeric import Integers, Uniform
from gameagent_games.variants.distributions.plain import Value

__all__ = ["Choice", "Distribution", "Fixed", "Integers", "Permutation", "Slot", "Uniform", "Value"]
