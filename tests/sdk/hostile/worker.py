"""Shows files to the SDK, in a process that may be lost. Run by ``judge.py``; speaks lines of JSON.

A request is {"what": "bundle" or "mind", "path": ..., "bundle": the mind's bundle}. The answer:

    outcome      "refused", "accepted", or "unexpected" where anything but the promised error was raised
    error        the exception's class and message
    memory_error whether a refusal hides that the memory ran out
    findings     of a BundleError: [what, where, advice] each
    later        by backend, what playing on with an accepted file came to: "played" or an SdkError
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
import onnxruntime

from gameagent_sdk import Agent, Bundle, BundleError, CallOrderError, MindError, SdkError

BACKENDS = ("onnxruntime", "numpy")
HEADROOM = 600 * 2**20  # bytes of address space beyond what the process has once it is warm
SCRATCH = Path("scratch.mind")  # in the worker's own folder
WATCHED = ("open", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "socket.", "urllib.")


class Cost:
    """What something takes, from now on."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of memory in use
        self._memory, self._started = megabytes("VmRSS:"), time.process_time()

    def taken(self) -> dict[str, float]:
        seconds = time.process_time() - self._started
        return {"seconds": seconds, "megabytes": megabytes("VmHWM:") - self._memory}


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


def limit_memory() -> None:
    """From here on the process may take so much more and no more: beyond it, MemoryError."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + HEADROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def megabytes(name: str) -> float:
    """Memory of this process: VmRSS in use now, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def play(agent: Agent, steps: int = 4) -> None:
    """A few steps of whatever game the manifest describes, over an episode's end."""
    numbers = np.random.default_rng(0)
    manifest = agent.manifest
    for step in range(steps):
        legal = [True] * manifest.num_actions if manifest.action.mask else None
        action = agent.act(numbers.normal(size=manifest.observation_size), legal)
        if manifest.action.kind == "box":
            assert ((manifest.action.low <= action) & (action <= manifest.action.high)).all()
            assert np.isfinite(agent.distribution).all()
        else:
            assert 0 <= action < manifest.num_actions
            assert np.isfinite(agent.probabilities).all() and abs(agent.probabilities.sum() - 1) < 1e-6
        agent.beliefs()
        agent.observe(float(numbers.normal()), terminated=step == 2)


def play_bundle(path: str, backend: str) -> str:
    """How it goes with an accepted bundle."""
    try:
        agent = Agent.load(path, seed=0, backend=backend)
        agent.begin_trial()
        play(agent)
    except SdkError as error:
        return f"{type(error).__name__}: {error}"
    return "played"


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
        later = {}
        for backend in BACKENDS:
            try:
                later[backend] = play_bundle(path, backend)
            except Exception:
                return checked | {"outcome": "unexpected", "error": f"{backend}: {traceback.format_exc()}"}
        return checked | {"later": later}


def show_mind(path: str, watch: Watch, agent: Agent) -> dict[str, Any]:
    """Restores a mind into an agent in the middle of a trial; plays on if it is accepted."""
    agent.begin_trial()
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


def answer(request: dict[str, str], watch: Watch, agents: dict[str, Agent]) -> dict[str, Any]:
    """What came of one file."""
    path, bundle = request["path"], request["bundle"]
    try:
        if request["what"] == "bundle":
            found = show_bundle(path, watch)
        else:
            agents[bundle] = agents.get(bundle) or Agent.load(bundle, seed=0)
            found = show_mind(path, watch, agents[bundle])
    except Exception:
        found = {"outcome": "unexpected", "engine": watch.engine, "error": traceback.format_exc()}
    return found | {"opened": watch.opened}


def main() -> None:
    watch = Watch()
    for backend in BACKENDS:
        play_bundle(sys.argv[1], backend)  # so that late imports are done
    exec(sys.argv[2], globals())  # a fault planted by a test of these very tests
    limit_memory()
    agents: dict[str, Agent] = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), watch, agents)), flush=True)


if __name__ == "__main__":
    main()
