"""The SDK on other people's machines: what it starts, what it takes, what it says, and what it keeps."""

# mypy: disable-error-code="arg-type, no-untyped-call"

import os
import stat
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import (
    Agent,
    Bundle,
    BundleError,
    CallOrderError,
    InputError,
    InputWarning,
    Manifest,
    MindError,
    Policy,
    RecordingError,
    SaveSlots,
    SdkError,
    Squad,
    replay,
)
from gameagent_sdk.authoring import ActionSpec, FeatureSpec, PolicySession
from gameagent_sdk.engine.inputs import as_legal_actions
from gameagent_sdk.engine.intake import Intake
from gameagent_sdk.engine.observation_report import FeatureReport

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "sdk" / "fixtures"
BANDIT = ROOT / "sdk" / "examples" / "browser" / "bandit.onnx"
KEEPER = ROOT / "sdk" / "examples" / "spot_kick" / "keeper.onnx"
RECURRENT, MASKED, STEERED = (FIXTURES / f"{name}.onnx" for name in ("recurrent", "masked", "steered"))
BUNDLES = (RECURRENT, MASKED, STEERED, FIXTURES / "memoryless.onnx", BANDIT, KEEPER)
ENGINES = ("onnxruntime", "numpy")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SEEN = [0.1, -0.2, 0.3]  # by the recurrent fixture


def by_name(path: Any) -> Any:
    return path.stem


def begun(path: Any = RECURRENT, **options: Any) -> Agent:
    agent = Agent.load(path, seed=1, **options)
    agent.begin_trial()
    return agent


def seen_by(agent: Any) -> Any:
    """An observation within the declared ranges, and legal actions where there is a mask."""
    middle = [0.5 * ((f.low or 0.0) + (f.high or 0.0)) for f in agent.manifest.observation for _ in range(f.size)]
    return middle, [True] * agent.num_actions if agent.manifest.action.mask else None


def fresh_process(program: str, *arguments: Any, home: Path, **environment: Any) -> str:
    """Runs a program in a process that sets nothing of its own; gives what it printed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    settings = inherited | ONE_THREAD | {"HOME": str(home)} | environment
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# What loading starts

WATCH = """
import os, socket, sys
looked_up = []
sys.addaudithook(lambda event, args: looked_up.append(event) if event.startswith("socket.") else None)
import gameagent_sdk
"""
TELL = """
sockets = [name for name in os.listdir("/proc/self/fd") if "socket" in os.path.realpath(f"/proc/self/fd/{name}")]
print(len(os.listdir("/proc/self/task")), len(sockets), len(looked_up), os.environ.get("ORT_DISABLE_TELEMETRY"))
"""
LOADS = {
    "agent": "agent = gameagent_sdk.Agent.load(sys.argv[1]); agent.begin_trial()",
    "squad": "squad = gameagent_sdk.Squad.load(sys.argv[1]); member = squad.join()\n"
    "squad.act({member: [0.0] * member.manifest.observation_size})",
    "session": "from gameagent_sdk.authoring import PolicySession\n"
    "session = PolicySession(gameagent_sdk.Bundle.read(sys.argv[1])); session.reset(2)",
}
needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")


@needs_proc
@pytest.mark.parametrize("kind", LOADS)
def test_loading_starts_no_thread_writes_no_file_and_looks_up_no_host(kind: str, tmp_path: Path) -> None:
    told = fresh_process(WATCH + LOADS[kind] + TELL, RECURRENT, home=tmp_path)
    assert told.split() == ["1", "0", "0", "1"]
    assert list(tmp_path.rglob("*")) == []


def test_bench_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    program = "import sys; from gameagent_sdk.console.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = "bench", RECURRENT, "--seconds", "0.05", "--agents", "1", "--backend", "onnxruntime"
    assert "With onnxruntime" in fresh_process(program, *arguments, home=tmp_path)
    assert list(tmp_path.rglob("*")) == []


@needs_proc
def test_a_host_that_chose_for_itself_is_respected(tmp_path: Path) -> None:
    told = fresh_process(WATCH + LOADS["agent"] + TELL, RECURRENT, home=tmp_path, ORT_DISABLE_TELEMETRY="yes")
    assert told.split()[-1] == "yes"


@pytest.mark.parametrize(("chosen", "called"), [({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")])
def test_where_the_host_has_imported_the_engine_already_reports_are_stopped_unless_it_chose(
    chosen: dict[Any, Any], called: str, tmp_path: Path
) -> None:
    program = """
