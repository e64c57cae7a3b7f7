"""How large an update is: games side by side, minibatches and passes, from the length of a trial and the budget.

The rule, for trials of T decisions a seat at most:

- An update plays about one 400th of the budget, but no fewer than 8,192 decisions, which keep a processor busy, and no
  more than 32,768: beyond that a gradient hardly gets better. So a run takes a few hundred updates, and some
  thousands of gradient steps.
- Where trials end early, its games are played again, until the update has most of the decisions it was meant to have.
- It plays at least 32 rows (a row is one seat of one game): fewer trials say too little about what variants have in
  common.
- A minibatch has about 2,048 decisions, in whole trials, and at least two rows. Where trials end early there are fewer
  minibatches (`gameagent.methods.rl2.update.draw_minibatches`), so that none has much less than half as many.
- Each update is passed over twice; three times if the whole budget makes fewer than 2,000 minibatches.
"""

import math
from typing import NamedTuple

UPDATES = 400
FEWEST_DECISIONS, MOST_DECISIONS = 8_192, 32_768  # of an update
FEWEST_ROWS = 32  # of an update
MINIBATCH_DECISIONS = 2_048
MINIBATCH_ROWS = 2
MOST_MINIBATCHES = 100_000  # as many as the setting takes
FEWEST_MINIBATCHES = 2_000  # of a run that is passed over twice
MOST = 0.6  # of an update's decisions: below this its games are played again


class Sizes(NamedTuple):
    """Sizes of an update."""

    num_games: int
    num_minibatches: int
    update_steps: int
    num_epochs: int


def update_sizes(budget: int, horizon: int, num_seats: int, num_games: int = 0) -> Sizes:
    """The sizes of a run's updates.

    Args:
        budget: In decisions.
        horizon: Decisions of one seat in a trial at most (T).
        num_seats: Seats of a game.
        num_games: Games side by side, if they are given; 0 if they follow from the rule.
    """
    update_steps = 1
    if num_games == 0:
        decisions = min(max(budget / UPDATES, FEWEST_DECISIONS), MOST_DECISIONS)
        rows = max(decisions / horizon, FEWEST_ROWS)
        num_games = math.ceil(rows / num_seats)
        update_steps = round(MOST * decisions)
    rows = num_games * num_seats
    num_minibatches = min(round(rows * horizon / MINIBATCH_DECISIONS), rows // MINIBATCH_ROWS, MOST_MINIBATCHES)
    num_epochs = 3 if budget < FEWEST_MINIBATCHES * MINIBATCH_DECISIONS else 2
    return Sizes(num_games, max(num_minibatches, 1), update_steps, num_epochs)
