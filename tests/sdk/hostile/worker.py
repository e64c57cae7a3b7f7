"""Shows files to the SDK, in a process that may be lost. Run by ``judge.py``; speaks lines of JSON.

The fuzzer's worker in ``tools/fuzzing`` makes its files itself and shows them by the same functions.

A request is {"what": "bundle" or "mind", "path": ..., "bundle": the mind's bundle}. The answer:

    outcome      "refused", "accepted", or "unexpected" where anything but the promised error was raised
    error        the exception's class and message
    memory_error whether a refusal hides that the memory ran out
    findings     of a BundleError: [what, where, advice] each
    later        by backend, what playing on with an accepted file came to: "played" or an SdkError
    disagree     of an accepted bundle: whether the backends chose the first action by different chances, or one of
                 them failed alone
    costs        of an accepted bundle in the slower backend: "load" and "call" (the longest act or tick) in seconds of
                 the processor's time, "megabytes" that it took at most
    opened       files that Python opened other than the one in question
    engine       how often onnxruntime was given a model while the file was being checked
    unchanged    of a refused mind: whether the agent at hand stayed as it was
    seconds, megabytes: what reading the file took, of the processor's time and of memory
"""

import contextlib
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from gameagent_sdk import Agent, Bundle, BundleError, CallOrderError, MindError, Policy, SdkError
from gameagent_sdk.console.frame_loop import RandomGame

BACKENDS = ("onnxruntime", "numpy")
HEADROOM = 600 * 2**20  # bytes of address space beyond what the process has once it is warm
SCRATCH = Path("scratch.mind")  # in the worker's own folder
WATCHED = ("open", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "socket.", "urllib.")