import os, sys
kept = os.environ.pop("ORT_DISABLE_TELEMETRY", None)
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # so that this test itself reports nothing
import onnxruntime
os.environ.pop("ORT_DISABLE_TELEMETRY")
if kept is not None: os.environ["ORT_DISABLE_TELEMETRY"] = kept
calls = []
onnxruntime.disable_telemetry_events = lambda: calls.append(1)
import gameagent_sdk
gameagent_sdk.Agent.load(sys.argv[1])
print(len(calls))
"""
    assert fresh_process(program, RECURRENT, home=tmp_path, **chosen).strip() == called


# A mind saved in mid-decision


def context_of(agent: Any) -> dict[Any, Any]:
    return {name: array.tolist() for name, array in agent._trial.step.context.inputs().items()}


def counted(agent: Any) -> Any:
    return agent.num_decisions, agent.episode, agent.step, agent.returns, agent.episode_return, agent.phase


def plain(action: Any) -> Any:
    return np.asarray(action).tolist()


def play_on(agent: Any, num_steps: int, seed: int = 5) -> list[Any]:
    rng, actions = np.random.default_rng(seed), []
    observation, legal = seen_by(agent)
    for _ in range(num_steps):
        actions.append(plain(agent.act(observation, legal)))
        agent.observe(float(rng.normal()), terminated=bool(rng.random() < 0.2))
    return actions


def saved_in_mid_decision(path: Path, folder: Path, **options: Any) -> Any:
    """The agent, and another that was restored from what it saved between ``act`` and ``observe``."""
    agent, again = begun(path, **options), Agent.load(path, seed=9, **options)
    play_on(agent, 7)
    agent.act(*seen_by(agent))
    agent.save(folder / "player.mind")
    again.restore(folder / "player.mind")
    return agent, again


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", BUNDLES, ids=by_name)
def test_the_outcome_may_arrive_after_a_restore(path: Path, engine: str, tmp_path: Path) -> None:
    agent, again = saved_in_mid_decision(path, tmp_path, backend=engine)
    for player in (agent, again):
        player.observe(0.5, terminated=True)
    assert play_on(again, 9) == play_on(agent, 9)
    assert (counted(again), context_of(again)) == (counted(agent), context_of(agent))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", BUNDLES, ids=by_name)
def test_or_never_as_if_it_had_paid_nothing_and_the_episode_gone_on(path: Path, engine: str, tmp_path: Path) -> None:
    agent, again = saved_in_mid_decision(path, tmp_path, backend=engine)
    agent.observe(0.0)
    assert plain(again.act(*seen_by(again))) == plain(agent.act(*seen_by(agent)))
    assert counted(again) == counted(agent)
    for player in (agent, again):
        player.observe(0.25)
    assert play_on(again, 9) == play_on(agent, 9)
    assert (counted(again), context_of(again)) == (counted(agent), context_of(agent))


def test_or_a_new_trial_begins(tmp_path: Path) -> None:
    _, again = saved_in_mid_decision(RECURRENT, tmp_path)
    again.begin_trial()
    assert again.phase == "act" and again.num_decisions == 0
    play_on(again, 3)


def test_the_order_is_strict_for_all_others_and_after_the_first_call(tmp_path: Path) -> None:
    agent, again = saved_in_mid_decision(RECURRENT, tmp_path)
    for call in (lambda: agent.act(SEEN), agent.freeze, lambda: agent.forget(0.5)):
        with pytest.raises(CallOrderError, match=r"call observe\(\)"):
            call()
    again.act(SEEN)
    for call in (lambda: again.act(SEEN), again.freeze, lambda: again.forget(0.5)):
        with pytest.raises(CallOrderError, match=r"call observe\(\)"):
            call()
    again.restore(tmp_path / "player.mind")
    again.observe(1.0)
    with pytest.raises(CallOrderError, match=r"call act\(\)"):
        again.observe(1.0)
    again.act(SEEN)
    with pytest.raises(CallOrderError):
        again.act(SEEN)


def test_a_refused_act_leaves_the_decision_open(tmp_path: Path) -> None:
    agent, again = saved_in_mid_decision(RECURRENT, tmp_path)
    with pytest.raises(InputError):
        again.act([np.nan, 0.0, 0.0])
    again._trial.step._run = lambda: 1 / 0
    with pytest.raises(BundleError):
        again.act(SEEN)
    again._trial.step._run = None
    assert counted(again) == counted(agent)
    for player in (agent, again):
        player.observe(0.5, terminated=True)
    assert play_on(again, 9) == play_on(agent, 9)
    assert (counted(again), context_of(again)) == (counted(agent), context_of(agent))


def test_saved_again_soon_or_in_a_slot_it_is_still_open(tmp_path: Path) -> None:
    _, again = saved_in_mid_decision(RECURRENT, tmp_path)
    again.save_soon(tmp_path / "later.mind")
    while again.tick(100.0):
        pass
    slots, third = SaveSlots(tmp_path / "slots"), Agent.load(RECURRENT)
    slots.save(again, "Zoë")
    assert slots.restore(third, "Zoë") and third.phase == "observe"
    fourth = Agent.load(RECURRENT)
    fourth.restore(tmp_path / "later.mind")
    assert play_on(third, 5) == play_on(fourth, 5) == play_on(again, 5)


@pytest.mark.parametrize("engine", ENGINES)
def test_members_of_a_squad_go_on_too(engine: str, tmp_path: Path) -> None:
    agent, _ = saved_in_mid_decision(RECURRENT, tmp_path, backend=engine)
    squad = Squad.load(RECURRENT, backend=engine)
    members = [squad.join() for _ in range(3)]
    for member in members[:2]:
        member.restore(tmp_path / "player.mind")
    members[0].observe(0.0)
    with pytest.raises(InputError):  # nobody has decided, so the second's outcome may still come
        squad.act({members[1]: SEEN, members[2]: [0.0]})
    assert counted(members[1]) == counted(agent)
    first, second, _ = squad.act(dict.fromkeys(members, SEEN)).values()
    assert first == second and context_of(members[0]) == context_of(members[1])
    assert counted(members[0]) == counted(members[1])


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("frozen", ["before", "after", None])
def test_recordings_that_begin_or_pass_there_replay(closed: bool, frozen: str | None, tmp_path: Path) -> None:
    agent, again = saved_in_mid_decision(RECURRENT, tmp_path)
    if frozen == "before":
        again.freeze()
    again.record(tmp_path / "match.jsonl")
    if frozen == "after":
        again.freeze()
    actions = []
    for _ in range(2):
        if not closed:
            again.observe(2.0)
        actions += play_on(again, 12)
        again.forget(0.4)
        actions += play_on(again, 12)
        again.restore(tmp_path / "player.mind")
    again.stop_recording()
    told = replay(tmp_path / "match.jsonl", agent.policy)
    assert [plain(action) for action in told.actions] == actions and told.num_different == 0
    assert (counted(told.agent), context_of(told.agent)) == (counted(again), context_of(again))


@pytest.mark.parametrize("closed", [True, False])
def test_frozen_in_mid_decision_it_starts_episodes_from_what_it_knows_once_the_outcome_is_in(
    closed: bool, tmp_path: Path
) -> None:
    agent, again = saved_in_mid_decision(RECURRENT, tmp_path)
    agent.observe(0.0 if closed else 3.0)
    agent.freeze()
    again.freeze()
    if not closed:
        again.observe(3.0)
    for player in (agent, again):
        player.act(SEEN)
        player.observe(1.0, terminated=True)
    assert context_of(again) == context_of(agent)
    assert play_on(again, 9) == play_on(agent, 9)
    assert context_of(again) == context_of(agent)


def test_forgetting_everything_in_mid_decision_leaves_the_outcome_alone(tmp_path: Path) -> None:
    _, again = saved_in_mid_decision(RECURRENT, tmp_path)
    again.forget(1.0)
    again.observe(3.0)
    context = again._trial.step.context
    assert not any(tensor.any() for tensor in context.hidden_state.values())
    assert context.previous_reward.item() == 3.0 and context.previous_action.sum() == 1.0


# Observations outside the declared range


def report_of(agent: Any, name: str) -> Any:
    return next(feature for feature in agent.observation_report().features if feature.name == name)


def test_observations_outside_the_declared_range_are_counted_and_told_once() -> None:
    agent = begun()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play_on(agent, 3)
        agent.act([0.5, -1.0, 7e9])  # the signal has no range
        agent.observe(0.0)
    with pytest.warns(
        InputWarning, match=r"feature 'position' is -3, declared -1 to 1 m: compare .* inspect"
    ) as caught:
        agent.act([0.5, -3.0, 0.0])
    assert [warning.filename for warning in caught] == [__file__]
    agent.observe(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (1e30, 2.0, 0.25, 0.5):
            agent.act(np.array([value, value, 0.0], np.float32))
            agent.observe(0.0)
    report = agent.observation_report()
    assert report.num_seen == agent.num_decisions == 9
    assert report.features[0] == FeatureReport("position", 9, 3, -3.0, float(np.float32(1e30)), -1.0, 1.0, "m")
    assert report.features[1] == FeatureReport("signal", 9, 0, 0.0, float(np.float32(7e9)), None, None)
    assert [feature.name for feature in report.outside] == ["position"]
    assert "position: -3 to 1e+30 seen, declared -1 to 1 m, 3 of 9 outside" in str(report)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_report_is_what_a_slow_count_finds(engine: str) -> None:
    rng = np.random.default_rng(3)
    observations = np.clip(rng.normal(size=(400, 3)), -1, 1).astype(np.float32)
    wild = rng.random(400) < 0.1
    observations[wild] *= 10
    agent = begun(backend=engine)
    for observation in observations:
        agent.act(observation)
        agent.observe(0.0)
    position = report_of(agent, "position")
    assert position.num_outside == int((np.abs(observations[:, :2]) > 1).any(axis=1).sum()) > 10
    assert (position.lowest, position.highest) == (observations[:, :2].min(), observations[:, :2].max())
    signal = report_of(agent, "signal")
    assert (signal.lowest, signal.highest, signal.num_outside) == (*np.sort(observations[:, 2])[[0, -1]], 0)


@pytest.mark.parametrize(("first", "then"), [(5.0, 1.0), (-5.0, -1.0), (5.0, -5.0)])
def test_a_report_that_begins_outside_the_range_goes_on_inside(first: float, then: float) -> None:
    agent = begun()
    for value in (first, then, 0.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            agent.act([value, value, value])
        agent.observe(0.0)
    position, signal = agent.observation_report().features
    assert (
        (position.lowest, position.highest)
        == (signal.lowest, signal.highest)
        == (min(first, then, 0.0), max(first, then, 0.0))
    )
    assert position.num_outside == sum(abs(value) > 1 for value in (first, then))


@pytest.mark.parametrize("value", [1.0 + 1e-6, -1.0 - 2e-6, float(np.nextafter(np.float32(1), np.float32(2)))])
def test_what_rounding_adds_is_inside(value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = begun()
        agent.act([value, 0.0, 0.0])
    assert report_of(agent, "position").num_outside == 0
    agent.observe(0.0)
    with pytest.warns(InputWarning):
        agent.act([1.001 * value, 0.0, 0.0])


def test_before_the_first_decision_and_after_refused_ones_there_is_nothing_to_report() -> None:
    agent = begun()
    for wrong in ([np.nan, 0, 0], [0, np.inf, 0], [0, 0, -np.inf], [0, 0, 1e39], np.full(3, -np.inf, np.float32)):
        with pytest.raises(InputError):
            agent.act(wrong)
    assert report_of(agent, "position") == FeatureReport("position", 0, 0, None, None, -1.0, 1.0, "m")
    assert "not seen yet" in str(agent.observation_report())


def test_where_warnings_are_errors_the_agent_is_as_it_was_and_acts_the_next_time() -> None:
    agent, other = begun(), begun()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputWarning):
            agent.act([2.0, 0.0, 0.0])
        assert counted(agent) == counted(other) and agent.observation_report().num_seen == 0
        action = agent.act([2.0, 0.0, 0.0])
        with pytest.raises(InputWarning, match="reward 2e"):
            agent.observe(2e20)
        agent.observe(2e20)
    assert other.act([2.0, 0.0, 0.0]) == action
    other.observe(2e20)
    assert (counted(agent), context_of(agent)) == (counted(other), context_of(other))


def test_squads_and_sessions_report_as_well() -> None:
    squad = Squad.load(RECURRENT, seed=0)
    members = [squad.join() for _ in range(3)]
    with pytest.warns(InputWarning, match="'position' is 5") as caught:
        squad.act({members[0]: SEEN, members[1]: [5.0, 0.0, 0.0]})
    assert caught[0].filename == __file__
    assert [report_of(member, "position").num_outside for member in members] == [0, 1, 0]
    assert (report_of(squad, "position").num_seen, report_of(squad, "position").num_outside) == (2, 1)
    assert (report_of(squad, "position").lowest, report_of(squad, "position").highest) == (np.float32(-0.2), 5.0)
    session = PolicySession(Bundle.read(RECURRENT))
    session.reset(4)
    with pytest.warns(InputWarning, match="'position' is -7"):
        session.step([SEEN, [0, -7, 0], [9, 9, 0], SEEN])
    session.observe([0] * 4, [0.0] * 4, [False] * 4)
    session.step(np.zeros((4, 3), np.float32))
    session.reset(2)
    session.step([SEEN, [1.5, 0, 0]])
    assert report_of(session, "position") == FeatureReport("position", 10, 3, -7.0, 9.0, -1.0, 1.0, "m")


def test_counting_takes_no_memory_and_little_time() -> None:
    agent = begun(KEEPER)
    observation, _ = seen_by(agent)
    observation = np.array(observation, np.float32)

    def acts(count: int) -> float:
        started = time.perf_counter()
        for _ in range(count):
            agent.act(observation)
            agent.observe(0.0)
        return time.perf_counter() - started

    def intakes(count: int) -> float:
        started = time.perf_counter()
        for _ in range(count):
            agent._trial.intake.observe(observation, agent._trial.observation)
        return time.perf_counter() - started

    acts(200)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    intakes(1000)
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    grown = [stat for stat in after.compare_to(before, "lineno") if "intake" in str(stat.traceback[0].filename)]
    assert sum(stat.size_diff for stat in grown) < 512
    ratios = [intakes(500) / acts(500) for _ in range(7)]
    assert min(ratios) < 0.15  # 0.04 when measured


# Huge but finite


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", [RECURRENT, BANDIT, KEEPER], ids=by_name)
@pytest.mark.parametrize("huge", [1e16, 1e30, 3e38, -3.4e38])
def test_huge_rewards_and_observations_are_tamed_and_told(path: Any, huge: float, engine: str) -> None:
    agent = begun(path, backend=engine)
    observation, legal = seen_by(agent)
    agent.act(observation, legal)
    with pytest.warns(InputWarning, match="reward .* is more than a policy can be fed"):
        agent.observe(huge)
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            agent.act(observation, legal)
            agent.observe(huge)
    assert agent.episode_return == pytest.approx(4 * huge, rel=1e-6)
    with pytest.warns(InputWarning, match="observation feature"):
        agent.act([huge] * len(observation), legal)
    agent.observe(huge, terminated=True)
    play_on(agent, 3)
    assert np.isfinite(agent.returns).all()
    assert np.abs(agent._trial.step.context.previous_reward).max() <= 1e15


def test_a_huge_number_without_a_declared_range_is_told_too() -> None:
    agent = begun()
    with pytest.warns(InputWarning, match="'signal' is 1e\\+20, no range declared"):
        agent.act([0.0, 0.0, 1e20])
    assert report_of(agent, "signal").num_outside == 1


def test_sessions_tame_alike() -> None:
    session, agent = PolicySession(Bundle.read(MASKED)), begun(MASKED, temperature=0.0)
    session.reset(1)
    session.step([[0.0] * 4], [[True] * 4])
    with pytest.warns(InputWarning, match=r"reward -3e\+38"):
        session.observe([2], [-3e38], [False])
    agent.act([0.0] * 4, [True] * 4)
    with pytest.warns(InputWarning):
        agent.observe(-3e38, action=2)
    for name, array in session.context.inputs().items():
        np.testing.assert_array_equal(array, agent._trial.step.context.inputs()[name])


def test_what_is_not_finite_is_still_refused_and_names_what() -> None:
    agent = begun()
    with pytest.raises(InputError, match=r"observation\[2\] \(signal\) must be a finite number, given 1e\+39"):
        agent.act([0.0, 0.0, 1e39])
    agent.act(SEEN)
    with pytest.raises(InputError, match="reward must be a finite number"):
        agent.observe(1e39)


def test_a_policy_that_fails_names_the_largest_number_it_was_fed() -> None:
    agent = begun()
    agent._trial.step._run = lambda: agent._trial.step._given.fill(np.nan)
    with pytest.raises(BundleError, match=r"NaN or infinite values; the largest number .* 7, in observation"):
        agent.act([0.5, 0.0, 7.0])


# Settings that are numpy's

NUMBERS = [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64, np.array]


@pytest.mark.parametrize("kind", NUMBERS)
def test_settings_may_be_numpys(kind: Any, tmp_path: Path) -> None:
    one, two = kind(1), kind(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = Agent.load(RECURRENT, temperature=two, strength=one, deadline_ms=two)
        assert (agent.temperature, agent.strength, agent.act_times.deadline_ms) == (2.0, 1.0, 2.0)
        assert all(type(value) is float for value in (agent.temperature, agent.strength, agent.act_times.deadline_ms))
        agent.temperature, agent.strength = one, kind(0)
        agent.act_times.deadline_ms = two
        agent.begin_trial()
        play_on(agent, 2)
        agent.forget(one)
        agent.save_soon(tmp_path / "a.mind")
        agent.tick(kind(0))
        while agent.tick(two):
            pass
        assert agent.tick_times.deadline_ms == 2.0 and (tmp_path / "a.mind").exists()
        squad = Squad.load(RECURRENT, deadline_ms=two)
        member = squad.join(temperature=one, strength=one)
        squad.act({member: SEEN})
        member.observe(kind(1), np.bool_(True), np.bool_(False))
        squad.tick(two)
    assert member.returns == (1.0,)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64, np.array])
def test_seeds_and_counts_may_be_numpys(kind: Callable[..., Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        actions = [play_on(begun_with(seed), 30) for seed in (kind(7), 7)]
        squads = [Squad.load(RECURRENT, seed=seed).join() for seed in (kind(7), 7)]
        assert actions[0] == actions[1] and play_on(squads[0], 30) == play_on(squads[1], 30)
        session = PolicySession(Bundle.read(RECURRENT))
        session.reset(kind(3))
    assert session.num_rows == 3


def begun_with(seed: int) -> Agent:
    agent = Agent.load(RECURRENT, seed=seed)
    agent.begin_trial()
    return agent


@pytest.mark.parametrize(
    "wrong", [np.float32(np.nan), np.float16(-1), np.array([1.0]), np.str_("1"), np.complex64(1), "1"]
)
def test_wrong_settings_are_refused_all_the_same(wrong: Any) -> None:
    agent = begun()
    for change in (
        lambda: setattr(agent, "temperature", wrong),
        lambda: agent.tick(wrong),
        lambda: agent.forget(wrong),
    ):
        with pytest.raises(InputError):
            change()
    with pytest.raises(InputError):
        Agent.load(RECURRENT, seed=wrong)


def test_the_budget_is_kept_in_full_precision() -> None:
    """A float16 clock would stand still for seconds: 2 ms are 2 ms."""
    agent = begun()
    agent._pending.add(iter(lambda: time.sleep(0.0002), 1))  # never done
    started = time.perf_counter()
    assert agent.tick(np.float16(20.0)) == 1
    assert 0.019 < time.perf_counter() - started < 0.2
    assert threading.active_count() == 1


# Saved files


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


needs_modes = pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX systems")


@needs_modes
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400])
def test_saving_keeps_permissions(mode: int, tmp_path: Path) -> None:
    agent, path = begun(), tmp_path / "player.mind"
    agent.save(path)
    path.chmod(mode)
    play_on(agent, 3)
    agent.save(path)
    assert mode_of(path) == mode
    agent.save_soon(path)
    while agent.tick(100.0):
        assert all(not mode_of(file) & ~(mode | 0o200) for file in tmp_path.iterdir())  # never wider in between
    assert mode_of(path) == mode


@needs_modes
def test_saving_goes_through_links_and_leaves_them(tmp_path: Path) -> None:
    (tmp_path / "cloud").mkdir()
    target, link, second = tmp_path / "cloud" / "real.mind", tmp_path / "player.mind", tmp_path / "second.mind"
    link.symlink_to(Path("cloud") / "real.mind")
    second.symlink_to(link)
    agent, again = begun(), Agent.load(RECURRENT)
    agent.save(link)  # which leads nowhere yet
    play_on(agent, 3)
    agent.save(second)
    assert link.is_symlink() and second.is_symlink() and target.is_file() and not target.is_symlink()
    again.restore(target)
    assert counted(again) == counted(agent)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["cloud", "player.mind", "real.mind", "second.mind"]


@needs_modes
def test_circles_of_links_devices_and_pipes_are_refused_and_left(tmp_path: Path) -> None:
    circle, null, pipe = tmp_path / "circle.mind", tmp_path / "null.mind", tmp_path / "pipe.mind"
    circle.symlink_to(circle)
    null.symlink_to("/dev/null")
    os.mkfifo(pipe)
    for path in (circle, null, pipe):
        with pytest.raises(MindError, match="cannot be written"):
            begun().save(path)
    assert circle.is_symlink() and null.is_symlink() and stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert len(list(tmp_path.iterdir())) == 3


KILLED = """
import os, sys, gameagent_sdk
agent = gameagent_sdk.Agent.load(sys.argv[1], backend="numpy")
agent.begin_trial()
agent.save_soon(sys.argv[2])
while not any(name.endswith(".tmp") for name in os.listdir(os.path.dirname(sys.argv[2]))):
    agent.tick(0.001)
