"""The games of the suite, the budget of each, and the best return that is known."""

from dataclasses import dataclass

from gameagent_games import Family, load_family

REFERENCE = "gameagent_games.families.reference"


@dataclass(frozen=True)
class Task:
    """One game of the suite. It has a budget and no other setting.

    Attributes:
        name: What it is called in tables and on the command line.
        place: Where `load_family` finds the family.
        steps: Training budget in decisions.
        short_steps: The budget in the short form; 0 if the short form leaves the game out.
        floor: A mean score below this, with the short form's budget or more, is a fault of the trainer and no bad luck.
        ceiling: Best known mean return by episode, if the family does not know it; the last figure holds for all
            later episodes.
        counted_episode: The one episode, from 1, whose return is the result; None for the whole trial.
        unit: The rule that says in which unit a variant pays, if there is one: returns are divided by its value.
        long: Whether only the long form has the game, as the rest takes three hours as it is.
    """

    name: str
    place: str
    steps: int
    short_steps: int = 0
    floor: float = 0.0
    ceiling: tuple[float, ...] = ()
    counted_episode: int | None = None
    unit: str = ""
    long: bool = False

    def family(self) -> Family:
        """The game."""
        return load_family(self.place)

    def best_return(self) -> float:
        """The best known mean return of what counts: the whole trial, or the counted episode.

        Raises:
            ValueError: Neither the task nor its family knows it.
        """
        family = self.family()
        known = family.ceiling
        by_episode = [self.ceiling[min(k, len(self.ceiling) - 1)] for k in range(family.num_episodes) if self.ceiling]
        if not by_episode and known is not None and known.num_episodes == family.num_episodes:
            by_episode = list(known.episodes or ())
            if self.counted_episode is None:
                return known.total
        if not by_episode:
            raise ValueError(f"{self.name}: no ceiling is known of {family.num_episodes} episodes of {self.place}")
        return self.counted(by_episode)

    def counted(self, by_episode: list[float]) -> float:
        """What counts of the mean returns by episode of a trial."""
        return sum(by_episode) if self.counted_episode is None else by_episode[self.counted_episode - 1]


NAVIGATION_CEILING = (-1.54, -0.51)  # walking by the distances seen; straight to the goal once it is known
WINS = (0.6660,)  # of a pull in the bandit, on average over ten
FORAGE_ORACLE = (7.1,)  # an agent that is shown the rules, trained for 12 M steps

TASKS = (
    Task("bandit", "bandit", 5_000_000, 2_000_000, 0.95),
    Task("bandit_10_100", f"{REFERENCE}.bandits:BANDIT_10_100", 20_000_000),
    Task("gridnavi", "gridnavi", 12_000_000, 4_000_000, 0.95),
    Task("navigation", "navigation", 6_000_000, ceiling=NAVIGATION_CEILING),
    Task("forage", "forage", 12_000_000, 2_500_000, 0.55, ceiling=FORAGE_ORACLE, counted_episode=3),
    Task("eleven_arms", f"{REFERENCE}.eleven_arms:ELEVEN_ARMS", 5_000_000),
    Task("costly_hint", f"{REFERENCE}.costly_hint:COSTLY_HINT", 5_000_000, 2_000_000, 0.95),
    Task("late_reward", f"{REFERENCE}.late_reward:LATE_REWARD", 10_000_000),
    Task("bandit_centi", f"{REFERENCE}.pay:BANDIT_CENTI", 5_000_000),
    Task("bandit_kilo", f"{REFERENCE}.pay:BANDIT_KILO", 5_000_000, 2_000_000, 0.95),
    Task("mixed_pay", f"{REFERENCE}.pay:MIXED_PAY", 5_000_000, 2_000_000, 0.9, ceiling=WINS, unit="pay"),
    Task("drift", f"{REFERENCE}.drift:DRIFT", 10_000_000, 3_000_000, 0.95),
    Task("lake", f"{REFERENCE}.lake:LAKE", 10_000_000, 3_000_000, 0.85),
    Task("dark_maze", f"{REFERENCE}.dark_maze:DARK_MAZE", 10_000_000),
    Task("long_walk", f"{REFERENCE}.long_walk:LONG_WALK", 10_000_000),
    Task("meeting", f"{REFERENCE}.meeting:MEETING", 5_000_000, 2_000_000, 0.9),
    Task("moving_target", f"{REFERENCE}.moving_target:MOVING_TARGET", 10_000_000, 3_000_000, 0.95),
    Task("mirrored", f"{REFERENCE}.mirrored:MIRRORED", 10_000_000),
    Task("random_mdp", f"{REFERENCE}.random_mdp:RANDOM_MDP", 100_000_000, long=True),
    Task("vault", f"{REFERENCE}.vault:VAULT", 5_000_000, long=True),
)
BY_NAME = {task.name: task for task in TASKS}
