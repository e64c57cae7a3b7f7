"""What an agent believes of each hidden rule and how sure it is: one row per belief slot.

A number is a band for mean ± std with a line at the mean, on the rule's training range. A choice is a bar cut into a
piece for each option, as long as it is likely. Belief is violet and truth, where it is told, a gold pointer.
"""

from collections.abc import Sequence

from gameagent_sdk.bundle.manifest import BeliefSpec
from gameagent_sdk.engine.beliefs import Belief
from gameagent_sdk.overlay.brush import BACKDROP, BELIEF, INK, INK_SOFT, TRACK, TRUTH, Brush, Colour, mix
from gameagent_sdk.overlay.layout import BODY, PAD, SLOT, SMALL, TITLE, Layout, share
from gameagent_sdk.overlay.reading import Marks
from gameagent_sdk.overlay.wording import decimals_for, shown_label, shown_number

BAR, THICK = 17.0, 6.0  # of a row's bar: how far below the row's top it begins, and its height
UNCERTAIN, CERTAIN = mix(INK_SOFT, INK, 0.2), INK
BAND, UNLIKELY = mix(TRACK, BELIEF, 0.5), mix(TRACK, BELIEF, 0.35)


def draw_fixed_beliefs(brush: Brush, layout: Layout, specs: Sequence[BeliefSpec], truth: bool) -> None:
    """The rules' names and empty bars; ``truth`` is whether its sign is explained."""
    middle, room = layout.beliefs_top + TITLE / 2, layout.inner
    if truth:
        used = brush.text("truth", layout.right, middle, SMALL, TRUTH, room / 2, right=True)
        brush.pointer(layout.right - used - 9, middle - 3, 7, TRUTH)
        room -= used + 22
    brush.text("believes the rules are", PAD, middle, SMALL, INK_SOFT, room)
    for row, spec in enumerate(specs[: layout.num_beliefs]):
        top = layout.beliefs_top + TITLE + row * SLOT
        element = "" if spec.index is None else f"[{spec.index}]"
        brush.text(shown_label(spec.rule) + element, PAD, top + 8, SMALL, INK_SOFT, 0.5 * layout.inner)
        brush.box(PAD, top + BAR, layout.inner, THICK, TRACK, 3)


def draw_beliefs(
    brush: Brush, layout: Layout, specs: Sequence[BeliefSpec], beliefs: Sequence[Belief | None], marks: Marks
) -> None:
    """What is thought of each rule in words, the brighter the surer, and in its bar."""
    for row, (spec, belief, mark) in enumerate(zip(specs[: layout.num_beliefs], beliefs, marks, strict=False)):
        top = layout.beliefs_top + TITLE + row * SLOT
        words, colour = ("?", INK_SOFT) if belief is None else (_in_words(spec, belief), _brightness(belief))
        brush.text(words, layout.right, top + 8, BODY, colour, 0.48 * layout.inner, right=True)
        if spec.kind == "scalar":
            truth = _draw_scalar(brush, top + BAR, layout.inner, spec, belief, mark)
        else:
            truth = _draw_options(brush, top + BAR, layout.inner, spec, belief, mark)
        if truth is not None:
            brush.pointer(truth, top + BAR - 3, 11, BACKDROP)
            brush.pointer(truth, top + BAR - 2, 7, TRUTH)


def _draw_scalar(
    brush: Brush, top: float, inner: float, spec: BeliefSpec, belief: Belief | None, mark: float | None
) -> float | None:
    """Returns where the truth lies."""
    low, high = spec.center - spec.scale, spec.center + spec.scale
    if belief is not None and belief.mean is not None and belief.std is not None:
        start = PAD + inner * share(belief.mean - belief.std, low, high)
        end = PAD + inner * share(belief.mean + belief.std, low, high)
        brush.box(start, top, end - start, THICK, BAND, 3)
        brush.box(PAD + (inner - 3) * share(belief.mean, low, high), top - 2, 3, THICK + 4, BELIEF, 1)
    return None if mark is None else PAD + inner * share(mark, low, high)


def _draw_options(
    brush: Brush, top: float, inner: float, spec: BeliefSpec, belief: Belief | None, mark: float | None
) -> float | None:
    """Returns where the true option lies."""
    num_options = len(spec.options)
    chances = [1 / num_options] * num_options if belief is None else list(belief.probabilities.values())
    start = PAD
    truth = None
    for option, chance in enumerate(chances):
        length = inner * chance
        if belief is not None and length >= 1.5:
            colour = BELIEF if spec.options[option] == belief.best else UNLIKELY
            brush.box(start, top, length - (1 if chance < 1 else 0), THICK, colour, 2)
        if mark == option:
            truth = start + length / 2
        start += length
    return truth


def _in_words(spec: BeliefSpec, belief: Belief) -> str:
    if spec.kind == "categorical" or belief.mean is None or belief.std is None:
        return f"{shown_label(str(belief.best))}  {belief.confidence:.0%}"
    decimals = decimals_for(spec.scale)
    return f"{shown_number(belief.mean, decimals)} ± {shown_number(belief.std, decimals)}"


def _brightness(belief: Belief) -> Colour:
    return CERTAIN if belief.confidence >= 0.5 else UNCERTAIN
