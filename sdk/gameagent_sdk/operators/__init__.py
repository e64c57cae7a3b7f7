"""The operators that a bundle may use: the SDK's allow-list, with numpy code for each."""

from collections.abc import Mapping
from types import MappingProxyType

from gameagent_sdk.operators.contract import Operator, Spec, as_tuple, evaluate, spec_of
from gameagent_sdk.operators.convolutions import CONVOLUTIONS
from gameagent_sdk.operators.elementwise import ELEMENTWISE
from gameagent_sdk.operators.products import PRODUCTS
from gameagent_sdk.operators.reductions import REDUCTIONS
from gameagent_sdk.operators.shaping import SHAPING
from gameagent_sdk.operators.work import PER_NODE, PER_SCATTERED, PER_TENSOR

__all__ = [
    "OPERATORS",
    "PER_NODE",
    "PER_SCATTERED",
    "PER_TENSOR",
    "Operator",
    "Spec",
    "as_tuple",
    "evaluate",
    "spec_of",
]

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {**CONVOLUTIONS, **ELEMENTWISE, **PRODUCTS, **REDUCTIONS, **SHAPING}
)
