"""Shows mutants to the SDK in a process that may be lost. Run by ``tools/fuzz_files.py``, in a folder of its own.

    python -m fuzzing.worker SEED PLANT BUNDLE...

Reads an index a line, makes its mutant, shows it as hostile files are shown, and answers a line of JSON: the fields of
`Verdict`.
"""

import dataclasses
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzzing.mutants import Mutant, Source, make_mutant
from gameagent_sdk import Agent, Bundle, Policy
from gameagent_sdk.console.frame_loop import RandomGame
from sdk.hostile.worker import SCRATCH, Watch, limit_memory, play, show

HEADROOM = 2**30  # bytes of address space beyond what the process has once it is warm
MAX_SECONDS = 1.0  # of the processor's time, to refuse a file or accept it
MAX_LOAD_SECONDS, MAX_CALL_SECONDS = 3.0, 1.5  # likewise, of an accepted one: to load it; for one act or tick
FILE = Path("mutant")  # in the worker's own folder


@dataclass
class Verdict:
    """What came of a mutant.

    Attributes:
        way: what was changed.
        outcome: "refused", "accepted", or a fault: "unexpected exception", "foreign open", "engine saw it",
            "agent changed", "slow", "slow to play". ("crashed" and "hung" are seen by the other side.)
        reason: of a refusal, without names and numbers; of a fault, what happened.
        later: SdkErrors while an accepted one played on.
        disagree: whether the backends chose the first action by different chances, or one of them failed alone.
        costs: of an accepted bundle in the slower backend: "load" and "call" (the longest act or tick) in seconds of
            the processor's time, "megabytes" that it took at most.
    """

    way: str
    outcome: str
    reason: str = ""
    later: int = 0
    disagree: bool = False
    costs: dict[str, float] = dataclasses.field(default_factory=dict)


def judge(mutant: Mutant, policies: list[Policy], watch: Watch) -> Verdict:
    """Shows a mutant to the SDK; a mind, to an agent of the bundle that it pretends to belong to."""
    FILE.write_bytes(mutant.data)
    found = show("mind" if mutant.way == "mind" else "bundle", str(FILE), watch, policies[mutant.source])
    return Verdict(mutant.way, *verdict_on(found), **played(found))


def verdict_on(found: dict[str, Any]) -> tuple[str, str]:
    """Outcome and reason."""
    outcome, costs = found["outcome"], found.get("costs", {})
    if outcome == "unexpected":
        return "unexpected exception", _place(found["error"])
    if found["opened"]:
        return "foreign open", found["opened"][0]
    if found["engine"]:
        return "engine saw it", "before the check was done"
    if found.get("memory_error"):
        return "unexpected exception", "MemoryError hidden in a refusal"
    if not found.get("unchanged", True):
        return "agent changed", found["error"]
    if found["seconds"] > MAX_SECONDS:
        return "slow", f"{found['seconds']:.1f} s until it was {outcome}"
    if costs.get("load", 0.0) > MAX_LOAD_SECONDS or costs.get("call", 0.0) > MAX_CALL_SECONDS:
        return "slow to play", str(costs)
    return outcome, _group(found) if outcome == "refused" else ""


def played(found: dict[str, Any]) -> dict[str, Any]:
    """How it went on with an accepted mutant."""
    errors = sum(one != "played" for one in found.get("later", {}).values())
    return {"later": errors, "disagree": found.get("disagree", False), "costs": found.get("costs", {})}


def make_source(bundle: bytes) -> Source:
    """A bundle with a mind that the SDK saved after some steps."""
    agent = Agent(Bundle.from_bytes(bundle), seed=0)
    agent.begin_trial(RandomGame(agent.manifest).rules())
    play(agent)
    agent.save(SCRATCH)
    return Source(bundle, SCRATCH.read_bytes())


def _group(found: dict[str, Any]) -> str:
    """A refusal's reason without names and numbers, so that like ones are counted together."""
    kind, _, text = found["error"].partition(": ")
    text = found["findings"][0][0] if found["findings"] else re.sub(r"^\S+ ?(is not a usable bundle)?:? ?", "", text)
    words = re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|\[[^]]*\]?|-?\d[\w.^*]*", "#", text).split()
    return f"{kind}: {' '.join(words[:7])}"[:90]


def _place(trace: str) -> str:
    """The exception, and the innermost line of the SDK's own."""
    frames = re.findall(r'File "(.*?)", line (\d+)', trace)
    path, line = ([frame for frame in frames if "gameagent_sdk" in frame[0]] or frames)[-1]
    return f"{trace.strip().splitlines()[-1][:200]} at {Path(path).name}:{line}"


def _answer(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    """Gets ready, then answers index after index."""
    seed, plant, *paths = sys.argv[1:]
    watch = Watch()
    sources = [make_source(Path(path).read_bytes()) for path in paths]
    policies = [Policy(Bundle.from_bytes(source.bundle)) for source in sources]
    for i, source in enumerate(sources):
        judge(Mutant("sound", i, source.bundle), policies, watch)  # so that late imports are done
    exec(plant, globals())  # noqa: S102  (a fault planted to see that it is reported)
    limit_memory(HEADROOM)
    _answer({"ready": True})
    for line in sys.stdin:
        mutant = make_mutant(int(seed), int(line), sources)
        _answer(dataclasses.asdict(judge(mutant, policies, watch)))


if __name__ == "__main__":
    main()