class Cost:
    """What something takes, from now on; and what the parts of it take at most."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of memory in use
        self._memory, self._started = megabytes("VmRSS:"), time.process_time()
        self.most: dict[str, float] = {}

    def taken(self) -> dict[str, float]:
        """Seconds of the processor's time, and megabytes at the peak."""
        seconds = time.process_time() - self._started
        return {"seconds": seconds, "megabytes": megabytes("VmHWM:") - self._memory}

    @contextlib.contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Measures what is done within."""
        started = time.process_time()
        try:
            yield
        finally:
            self.most[part] = max(self.most.get(part, 0.0), time.process_time() - started)


class Watch:
    """Records what Python opens and what onnxruntime is given, while a file is read."""

    def __init__(self) -> None:
        self._on = False
        self._allowed = ""
        self.opened: list[str] = []
        self.engine = 0
        sys.addaudithook(self._audit)
        load = onnxruntime.InferenceSession

        def recorded(*args: Any, **options: Any) -> Any:
            self.engine += 1
            return load(*args, **options)

        onnxruntime.InferenceSession = recorded

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[Cost]:
        """While the SDK reads the file at ``path``, which alone it may open."""
        self._allowed, self.opened, self.engine = path, [], 0
        cost = Cost()
        self._on = True
        try:
            yield cost
        finally:
            self._on = False

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on or not event.startswith(WATCHED):
            return
        path = os.fsdecode(args[0]) if args and isinstance(args[0], str | bytes | os.PathLike) else ""
        own = event == "open" and (path == self._allowed or path.startswith("/proc/self/"))
        late_import = event == "open" and path.endswith((".py", ".pyc"))  # of an error's traceback, say
        if not own and not late_import and not (event == "open" and isinstance(args[0], int)):
            self.opened.append(f"{event} {path}")


def limit_memory(headroom: int = HEADROOM) -> None:
    """From here on the process may take so many bytes more and no more: beyond them, MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + headroom
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def megabytes(name: str) -> float:
    """Memory of this process: VmRSS in use now, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def play(agent: Agent, cost: Cost | None = None, steps: int = 4) -> Any:
    """A few steps of whatever game the manifest describes, over an episode's end, and all pending work.

    Returns:
        The chances of the first action; of a continuous one its mean and deviation.
    """
    cost, first = cost or Cost(), None
    numbers = np.random.default_rng(0)
    manifest = agent.manifest
    game = RandomGame(manifest)
    for step in range(steps):
        legal = [True] * manifest.num_actions if manifest.action.mask else None
        observation = numbers.normal(size=manifest.observation_size) if manifest.plan is None else game.observation()
        with cost.of("call"):
            action = agent.act(observation, legal)
        chances = chances_of(agent, agent.decider.taken_in(action))
        first = chances if first is None else first
        agent.beliefs()
        agent.observe(float(numbers.normal()), terminated=step == 2)
        left = 1
        while left:
            with cost.of("call"):
                left = agent.tick(1e-3)  # a slice
    return first


def chances_of(agent: Agent, action: Any) -> Any:
    """What the last action was drawn by, seen to be possible."""
    spec = agent.manifest.action
    if spec.kind == "box":
        assert ((spec.low <= action) & (action <= spec.high)).all()
        chances = np.stack(agent.distribution)
        assert np.isfinite(chances).all() and (chances[1] >= 0).all()
    else:
        assert 0 <= action < agent.manifest.num_actions
        chances = agent.probabilities
        assert np.isfinite(chances).all() and abs(chances.sum() - 1) < 1e-6
    return chances


def play_bundle(path: str, backend: Any, cost: Cost) -> tuple[str, Any]:
    """How it goes with an accepted bundle, and the chances of its first action."""
    try:
        with cost.of("load"):
            agent = Agent.load(path, seed=0, backend=backend)
        agent.begin_trial(RandomGame(agent.manifest).rules())
        return "played", play(agent, cost)
    except SdkError as error:
        return f"{type(error).__name__}: {error}", None


def play_both(path: str) -> dict[str, Any]:
    """Both backends play on with an accepted bundle."""
    cost, later, chances = Cost(), {}, []
    for backend in BACKENDS:
        try:
            later[backend], first = play_bundle(path, backend, cost)
        except Exception:
            return {"outcome": "unexpected", "error": f"{backend}: {traceback.format_exc()}"}
        chances.append(first)
    one, other = chances
    same = one is other if one is None or other is None else bool(np.allclose(one, other, atol=1e-3))
    costs = cost.most | {"megabytes": cost.taken()["megabytes"]}
    return {"later": later, "disagree": not same, "costs": costs}


def state_of(agent: Agent) -> bytes:
    """All that an agent carries, to compare."""
    agent.save(SCRATCH)
    return SCRATCH.read_bytes()


def show_bundle(path: str, watch: Watch) -> dict[str, Any]:
    """Checks a bundle; plays with it in both backends if it is accepted."""
    with watch.reading(path) as cost:
        try:
            Bundle.read(path)
        except BundleError as error:
            return refusal(error, watch) | cost.taken()
        checked = {"outcome": "accepted", "engine": watch.engine} | cost.taken()
        return checked | play_both(path)


def show_mind(path: str, watch: Watch, agent: Agent) -> dict[str, Any]:
    """Restores a mind into an agent in the middle of a trial; plays on if it is accepted."""
    agent.begin_trial(RandomGame(agent.manifest).rules())
    play(agent)
    before = state_of(agent)
    with watch.reading(path) as cost:
        try:
            agent.restore(path)
            told = {"outcome": "accepted", "engine": 0} | cost.taken()
        except MindError as error:
            told = refusal(error, watch) | cost.taken()
    if told["outcome"] == "refused":
        return told | {"unchanged": state_of(agent) == before}
    later = "played"
    try:
        with contextlib.suppress(CallOrderError):  # where an action is due
            agent.observe(0.0)
        play(agent)
        agent.save(SCRATCH)
        agent.restore(SCRATCH)
    except SdkError as error:
        later = f"{type(error).__name__}: {error}"
    return told | {"later": {"restored": later}}


def refusal(error: SdkError, watch: Watch) -> dict[str, Any]:
    findings = [[finding.what, finding.where, finding.advice] for finding in getattr(error, "findings", ())]
    told = {"error": f"{type(error).__name__}: {error}", "findings": findings}
    return {"outcome": "refused", "engine": watch.engine, "memory_error": caused_by_memory(error), **told}


def caused_by_memory(error: BaseException | None) -> bool:
    """Whether a refusal hides that the memory ran out."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def show(what: str, path: str, watch: Watch, policy: Policy | None = None) -> dict[str, Any]:
    """What came of one file; a mind needs the policy that it pretends to belong to."""
    try:
        if what == "bundle":
            found = show_bundle(path, watch)
        else:
            assert policy
            found = show_mind(path, watch, Agent(policy, seed=0))
    except Exception:
        found = {"outcome": "unexpected", "engine": watch.engine, "error": traceback.format_exc()}
    return found | {"opened": watch.opened}


def main() -> None:
    """Gets ready, then answers request after request."""
    watch = Watch()
    play_both(sys.argv[1])  # so that late imports are done
    exec(sys.argv[2], globals())  # a fault planted by a test of these very tests
    limit_memory()
    policies: dict[str, Policy] = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        what, path, bundle = json.loads(line).values()
        if what == "mind" and bundle not in policies:
            policies[bundle] = Policy.load(bundle)
        print(json.dumps(show(what, path, watch, policies.get(bundle))), flush=True)


if __name__ == "__main__":
    main()