os._exit(0)  # as if it were killed: nothing is cleaned up
"""


@needs_modes
def test_what_a_killed_save_leaves_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "player.mind"
    for _ in range(2):
        fresh_process(KILLED, RECURRENT, path, home=tmp_path / "home")
    others = tmp_path / "player.mind.backup.tmp", tmp_path / "other.mind.0123abcd.tmp"
    for other in others:
        other.write_text("not ours to remove")
    assert len(list(tmp_path.glob("player.mind.????????.tmp"))) >= 1
    begun().save(path)
    assert set(tmp_path.iterdir()) == {path, *others}


def test_a_save_that_is_going_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "player.mind"
    slow, quick = begun(), begun()
    play_on(slow, 3)
    slow.save_soon(path)
    while not list(tmp_path.glob("*.tmp")):
        slow.tick(0.001)
    quick.save(path)
    assert len(list(tmp_path.iterdir())) == 2
    while slow.tick(100.0):
        pass
    assert list(tmp_path.iterdir()) == [path]
    again = Agent.load(RECURRENT)
    again.restore(path)
    assert counted(again) == counted(slow)


def test_minds_with_forged_sums_are_refused(tmp_path: Path) -> None:
    agent = begun()
    play_on(agent, 5)
    agent.save(tmp_path / "a.mind")
    with np.load(tmp_path / "a.mind") as arrays:
        kept = dict(arrays)
    for name, value in (("previous_reward", 1e20), ("episode_return", 1e300), ("returns", -1e300)):
        with open(tmp_path / "b.mind", "wb") as file:
            np.savez(file, **{**kept, name: np.full_like(kept[name], value)})
        if kept[name].size:
            with pytest.raises(MindError, match="larger than any"):
                agent.restore(tmp_path / "b.mind")


# Paths that are no text


@pytest.fixture(params=["bytes", "surrogates", "bytes of a path"])
def odd_path(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    """Makes a path in the test's folder, of a kind that cannot be printed."""

    class OfBytes:
        def __init__(self, path: Any) -> None:
            self.path = path

        def __fspath__(self) -> Any:
            return self.path

    def make(name: str) -> Any:
        whole = os.fsencode(tmp_path) + b"/" + name.encode() + b"-\xff\xfe\x1b[31m"
        try:
            open(whole, "xb").close()
        except OSError as error:
            pytest.skip(f"this disk has no such names: {error}")
        os.unlink(whole)
        return {"bytes": whole, "surrogates": os.fsdecode(whole), "bytes of a path": OfBytes(whole)}[request.param]

    return make


