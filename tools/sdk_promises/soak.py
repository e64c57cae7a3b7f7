"""Whether memory stays flat over very many decisions, with all that a long session of a game brings.

    python -m sdk_promises.soak BUNDLE BACKEND ACTS

Half of the decisions are one agent's: trials, saves in slices and at once, restores, freezing, forgetting. The other
half are a squad's, whose members join and leave. Prints, as JSON, the resident memory in megabytes (2^20 bytes) after
each hundredth of the decisions.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from gameagent_sdk import Agent, Policy, Squad
from gameagent_sdk.backends import BackendName
from gameagent_sdk.console.frame_loop import RandomGame

NUM_SAMPLES = 100
ROUND = 500  # decisions of the agent, and as many of the squad
NUM_MEMBERS = 10


def resident_mb() -> float:
    """Resident memory of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def play_agent(agent: Agent, game: RandomGame, mind: Path) -> None:
    """One round: it learns, is saved in slices, forgets, is frozen for a while, and goes on from what was saved."""
    for number in range(ROUND):
        agent.act(game.observation(), game.legal_actions())
        game.answer(agent)
        if number == ROUND // 4:
            agent.save_soon(mind)
        elif number == ROUND // 2:
            agent.forget(0.1)
            agent.freeze()
        elif number == ROUND * 3 // 4:
            agent.unfreeze()
            agent.restore(mind)
        agent.tick(0.1)
    agent.save(mind)


def play_squad(squad: Squad, game: RandomGame) -> None:
    """One round: the eldest member leaves, another joins, and all decide together."""
    squad.leave(squad.members[0])
    squad.join(rules=game.rules())
    for _ in range(ROUND // NUM_MEMBERS):
        masks = {member: game.legal_actions() for member in squad.members}
        legal = {member: mask for member, mask in masks.items() if mask is not None} or None
        for member in squad.act({member: game.observation() for member in squad.members}, legal):
            game.answer(member)


def soak(policy: Policy, num_acts: int) -> list[float]:
    """Plays, and gives the samples of memory."""
    agent, squad, game = Agent(policy, seed=0), Squad(policy, seed=0), RandomGame(policy.manifest)
    agent.begin_trial(game.rules())
    for _ in range(NUM_MEMBERS):
        squad.join(rules=game.rules())
    samples: list[float] = []
    with tempfile.TemporaryDirectory(prefix="gameagent-soak-") as folder:
        for number in range(max(num_acts // (2 * ROUND), 1)):
            play_agent(agent, game, Path(folder) / "agent.mind")
            play_squad(squad, game)
            if (number + 1) * 2 * ROUND * NUM_SAMPLES >= num_acts * (len(samples) + 1):
                samples.append(resident_mb())
    return samples


def main(argv: Sequence[str]) -> int:
    """Plays and prints."""
    path, backend, num_acts = argv
    policy = Policy.load(path, cast(BackendName, backend))
    print(json.dumps(soak(policy, int(num_acts))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
