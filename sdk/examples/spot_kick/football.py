"""The rules of Spot Kick: where a shot goes, what a dive reaches, and what a keeper has seen so far."""

SPOTS = ("far left", "left", "centre", "right", "far right")  # places in the goal
LANES = ("left", "middle", "right")  # of the run-up
NUM_SPOTS = 5
NUM_LANES = 3
KICKS = 10  # in a match
HARD = 0.5  # power from which a ball is too fast for a keeper who dives next to it
WILD = 0.9  # power from which it flies over the bar
GOAL, SAVED, OVER = 0, 1, 2
NO_SHOT = (-1, -1, -1)  # spot, power and result before a match's first shot


def result_of(spot, power, dive):
    """GOAL, SAVED or OVER, for a shot at a spot with a power from 0 to 1 and a dive to a spot."""
    if power >= WILD:
        return OVER
    reach = 0 if power >= HARD else 1
    return SAVED if abs(spot - dive) <= reach else GOAL


def keeper_sees(kick, lane, last_spot, last_power, last_result):
    """What a keeper knows just before a kick, as 13 numbers from 0 to 1.

    Kicks are counted from 0 in each match; the last three come from `NO_SHOT` before its first shot.
    """
    return (
        kick / KICKS,
        1.0 * (lane == 0),
        1.0 * (lane == 1),
        1.0 * (lane == 2),
        1.0 * (last_spot == 0),
        1.0 * (last_spot == 1),
        1.0 * (last_spot == 2),
        1.0 * (last_spot == 3),
        1.0 * (last_spot == 4),
        1.0 * max(last_power, 0),
        1.0 * (last_result == GOAL),
        1.0 * (last_result == SAVED),
        1.0 * (last_result == OVER),
    )