def test_undecodable_paths_are_used_and_shown(odd_path: Callable[..., Any]) -> None:
    bundle, mind, match = odd_path("bundle"), odd_path("mind"), odd_path("match")
    for refuse in (
        lambda: Agent.load(bundle),
        lambda: begun().restore(mind),
        lambda: replay(match, Policy.load(RECURRENT)),
    ):
        with pytest.raises(SdkError, match=r"\\udcff\\udcfe\\x1b\[31m") as error:
            refuse()
        assert str(error.value).isprintable()
    Path(os.fsdecode(bundle)).write_bytes(RECURRENT.read_bytes())
    agent, again = begun(bundle), Agent.load(bundle)
    agent.record(match)
    play_on(agent, 3)
    agent.stop_recording()
    agent.save(mind)
    again.restore(mind)
    assert counted(again) == counted(agent) and replay(match, agent.policy).num_different == 0
    agent.save_soon(mind)
    agent.finish_saving(os.fsdecode(mind))
    assert agent.num_pending == 0
    slots = SaveSlots(odd_path("folder"))
    slots.save(agent, "Zoë")
    assert slots.players() == ["Zoë"] and slots.restore(again, "Zoë")


@pytest.mark.parametrize("wrong", ["a\0b", "\ud800", "a/" * 300 + "b" * 5000])
def test_impossible_paths_are_refused_in_a_line(wrong: str, tmp_path: Path) -> None:
    path = f"{tmp_path}/{wrong}"
    calls = [
        lambda: Agent.load(path), lambda: begun().save(path), lambda: begun().restore(path),
        lambda: begun().record(path), lambda: replay(path, Policy.load(RECURRENT)),
        lambda: SaveSlots(path).save(begun(), "Zoë"),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(SdkError) as error:
            call()
        assert str(error.value).isprintable() and len(str(error.value)) < 800


@pytest.mark.parametrize("command", ["inspect", "bench"])
def test_commands_take_undecodable_paths_and_print_in_any_encoding(command: str, odd_path: Callable[..., Any]) -> None:
    bundle = os.fsdecode(odd_path("b"))
    Path(bundle).write_bytes(RECURRENT.read_bytes())
    words = [sys.executable, "-m", "gameagent_sdk.console.main", command, bundle]
    quick = ["--seconds", "0.05", "--agents", "1", "--backend", "numpy"] if command == "bench" else []
    plain_terminal = os.environ | ONE_THREAD | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run([*words, *quick], env=plain_terminal, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii() and b"fixture-recurrent" in done.stdout
    gone = subprocess.run([*words[:-1], bundle + "x", *quick], env=plain_terminal, capture_output=True, check=False)
    assert gone.returncode == 1 and len(gone.stderr.splitlines()) == 1 and b"\\udcff" in gone.stderr


# Messages


LONG = [0.5] * 10_000


@pytest.mark.parametrize(
    "call",
    [
        lambda agent: setattr(agent, "temperature", np.ones(10_000)),
        lambda agent: setattr(agent, "strength", LONG),
        lambda agent: setattr(agent, "temperature", "1" * 10_000),
        lambda agent: agent.tick({n: n for n in range(10_000)}),
        lambda agent: agent.forget(-(10**5000)),
        lambda agent: Agent(agent.policy, seed=-(10**5000)),
        lambda agent: Agent(agent.policy, seed=np.ones((100, 100))),
        lambda agent: Agent(agent.policy, deadline_ms="\x1b[31m" * 3000),
        lambda agent: agent.act(LONG),
        lambda agent: agent.act([LONG, LONG]),
        lambda agent: agent.act(["x" * 10_000, "y", "z"]),
        lambda agent: agent.act("x" * 10_000),
        lambda agent: agent.act(SEEN, LONG),
        lambda agent: Policy.load(RECURRENT, LONG),
        lambda agent: Policy.load(RECURRENT, "x" * 10_000),
        lambda agent: SaveSlots("saves").path(np.ones(10_000)),
        lambda agent: SaveSlots("saves").path("x" * 10_000),
        lambda agent: PolicySession(agent.policy).reset(np.ones(10_000)),
        lambda agent: PolicySession(agent.policy).reset(LONG),
    ],
)
def test_messages_stay_short_whatever_was_given(call: Callable[..., Any]) -> None:
    with pytest.raises(SdkError) as error:
        call(begun())
    assert len(str(error.value)) < 400 and str(error.value).isprintable()


@pytest.mark.parametrize("outcome", [(LONG,), (np.ones(10_000),), ("x" * 10_000,), (0.0, LONG), (0.0, "x" * 10_000)])
def test_messages_of_outcomes_stay_short(outcome: tuple[Any, ...]) -> None:
    agent = begun()
    agent.act(SEEN)
    with pytest.raises(InputError) as error:
        agent.observe(*outcome)
    assert len(str(error.value)) < 400
    with pytest.raises(InputError) as error:
        agent.observe(0.0, action=LONG)
    assert len(str(error.value)) < 400


def test_bundles_with_thousands_of_features_and_actions_are_named_in_part() -> None:
    many = tuple(FeatureSpec("f" * 500 + str(n)) for n in range(4000))
    manifest = Manifest(
        name="wide", summary="", observation=many, num_episodes=1, max_steps=1,
        action=ActionSpec(tuple("a" * 500 + str(n) for n in range(4000)), mask=True),
    )  # fmt: skip
    out = np.zeros(4000, np.float32)
    for wrong in (lambda: Intake(manifest).observe(SEEN, out), lambda: as_legal_actions(manifest, [True], ())):
        with pytest.raises(InputError) as error:
            wrong()
        assert len(str(error.value)) < 1000
        assert "and 3992 more" in str(error.value)


# Recordings


@pytest.mark.parametrize("rows", [65_536, 2**31, 10**100])
def test_a_recording_cannot_ask_for_a_batch_beyond_measure(rows: Any, tmp_path: Path) -> None:
    agent = begun(KEEPER)
    agent.record(tmp_path / "match.jsonl")
    play_on(agent, 3)
    agent.stop_recording()
    text = (tmp_path / "match.jsonl").read_text()
    (tmp_path / "match.jsonl").write_text(text.replace('"rows": 1,', f'"rows": {rows},'))
    with pytest.raises(RecordingError, match=r"rows, of this bundle 25\d\d\d are the most"):
        replay(tmp_path / "match.jsonl", agent.policy)


def test_squads_of_honest_sizes_replay(tmp_path: Path) -> None:
    squad = Squad.load(RECURRENT, seed=1, backend="numpy")
    members = [squad.join() for _ in range(1024)]
    members[700].record(tmp_path / "match.jsonl")
    for _ in range(2):
        for member in squad.act(dict.fromkeys(members, SEEN)):
            member.observe(1.0)
    members[700].stop_recording()
    again = replay(tmp_path / "match.jsonl", squad.policy)
    assert again.num_different == 0 and len(again.actions) == 2
