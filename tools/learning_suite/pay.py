"""The suite's games in another unit of reward: ``learning_suite.pay:TASK*FACTOR`` is the place of such a family."""

from dataclasses import replace

from gameagent_games import Family
from gameagent_games.families.reference.pay import make_pay
from learning_suite.tasks import BY_NAME, Task


def paid(task: Task, factor: float) -> Task:
    """A task in another unit of reward: its best return grows by the factor, and scores should stay the same."""
    ceiling = tuple(mean * factor for mean in task.ceiling)
    return replace(task, place=f"{__name__}:{task.name}*{factor:g}", ceiling=ceiling)


def __getattr__(name: str) -> Family:
    """A family by the part of its place after the colon."""
    task, star, factor = name.partition("*")
    if not star or task not in BY_NAME:
        raise AttributeError(f"{name}: expected TASK*FACTOR with the name of a task of the suite")
    return make_pay(BY_NAME[task].family(), float(factor))
