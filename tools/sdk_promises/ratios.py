"""How ``Agent.act`` compares with what is below it and with what else there is, side by side in a tight loop.

    python -m sdk_promises.ratios BUNDLE bare|sb3 BLOCKS

Blocks of calls take turns, so that whatever else the machine does falls on both. Each block gives the median of its
calls; the median ratio of neighbouring blocks is printed as JSON, with the medians in microseconds.

bare  the same graph in onnxruntime alone: run_with_iobinding on tensors that stay where they are, one thread
sb3   RecurrentPPO.predict of sb3-contrib: an LSTM of as many units, as many observations and actions, one thread
"""

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gameagent_sdk import Agent, Bundle, Policy
from gameagent_sdk.console.frame_loop import RandomGame

WARM_UP = 1000  # calls
ACTS, BARE_RUNS, PREDICTIONS = 400, 400, 60  # calls in a block


def acting(bundle: Bundle) -> Callable[[], float]:
    """Gives a function that decides once and returns the seconds it took; what came of it is told in between."""
    agent, game = Agent(Policy(bundle, "onnxruntime"), seed=0), RandomGame(bundle.manifest)
    agent.begin_trial(game.rules())
    observation, legal = game.observation(), game.legal_actions()

    def act() -> float:
        begin = perf_counter()
        agent.act(observation, legal)
        taken = perf_counter() - begin
        agent.observe(0.0)
        return taken

    return act


def running_bare(bundle: Bundle) -> Callable[[], float]:
    """The same of a bare call of onnxruntime."""
    import onnxruntime  # type: ignore[import-untyped]

    from gameagent_sdk.backends.onnx_runtime import session_options

    session = onnxruntime.InferenceSession(bundle.data, session_options(), ["CPUExecutionProvider"])
    binding = session.io_binding()
    kept = []
    for nodes, bind in (
        (session.get_inputs(), binding.bind_ortvalue_input),
        (session.get_outputs(), binding.bind_ortvalue_output),
    ):
        for node in nodes:
            dtype = np.bool_ if node.type == "tensor(bool)" else np.float32
            array: NDArray[Any] = np.ones([size if isinstance(size, int) else 1 for size in node.shape], dtype)
            value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
            kept.append((array, value))
            bind(node.name, value)

    def run() -> float:
        assert kept  # the binding knows but the addresses
        begin = perf_counter()
        session.run_with_iobinding(binding)
        return perf_counter() - begin

    return run


def predicting(bundle: Bundle) -> Callable[[], float]:
    """The same of sb3-contrib, its state carried from call to call.

    Raises:
        ImportError: it is not installed.
    """
    sb3_contrib, gymnasium, torch = map(importlib.import_module, ("sb3_contrib", "gymnasium", "torch"))
    torch.set_num_threads(1)
    manifest = bundle.manifest
    num_units = max((tensor.shape[-1] for tensor in manifest.hidden_state if tensor.shape), default=128)

    class Still(gymnasium.Env):  # type: ignore[misc, name-defined]
        observation_space = gymnasium.spaces.Box(-1.0, 1.0, (manifest.observation_size,), np.float32)
        action_space = gymnasium.spaces.Discrete(manifest.num_actions)

    model = sb3_contrib.RecurrentPPO(
        "MlpLstmPolicy", Still(), policy_kwargs={"lstm_hidden_size": num_units}, seed=0, device="cpu"
    )
    observation = RandomGame(manifest).observation()
    state: Any = None
    start = np.ones(1, bool)

    def predict() -> float:
        nonlocal state, start
        begin = perf_counter()
        _, state = model.predict(observation, state=state, episode_start=start)
        taken = perf_counter() - begin
        start = np.zeros(1, bool)
        return taken

    return predict


def compare(
    one: Callable[[], float], other: Callable[[], float], calls: tuple[int, int], num_blocks: int
) -> dict[str, float]:
    """Blocks of both in turn; gives the median ratio one / other, and the median call of each in microseconds."""
    for _ in range(WARM_UP):
        one()
    for _ in range(WARM_UP // 10):
        other()
    blocks = [
        (median(one() for _ in range(calls[0])), median(other() for _ in range(calls[1]))) for _ in range(num_blocks)
    ]
    return {
        "ratio": median(first / second for first, second in blocks),
        "one_us": median(first for first, _ in blocks) * 1e6,
        "other_us": median(second for _, second in blocks) * 1e6,
    }


def main(argv: Sequence[str]) -> int:
    """Measures and prints; where sb3-contrib is not installed, says so."""
    path, which, num_blocks = argv
    bundle = Bundle.read(path)
    try:
        if which == "bare":
            found = compare(acting(bundle), running_bare(bundle), (ACTS, BARE_RUNS), int(num_blocks))
        else:
            found = compare(predicting(bundle), acting(bundle), (PREDICTIONS, ACTS), int(num_blocks))
        print(json.dumps(found))
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
