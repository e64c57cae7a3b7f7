"""Shows mutants to the SDK in a process that may be lost. Run by ``tools/fuzz_files.py``, in a folder of its own.

    python -m fuzzing.worker SEED PLANT BUNDLE...

Reads an index a line, makes its mutant, and answers a line of JSON: the fields of :class:`Verdict`.
"""

import contextlib
import dataclasses
import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from fuzzing.mutants import Mutant, Source, make_mutant
from gameagent_sdk import Agent, Bundle, BundleError, CallOrderError, MindError, SdkError

BACKENDS: tuple[Literal["onnxruntime", "numpy"], ...] = ("onnxruntime", "numpy")
HEADROOM = 2**30  # bytes of address space beyond what the process has once it is warm
MAX_SECONDS = 1.0  # of the processor's time, to refuse a file or accept it
MAX_LOAD_SECONDS, MAX_CALL_SECONDS = 3.0, 1.5  # likewise, of an accepted one: to load it; for one act or tick
NUM_STEPS = 4
FILE, MIND, SCRATCH = "mutant.onnx", "mutant.mind", "scratch.mind"  # in the worker's own folder
WATCHED = ("open", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "socket.", "urllib.")


@dataclass
class Verdict:
    """What came of a mutant.

    Attributes:
        way: what was changed.
        outcome: "refused", "accepted", or a fault: "unexpected exception", "foreign open", "engine saw it",
            "agent changed", "slow", "slow to play". (Crashes and hangs are seen by the other side.)
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


class Watch:
    """Records what Python opens and what onnxruntime is given, while a file is read."""

    def __init__(self) -> None:
        self._on = False
        self.opened: list[str] = []
        self.engine = 0
        sys.addaudithook(self._audit)
        load = onnxruntime.InferenceSession

        def recorded(*args: Any, **options: Any) -> Any:
            self.engine += 1
            return load(*args, **options)

        onnxruntime.InferenceSession = recorded

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """While the SDK reads a mutant."""
        self.opened, self.engine, self._on = [], 0, True
        try:
            yield
        finally:
            self._on = False

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on or not event.startswith(WATCHED):
            return
        path = os.fsdecode(args[0]) if args and isinstance(args[0], str | bytes | os.PathLike) else ""
        here = path.removeprefix(os.getcwd() + os.sep)
        own = here in (FILE, MIND) or here.startswith((SCRATCH, "/proc/self/")) or here.endswith((".py", ".pyc"))
        if not (event == "open" and (own or isinstance(args[0], int))):
            self.opened.append(f"{event} {path}")


class Judge:
    """Shows mutants to the SDK, one after the other."""

    def __init__(self, sources: list[Source], watch: Watch) -> None:
        self._sources, self._watch = sources, watch
        self._agents: dict[int, Agent] = {}

    def show(self, mutant: Mutant) -> Verdict:
        """What came of it."""
        started = time.process_time()
        show = self._show_mind if mutant.way == "mind" else self._show_bundle
        try:
            with self._watch.reading():
                verdict, checked = show(mutant)
        except Exception as error:
            reason = f"{type(error).__name__} at {_place(error)}"
            return Verdict(mutant.way, "unexpected exception", reason)
        if self._watch.opened:
            return Verdict(mutant.way, "foreign open", self._watch.opened[0])
        if checked - started > MAX_SECONDS:
            return Verdict(mutant.way, "slow", f"{checked - started:.1f} s until it was {verdict.outcome}")
        return verdict

    def _show_bundle(self, mutant: Mutant) -> tuple[Verdict, float]:
        verdict = None
        try:
            Bundle.from_bytes(mutant.data, FILE)
        except BundleError as error:
            verdict = _refusal(mutant, error)
        checked = time.process_time()
        if self._watch.engine:
            return Verdict(mutant.way, "engine saw it", "before the check was done"), checked
        return self._play_both(mutant) if verdict is None else verdict, checked

    def _play_both(self, mutant: Mutant) -> Verdict:
        """Both backends play on with an accepted mutant."""
        Path(FILE).write_bytes(mutant.data)
        chances: list[Any] = []
        costs = Costs()
        for backend in BACKENDS:
            try:
                with costs.of("load"):
                    agent = Agent.load(FILE, seed=0, backend=backend)
                agent.begin_trial()
                chances.append(play(agent, costs))
            except SdkError:
                chances.append(None)
        one, other = chances
        same = one is other if one is None or other is None else bool(np.allclose(one, other, atol=1e-3))
        most, later = costs.most, sum(each is None for each in chances)
        if most["load"] > MAX_LOAD_SECONDS or most.get("call", 0.0) > MAX_CALL_SECONDS:
            return Verdict(mutant.way, "slow to play", str(most), later, costs=most)
        return Verdict(mutant.way, "accepted", later=later, disagree=not same, costs=most)

    def _show_mind(self, mutant: Mutant) -> tuple[Verdict, float]:
        """Restores a mutated mind into an agent that restored the sound one, which it then has to be equal to."""
        source, i = self._sources[mutant.source], mutant.source
        if i not in self._agents:
            self._agents[i] = Agent(Bundle.from_bytes(source.bundle), seed=0)
        agent = self._agents[i]
        Path(MIND).write_bytes(source.mind)
        agent.restore(MIND)
        Path(MIND).write_bytes(mutant.data)
        try:
            agent.restore(MIND)
        except MindError as error:
            checked = time.process_time()
            agent.save(SCRATCH)
            if Path(SCRATCH).read_bytes() != source.mind:
                return Verdict(mutant.way, "agent changed", str(error)), checked
            return _refusal(mutant, error), checked
        checked, later = time.process_time(), 0
        try:
            with contextlib.suppress(CallOrderError):  # where an action is due
                agent.observe(0.0)
            play(agent)
            agent.save(SCRATCH)
            agent.restore(SCRATCH)
        except SdkError:
            later = 1
        return Verdict(mutant.way, "accepted", later=later), checked


class Costs:
    """What playing takes at most."""

    def __init__(self) -> None:
        self.most: dict[str, float] = {"load": 0.0}
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of memory in use
        self._memory = _megabytes("VmRSS:")

    @contextlib.contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Measures what is done within."""
        started = time.process_time()
        try:
            yield
        finally:
            seconds, memory = time.process_time() - started, _megabytes("VmHWM:") - self._memory
            self.most[what] = max(self.most.get(what, 0.0), seconds)
            self.most["megabytes"] = max(self.most.get("megabytes", 0.0), memory)


