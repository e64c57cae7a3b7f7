"""Walk a 5 x 5 grid to a goal that is never seen; standing on it pays, at every step."""

from typing import Any

SIZE = 5  # cells per side
START_CORNER = 2  # the goal lies outside the START_CORNER x START_CORNER cells around the start
GOALS = tuple((x, y) for y in range(SIZE) for x in range(SIZE) if x >= START_CORNER or y >= START_CORNER)
GOAL_NAMES = tuple(f"{x},{y}" for x, y in GOALS)  # as variants name them
ON_GOAL_REWARD = 1.0
OFF_GOAL_REWARD = -0.1
NOOP, UP, RIGHT, DOWN, LEFT = range(5)


def start(state: Any, variant: Any) -> None:
    """Puts the agent into its corner and looks up the goal."""
    state.x = 0
    state.y = 0
    for goal in range(len(GOALS)):  # once an episode: comparing names takes longer than a step
        if variant.goal == GOAL_NAMES[goal]:
            state.goal_x, state.goal_y = GOALS[goal]
            break


def step(state: Any, variant: Any, actions: Any, rewards: Any) -> bool:
    """Moves by one cell; pays for standing on the goal."""
    action = actions[0]
    if action == UP:
        state.y = min(state.y + 1, SIZE - 1)
    elif action == RIGHT:
        state.x = min(state.x + 1, SIZE - 1)
    elif action == DOWN:
        state.y = max(state.y - 1, 0)
    elif action == LEFT:
        state.x = max(state.x - 1, 0)
    on_goal = state.x == state.goal_x and state.y == state.goal_y
    rewards[0] = ON_GOAL_REWARD if on_goal else OFF_GOAL_REWARD
    return False


def observe(state: Any, variant: Any, seat: int, observation: Any) -> None:
    """Fills in the position, scaled and one-hot."""
    observation[0] = state.x / (SIZE - 1) * 2.0 - 1.0
    observation[1] = state.y / (SIZE - 1) * 2.0 - 1.0
    for cell in range(SIZE):
        observation[2 + cell] = 1.0 if state.x == cell else 0.0
        observation[2 + SIZE + cell] = 1.0 if state.y == cell else 0.0
