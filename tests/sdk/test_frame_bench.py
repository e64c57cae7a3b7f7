"""Measuring in a frame loop: the beat, the random game, the figures, and the report made of them."""

# mypy: disable-error-code="arg-type, attr-defined, func-returns-value, operator, var-annotated"

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, Bundle, Policy, SdkError
from gameagent_sdk.authoring import ActionSpec, FeatureSpec
from gameagent_sdk.console import bench_report, frame_bench, frame_loop
from gameagent_sdk.console.frame_loop import OtherWork, RandomGame, Spread, frames
from gameagent_sdk.console.main import main


class Clock:
    """Time that passes only on command."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.slept = []
        monkeypatch.setattr(frame_loop, "perf_counter", lambda: self.now)
        monkeypatch.setattr(frame_loop.time, "sleep", self.sleep)

    def sleep(self, seconds: Any) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds

    def take(self, seconds: Any) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def starts(clock: Clock, seconds: float, fps: float, work: Callable[..., Any]) -> list[Any]:
    begin = clock.now
    return [clock.now - begin for _ in frames(seconds, fps, work)]


def test_frames_keep_the_beat_whatever_the_work_takes(clock: Clock) -> None:
    works = iter([0.001, 0.009, 0.0] * 100)
    found = starts(clock, 0.99, 50.0, lambda: clock.take(next(works)))
    assert found == pytest.approx([i * 0.02 for i in range(50)])


def test_the_caller_s_own_part_counts_too(clock: Clock) -> None:
    begin, found = clock.now, []
    for _ in frames(0.19, 50.0, lambda: clock.take(0.005)):
        found.append(clock.now - begin)
        clock.take(0.005)
    assert found == pytest.approx([i * 0.02 for i in range(10)]) and clock.slept == pytest.approx([0.01] * 10)


def test_a_late_frame_is_not_made_up_for(clock: Clock) -> None:
    works = iter([0.0, 0.05, *[0.0] * 20])
    found = starts(clock, 0.2, 50.0, lambda: clock.take(next(works)))
    # The second frame starts at 0.02 and ends at 0.07; from there the beat goes on.
    assert found == pytest.approx([0.0, 0.02, *(0.07 + 0.02 * i for i in range(7))])


def test_there_is_at_least_one_frame(clock: Clock) -> None:
    assert len(starts(clock, 1e-9, 60.0, lambda: clock.take(5.0))) == 1


@pytest.mark.quiet
def test_a_real_loop_takes_its_time() -> None:
    begin = time.perf_counter()
    count = len(list(frames(0.3, 100.0, lambda: None)))
    assert 0.29 < time.perf_counter() - begin < 5.0 and 1 <= count <= 30


def test_a_spread_is_that_of_its_calls() -> None:
    spread = Spread.of([i / 1000 for i in range(1, 102)], deadline_ms=4.0)  # 1 to 101 ms
    assert (spread.calls, spread.p50_ms, spread.p99_ms, spread.worst_ms) == pytest.approx((101, 51.0, 100.0, 101.0))
    assert spread.misses == 97 and spread.deadline_ms == 4.0
    assert Spread.of([0.002], 4.0) == Spread(1, 2.0, 2.0, 2.0, 0, 4.0)


def test_other_work_touches_its_memory_and_moves_its_sprites() -> None:
    work = OtherWork()
    work()
    work()
    assert work._memory.nbytes == 8 * 2**20 and np.all(work._memory == 2.0)
    assert [sprite["y"] for sprite in work._sprites] == [1.0] * 1000


FEATURES = (
    FeatureSpec("both", size=3, low=-2.0, high=5.0),
    FeatureSpec("none", size=2),
    FeatureSpec("low", low=10.0),
    FeatureSpec("low -1", low=-1.0),
    FeatureSpec("high", high=-10.0),
    FeatureSpec("fixed", low=0.1, high=0.1),
    FeatureSpec("huge", low=-3e38, high=3e38),
)
RANGES = [(-2, 5)] * 3 + [(-1, 1)] * 2 + [(10, 11), (-1, 0), (-11, -10), (0.1, 0.1), (-1e30, 1e30)]


def test_observations_lie_in_their_ranges_and_fill_them(bundle_of: Callable[[str], Bundle]) -> None:
    game = RandomGame(replace(bundle_of("recurrent").manifest, observation=FEATURES))
    drawn = np.array([game.observation() for _ in range(2000)])
    assert drawn.dtype == np.float32 and np.isfinite(drawn).all()
    for column, (low, high) in zip(drawn.T.astype(float), RANGES, strict=True):
        slack = 1e-6 * max(abs(low), abs(high))
        assert column.min() >= low - slack and column.max() <= high + slack
        # A uniform sample of 2000 leaves more than 2 % at an end free with a chance below 1e-17.
        assert column.max() - column.min() >= 0.96 * (high - low) - slack


def test_masks_are_legal_and_vary(bundle_of: Callable[[str], Bundle]) -> None:
    manifest = replace(bundle_of("masked").manifest, action=ActionSpec(("a", "b", "c"), mask=True))
    game = RandomGame(manifest)
    masks = np.array([game.legal_actions() for _ in range(500)])
    assert masks.dtype == bool and masks.any(axis=1).all()
    assert len({tuple(mask) for mask in masks.tolist()}) == 7  # all but the empty one
    assert RandomGame(bundle_of("recurrent").manifest).legal_actions() is None


def test_the_same_seed_makes_the_same_game(bundle_of: Callable[[str], Bundle]) -> None:
    one, other, third = (RandomGame(bundle_of("masked").manifest, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.observation(), other.observation())
    assert not np.array_equal(one.observation(), third.observation())


def test_episodes_and_trials_end_where_training_ended_them(bundle_of: Callable[[str], Bundle]) -> None:
    bundle = bundle_of("masked")  # 3 episodes of 20 steps
    agent, game = Agent(Policy(bundle, "numpy"), seed=0), RandomGame(bundle.manifest)
    agent.begin_trial()
    seen = []
    for _ in range(130):
        agent.act(game.observation(), game.legal_actions())
        game.answer(agent)
        seen.append((agent.episode, agent.step))
    expected = [((i // 20) % 3, i % 20) for i in range(1, 131)]
    assert seen == expected


@pytest.mark.parametrize("backend", ["onnxruntime", "numpy"])
@pytest.mark.parametrize("num_agents", [1, 3])
def test_acts_are_timed_once_a_frame(any_path: Path, backend: str, num_agents: int) -> None:
    num_frames = 0

    def work() -> None:
        nonlocal num_frames
        num_frames += 1

    spread = frame_bench.measure_acts(Policy.load(any_path, backend), num_agents, 0.2, 100.0, work)
    assert spread.calls == num_frames > 0
    assert 0 < spread.p50_ms <= spread.p99_ms <= spread.worst_ms < 10_000 and spread.deadline_ms == 4.0


def test_slow_calls_are_seen(path_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy.load(path_of("masked"), "numpy")
    bind = policy.backend.bind

    def slowly(inputs: Any, outputs: Any) -> Callable[..., Any]:
        run = bind(inputs, outputs)
        return lambda: (time.sleep(0.02), run())

    monkeypatch.setattr(policy.backend, "bind", slowly)
    for num_agents in (1, 2):
        spread = frame_bench.measure_acts(policy, num_agents, 0.1, 60.0, lambda: None)
        assert spread.p50_ms > 20.0 and spread.misses == spread.calls


def test_ticks_are_timed_while_they_have_work(path_of: Callable[[str], Path]) -> None:
    spread = frame_bench.measure_ticks(Policy.load(path_of("masked"), "numpy"), 0.3, 200.0, lambda: None)
    assert 1 <= spread.calls <= 60 and spread.deadline_ms == 1.0 and 0 < spread.p50_ms <= spread.worst_ms


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_memory_is_that_of_this_process() -> None:
    before = frame_bench.memory_mb()
    block = np.ones(64 * 2**20 // 8)
    after = frame_bench.memory_mb()
    assert 55 < after - before < 75 and block[-1] == 1.0


def test_memory_may_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_file(*args: Any, **kwargs: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_such_file)
    assert frame_bench.memory_mb() is None


# -- in fresh processes -----------------------------------------------------------------------------------------------


def test_the_figures_of_both_backends(path_of: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", str(path_of("recurrent")), "--agents", "1,3", "--seconds", "0.2", "--fps", "100"]
    assert main([*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [one["backend"] for one in figures["backends"]] == ["onnxruntime", "numpy"]
    assert figures["machine"]["numpy"] == np.__version__ and figures["fps"] == 100.0
    assert figures["bundle"]["name"] == "fixture-recurrent" and 0 < figures["import_ms"] < 60_000
    for one in figures["backends"]:
        assert list(one["act"]) == ["1", "3"]
        assert min(one[name] for name in ("load_ms", "first_act_ms", "load_again_ms", "engine_import_ms")) > 0
        assert one["memory_mb"] is None or 10 < one["memory_mb"] < 1000
        for spread in (*one["act"].values(), one["tick"]):
            assert 1 <= spread["calls"] <= 20 and 0 <= spread["misses"] <= spread["calls"]
    assert figures["backends"][0]["engine_import_ms"] > figures["backends"][1]["engine_import_ms"]
    text = bench_report.report(figures)
    assert max(map(len, text.splitlines())) <= 100
    for one in figures["backends"]:
        spread = one["act"]["1"]
        assert f"{spread['p50_ms']:.3f} / {spread['p99_ms']:.3f} ms" in text
        assert f"With {one['backend']} one decision takes {spread['p50_ms'] / 10:.1%} of a 100 fps frame" in text


def figures_of(**spread: Any) -> dict[Any, Any]:
    one = {"calls": 300, "p50_ms": 0.5, "p99_ms": 2.0, "worst_ms": 9.0, "misses": 7, "deadline_ms": 4.0} | spread
    start = {"engine_import_ms": 41.0, "load_ms": 12.0, "first_act_ms": 0.25, "load_again_ms": 8.0, "memory_mb": None}
    machine = {"cores": 1, "python": "3.12", "numpy": "2", "onnxruntime": None}
    tick = one | {"deadline_ms": 1.0, "calls": 4, "misses": 3}
    return {
        "machine": machine, "bundle": {"name": "pong\x1b"}, "fps": 50.0, "import_ms": 33.0,
        "backends": [{"backend": "numpy", **start, "act": {"16": one}, "tick": tick}],
    }  # fmt: skip


def test_the_report_of_known_figures() -> None:
    lines = [line.strip() for line in bench_report.report(figures_of()).splitlines()]
    assert lines[0] == r"pong\x1b in a loop of 50 frames a second, caches cooled between decisions"
    assert lines[1] == "1 core, Python 3.12, numpy 2, no onnxruntime"
    table = dict(line.rsplit("  ", 1) for line in lines if "  " in line)
    table = {name.strip(): value.strip() for name, value in table.items()}
    assert table["act of a squad of 16: p50 / p99"] == "0.500 / 2.000 ms"
    assert table["beyond 4 ms"] == "7 of 300" and table["beyond 1 ms"] == "3 of 4"
    assert table["memory after the first act"] == "unknown"
    assert table["import gameagent_sdk beyond numpy"] == "33 ms"
    # A frame of 20 ms: 0.5 ms are 2.5 % of it, 2 ms are 10 %.
    verdict = "With numpy a decision of 16 agents takes 2.5% of a 50 fps frame, and 99 in 100 take at most 10.0%."
    assert lines[-1] == verdict


def test_without_onnxruntime_numpy_alone_is_measured(
    bundle_of: Callable[[str], Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_report, "_version", lambda distribution: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else name)
    monkeypatch.setattr(bench_report, "import_ms", lambda: 1.0)
    monkeypatch.setattr(bench_report, "run_python", lambda words, limit: json.dumps({"backend": words[3]}))
    figures = bench_report.bench(bundle_of("masked"), "both", [1], 1.0, 60.0)
    assert figures["backends"] == [{"backend": "numpy"}] and figures["machine"]["onnxruntime"] is None


def test_a_process_that_fails_is_reported_in_a_line() -> None:
    with pytest.raises(SdkError, match=r"status 3: boom\\x1b$"):
        bench_report.run_python(["-c", "import sys; print('a\\nboom\\x1b', file=sys.stderr); sys.exit(3)"], 60.0)
    with pytest.raises(SdkError, match="took more than 1 s"):
        bench_report.run_python(["-c", "import time; time.sleep(60)"], 1.0)


def test_a_bundle_that_fails_when_run_is_reported_in_a_line(
    path_of: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert frame_bench.main([str(tmp_path / "gone.onnx"), "numpy", "1", "0.1", "60"]) == 0
    assert "cannot be read" in json.loads(capsys.readouterr().out)["error"]


def test_processes_have_one_thread_and_nothing_from_the_folder_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gameagent_sdk.py").write_text("raise SystemExit('imported from the current folder')")
    monkeypatch.chdir(tmp_path)
    program = "import os, sys, gameagent_sdk; print(os.environ['OMP_NUM_THREADS'], gameagent_sdk.__file__)"
    threads, path = bench_report.run_python(["-c", program], 60.0).split(maxsplit=1)
    assert threads == "1" and path.strip() == str(Path(sys.modules["gameagent_sdk"].__file__))


def test_importing_takes_a_moment() -> None:
    assert math.isfinite(bench_report.import_ms()) and bench_report.import_ms() > 0.1