def _megabytes(name: str) -> float:
    """Memory of this process: VmRSS in use now, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def play(agent: Agent, costs: Costs | None = None) -> Any:
    """A few steps of whatever game the manifest describes; gives the chances of the first action, or its distribution.

    Raises:
        AssertionError: an action or its chances are impossible.
        SdkError: as the agent does.
    """
    costs = costs or Costs()
    numbers = np.random.default_rng(0)
    manifest, first = agent.manifest, None
    for step in range(NUM_STEPS):
        legal = [True] * manifest.num_actions if manifest.action.mask else None
        with costs.of("call"):
            action = agent.act(numbers.normal(size=manifest.observation_size), legal)
        chances = _drawn_by(agent, action)
        first = chances if first is None else first
        agent.beliefs()
        agent.observe(float(numbers.normal()), terminated=step == 2)
        left = 1
        while left:
            with costs.of("call"):
                left = agent.tick(1e-3)  # a slice
    return first


def _drawn_by(agent: Agent, action: Any) -> Any:
    """The chances of the last action; of a continuous one mean and deviation.

    Raises:
        AssertionError: the action or its chances are impossible.
    """
    spec = agent.manifest.action
    if spec.kind == "box":
        chances = np.stack(agent.distribution)
        possible = bool(((spec.low <= action) & (action <= spec.high)).all() and (chances[1] >= 0).all())
    else:
        chances = agent.probabilities
        possible = 0 <= action < len(spec.names) and bool(abs(chances.sum() - 1) < 1e-6)
    if not (possible and np.isfinite(chances).all()):
        raise AssertionError(f"action {action} of {spec.kind} {spec.names} was drawn by {chances}")
    return chances


def make_source(bundle: bytes) -> Source:
    """A bundle with a mind that the SDK saved after some steps."""
    agent = Agent(Bundle.from_bytes(bundle), seed=0)
    agent.begin_trial()
    play(agent)
    agent.save(SCRATCH)
    return Source(bundle, Path(SCRATCH).read_bytes())


def _refusal(mutant: Mutant, error: SdkError) -> Verdict:
    if _out_of_memory(error):
        return Verdict(mutant.way, "unexpected exception", "MemoryError hidden in a refusal")
    return Verdict(mutant.way, "refused", _group(error))


def _group(error: SdkError) -> str:
    """A refusal's reason without names and numbers, so that like ones are counted together."""
    findings = getattr(error, "findings", ())
    text = findings[0].what if findings else re.sub(r"^\S+ ?(is no usable bundle)?:? ?", "", str(error))
    words = re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|\[[^]]*\]?|-?\d[\w.^*]*", "#", text).split()
    return f"{type(error).__name__}: {' '.join(words[:7])}"[:90]


def _out_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _place(error: Exception) -> str:
    """The innermost line of the SDK's own, and the message."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "gameagent_sdk" in frame.filename] or list(frames)
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}: {str(error)[:200]}"


def limit_memory() -> None:
    """From here on the process may take so much more and no more: beyond it, MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _answer(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


def main() -> None:
    """Gets ready, then answers index after index."""
    seed, plant, *paths = sys.argv[1:]
    watch = Watch()
    sources = [make_source(Path(path).read_bytes()) for path in paths]
    judge = Judge(sources, watch)
    for source in sources:
        judge.show(Mutant("sound", 0, source.bundle))  # so that late imports are done
    exec(plant, globals())  # noqa: S102  (a fault planted to see that it is reported)
    limit_memory()
    _answer({"ready": True})
    for line in sys.stdin:
        _answer(dataclasses.asdict(judge.show(make_mutant(int(seed), int(line), sources))))


if __name__ == "__main__":
    main()
