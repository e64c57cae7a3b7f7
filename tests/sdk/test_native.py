"""Agents that take an environment's own observations and give its own actions: dicts, tuples, images, numbers."""

# mypy: disable-error-code="arg-type"

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, Bundle, InputError, InputWarning, MindError, Policy, RecordingError, Squad, replay
from gameagent_sdk.authoring import (
    FeatureSpec,
    NativeActions,
    NativeActionSpec,
    NativeObservations,
    PartSpec,
    PlanSpec,
    PolicySession,
    attach_manifest,
    part_at,
)
from gameagent_sdk.console.frame_loop import RandomGame

RULES = {"gravity": 12.5, "colour": "blue", "wind": [1.0, -2.0]}
ENCODED = [0.5, 0.0, 0.0, 1.0, 0.5, -1.0]  # (12.5 - 10) / 5; the third of three; 1 / 2 and -2 / 2
WEIGHTS = (0.8 * np.sin(np.arange(1, 22 * 6 + 1))).astype(np.float32).reshape(22, 6)  # as in make_fixtures.py
ACTIONS = [(side, pace) for side in range(2) for pace in range(3)]


def seen(seed: int = 0, **changes: Any) -> dict[str, Any]:
    """An observation of the fixture's environment, as Gymnasium's spaces would give it."""
    rng = np.random.default_rng(seed)
    observation = {
        "camera": rng.integers(0, 256, (4, 6, 2), dtype=np.uint8),
        "gear": np.int64(rng.integers(1, 4)),
        "body": (rng.uniform(-1, 1, 2), float(rng.normal())),
        "mask": np.array([1, 0, 1, 1, 0, 1], np.int8),
        "unused": "a text",
    }
    return observation | changes


def row_of(observation: dict[str, Any]) -> list[float]:
    """The row, number by number: channels first, the mean of each square of four pixels."""
    camera = observation["camera"].tolist()
    squares = [
        sum(camera[2 * y + dy][2 * x + dx][channel] for dy in (0, 1) for dx in (0, 1)) / 4 / 255
        for channel in range(2)
        for y in range(2)
        for x in range(3)
    ]
    return [*squares, int(observation["gear"]) - 1.0, *observation["body"][0], observation["body"][1], *ENCODED]


def best_of(observation: dict[str, Any], mask: Any = None, tally: Any = 0.0) -> tuple[int, int]:
    """The legal action of the highest score."""
    scores = np.array(row_of(observation)) @ WEIGHTS + tally
    legal = np.array(observation["mask"] if mask is None else mask, bool)
    return ACTIONS[int(np.where(legal, scores, -np.inf).argmax())]


def plain(action: Any) -> Any:
    return np.asarray(action).tolist()


@pytest.fixture(params=["onnxruntime", "numpy"])
def agent(request: pytest.FixtureRequest, path_of: Callable[[str], Path]) -> Agent:
    agent = Agent.load(path_of("native"), seed=0, backend=request.param)
    agent.begin_trial(RULES)
    return agent


@pytest.fixture
def planned(bundle_of: Callable[[str], Bundle]) -> Callable[..., Bundle]:
    """One of the other fixtures with a plan; features have no ranges, and one for each part."""

    def make(name: str, parts: tuple[PartSpec, ...], action: NativeActionSpec) -> Bundle:
        bundle = bundle_of(name)
        features = tuple(FeatureSpec(f"part_{index}", part.size) for index, part in enumerate(parts))
        manifest = replace(bundle.manifest, observation=features, plan=PlanSpec(parts, action))
        return Bundle.from_bytes(attach_manifest(bundle.data, manifest))

    return make


# -- observations and actions -----------------------------------------------------------------------------------------


def test_it_decides_as_the_policy_does_on_the_row_that_was_worked_out_by_hand(agent: Agent) -> None:
    for seed in range(20):
        observation = seen(seed)
        action = agent.act(observation)
        assert action.dtype == np.int64 and tuple(action.tolist()) == best_of(observation)
        agent.observe(0.0)


def test_the_row_is_what_a_session_takes(agent: Agent, bundle_of: Callable[[str], Bundle]) -> None:
    session = PolicySession(bundle_of("native"))
    session.reset(1)
    agent.temperature = 1.0
    agent.act(seen(3))
    logits = session.step(np.array([row_of(seen(3))], np.float32), np.array([seen()["mask"]], bool))
    np.testing.assert_allclose(agent.probabilities, np.exp(logits[0]) / np.exp(logits[0]).sum(), rtol=1e-4)


def test_a_mask_that_is_given_counts_more_than_the_observation_s_own(agent: Agent) -> None:
    only = [False, True, False, False, False, False]  # not legal in the observation
    assert tuple(agent.act(seen(), only)) == (0, 1)
    agent.observe(0.0)
    agent.act({name: part for name, part in seen().items() if name != "mask"}, only)


def test_what_was_really_done_is_told_in_the_environment_s_own_form(agent: Agent) -> None:
    agent.act(seen(0))
    agent.observe(100.0, action=(1, 2))  # not what the policy would choose by itself
    tally = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 100.0])
    assert tuple(agent.act(seen(1))) == best_of(seen(1), tally=tally) == (1, 2)
    for wrong in ((1, 3), (1,), 5, "left", [[1, 2]], (1, np.nan)):
        with pytest.raises(InputError, match=r"action must be numbers of shape \(2,\), one of .* \[0, 0\], \[0, 1\]"):
            agent.observe(0.0, action=wrong)
    agent.observe(0.0, action=np.array([0, 1], np.uint8))


def test_what_act_returned_may_be_written_to(agent: Agent) -> None:
    first = agent.act(seen())
    first[:] = 7
    agent.observe(0.0)
    assert tuple(agent.act(seen())) == best_of(seen())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera": np.zeros((6, 4, 2), np.uint8)}, r"observation\['camera'\] must be .* \(4, 6, 2\): given shape"),
        ({"camera": "a picture"}, r"observation\['camera'\] must be numbers .* given str"),
        ({"camera": None}, r"observation\['camera'\] must be numbers .* NoneType of dtype object"),
        ({"camera": np.zeros((4, 6, 2), complex)}, r"observation\['camera'\] must be .* complex"),
        ({"gear": "2"}, r"observation\['gear'\] must be a number: given str"),
        ({"gear": [2]}, r"observation\['gear'\] must be a number: given shape \(1,\)"),
        ({"gear": 10**400}, r"observation\['gear'\] must be a number: given int of dtype object"),
        ({"body": (np.array([0.0, np.nan]), 0.0)}, r"observation\['body'\]\['0'\] must hold finite .* nan"),
        ({"body": (np.array([0.0, 1e300]), 0.0)}, r"observation\['body'\]\['0'\] must hold finite .* inf"),
        ({"body": (np.zeros(2), -np.inf)}, r"observation\['body'\]\['1'\] must hold finite .* -inf"),
        ({"body": (np.zeros(2),)}, r"observation\['body'\] must hold '1', given a tuple of 1"),
        ({"body": 3.0}, r"observation\['body'\] must hold '0', given 3.0"),
        ({"body": {"0": np.zeros(2), "2": 1.0}}, r"observation\['body'\] must hold '1', given a dict of '0', '2'"),
        ({"body": ([0.0, [1.0]], 0.0)}, r"observation\['body'\]\['0'\] must be .* does not make an array"),
        ({"mask": [True] * 5}, r"observation\['mask'\] must be of shape \(6,\)"),
        ({"mask": [0] * 6}, r"observation\['mask'\] has no True"),
        ({"mask": [2] * 6}, r"observation\['mask'\] must be .* given the value 2"),
        ({"mask": None}, r"observation\['mask'\] is needed at every decision"),
    ],
)
def test_a_wrong_part_is_named_and_the_agent_is_as_it_was(changes: dict[str, Any], message: str, agent: Agent) -> None:
    with pytest.raises(InputError, match=message) as error:
        agent.act(seen(**changes))
    assert len(str(error.value)) < 300
    assert (agent.phase, agent.num_decisions) == ("act", 0)
    assert tuple(agent.act(seen())) == best_of(seen())


@pytest.mark.parametrize("observation", [np.zeros(22, np.float32), [0.0] * 22, (), None, 3, "camera", {}])
def test_what_is_no_observation_of_this_environment_is_refused(observation: Any, agent: Agent) -> None:
    with pytest.raises(InputError, match="observation must hold 'camera', given "):
        agent.act(observation)


def test_a_missing_mask_says_what_there_is(agent: Agent) -> None:
    observation = {name: part for name, part in seen().items() if name != "mask"}
    with pytest.raises(InputError, match="observation must hold 'mask', given a dict of 'camera', 'gear', 'body'"):
        agent.act(observation)


def test_reports_go_by_feature_in_the_units_of_the_row(agent: Agent) -> None:
    with pytest.warns(InputWarning, match="'gear' is 3, declared 0 to 2"):
        agent.act(seen(gear=4))
    report = {feature.name: feature for feature in agent.observation_report().features}
    assert (report["gear"].highest, report["gear"].num_outside) == (3.0, 1)
    assert (report["rule_gravity"].lowest, report["rule_gravity"].num_outside) == (0.5, 0)
    pixels = report["camera"]
    assert pixels.lowest is not None and pixels.highest is not None
    assert 0.0 <= pixels.lowest < pixels.highest <= 1.0


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64", "bool"])
def test_a_whole_observation_may_be_one_array_or_one_number(dtype: str, planned: Callable[..., Bundle]) -> None:
    array = planned("memoryless", (PartSpec((), (1, 2)),), NativeActionSpec((), "int32", ((-1,), (5,))))
    agent = Agent(array, seed=0)
    agent.begin_trial()
    action = agent.act(np.array([[0, 1]], dtype))  # the fixture's logits are the observation
    assert type(action) is int and action == 5
    agent.observe(0.0, action=-1)
    parts = PartSpec(("a",), scale=-1.0), PartSpec(("b",), ())
    two = Agent(planned("memoryless", parts, NativeActionSpec((1, 1), "int8", ((0,), (1,)))), seed=0)
    two.begin_trial()
    assert plain(two.act({"a": np.array(1, dtype), "b": np.array(0, dtype)})) == [[1]]


def test_a_box_is_laid_out_as_the_environment_takes_it(planned: Callable[..., Bundle]) -> None:
    parts = (PartSpec((), (4,)),)
    floats = Agent(planned("steered", parts, NativeActionSpec((2, 1), "float32")), seed=0, temperature=0.0)
    floats.begin_trial()
    action = floats.act([0.5, 3.25, 0.0, 0.0])  # the mean is its first two numbers
    assert action.dtype == np.float32 and action.tolist() == [[0.5], [3.25]]
    floats.observe(2.0, action=[[0.25], [100.0]])  # cut to 8, the upper bound: 0.25 and 1 of the half widths
    np.testing.assert_allclose(floats.act([0.0, 0.0, 0.0, 0.0]), [[0.5], [2.0]])
    with pytest.raises(InputError, match=r"action must be numbers of shape \(2, 1\), as .* given shape \(2,\)"):
        floats.observe(0.0, action=[0.0, 0.0])
    with pytest.raises(InputError, match="must be finite numbers"):
        floats.observe(0.0, action=[[np.nan], [0.0]])
    whole = Agent(planned("steered", parts, NativeActionSpec((2,), "int16")), seed=0, temperature=0.0)
    whole.begin_trial()
    action = whole.act([-0.75, 3.5, 0.0, 0.0])
    assert action.dtype == np.int16 and action.tolist() == [-1, 4]  # the nearest whole numbers


def test_large_whole_numbers_are_told_apart() -> None:
    actions = NativeActions(NativeActionSpec((), "int64", ((2**62,), (2**62 + 1,))))
    assert [actions.to_native(index) for index in range(2)] == [2**62, 2**62 + 1]
    assert [actions.from_native(number) for number in (2**62 + 1, np.int64(2**62))] == [1, 0]


@pytest.mark.parametrize("pool", [1, 2, 3, 5])
def test_an_image_is_shrunk_by_the_means_of_whole_squares(pool: int) -> None:
    part = PartSpec((), (3, 7, 11), pool=pool, offset=2.0, scale=0.5)
    image = np.random.default_rng(0).integers(0, 100, part.shape)
    out = np.zeros(part.size, np.float32)
    NativeObservations((part,)).write(image, out)
    expected = [
        (image[c, y : y + pool, x : x + pool].mean() - 2.0) / 2.0
        for c in range(3)
        for y in range(0, 7 - pool + 1, pool)
        for x in range(0, 11 - pool + 1, pool)
    ]
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_what_overflows_is_refused_without_a_warning(planned: Callable[..., Bundle]) -> None:
    parts = (PartSpec(("x",), (1,), scale=3e38), PartSpec(("y",), (1,), offset=-3e38))
    agent = Agent(planned("memoryless", parts, NativeActionSpec((), "int64", ((0,), (1,)))), seed=0)
    agent.begin_trial()
    for x, y, name in ((2.0, 0.0, "x"), (0.0, 3e38, "y"), (np.inf, 0.0, "x")):
        with pytest.raises(InputError, match=rf"\['{name}'\] must hold finite numbers"):
            agent.act({"x": [x], "y": [y]})


def test_the_caller_s_arrays_are_left_alone() -> None:
    array = np.arange(4, dtype=np.float32).reshape(2, 2)
    before = array.copy()
    NativeObservations((PartSpec((), (2, 2), offset=1.0, scale=2.0),)).write(array, np.zeros(4, np.float32))
    np.testing.assert_array_equal(array, before)


def test_a_path_leads_through_dicts_tuples_and_lists() -> None:
    assert part_at({"a": (0, [1, {"b": 2}])}, ("a", "1", "1", "b")) == 2
    assert part_at(7, ()) == 7


# -- shown rules ------------------------------------------------------------------------------------------------------


def test_shown_rules_are_what_the_policy_reads_until_the_next_trial(agent: Agent) -> None:
    for _ in range(3):
        agent.act(seen())
        np.testing.assert_allclose(agent.decider.trial.observation, row_of(seen()), atol=1e-6)
        agent.observe(0.0, terminated=True)
    agent.begin_trial({"gravity": 10, "colour": 2.5, "wind": np.array([0.0, 1.0])})  # a number that stands for green
    agent.act(seen())
    np.testing.assert_allclose(agent.decider.trial.observation[16:], [0.0, 0.0, 1.0, 0.0, 0.0, 0.5])
    agent.begin_season(RULES)
    assert agent.decider.trial.rules.tolist() == ENCODED


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (None, "gravity, colour, wind must be given, .* gravity .a finite number, trained from 5 to 15 m/s2.,"),
        ({}, r"colour \(one of red, green, blue\), wind \(a list of 2, each a finite number, trained from -2 to 2\)"),
        ({"gravity": 9.8, "wind": [0, 0]}, "colour must be given"),
        (RULES | {"gravty": 1.0}, r"no rule 'gravty' \(did you mean 'gravity'\?\), the rules are gravity \(a finite"),
        ({"Colour": "red", "gravity": 1, "wind": [0, 0]}, r"no rule 'Colour' \(did you mean 'colour'\?\)"),
        (RULES | {"zzz": 1.0}, "no rule 'zzz', the rules are"),
        (RULES | {5: 1.0}, "no rule 5, the rules are"),
        (
            RULES | {"colour": "gren"},
            r"colour must be one of red, green, blue, given 'gren' \(did you mean 'green'\?\)",
        ),
        (RULES | {"colour": 3.0}, "colour must be one of red, green, blue, given 3.0"),
        (RULES | {"colour": ["red"]}, r"colour must be one of .*, given \['red'\]"),
        (RULES | {"gravity": "9.8"}, "gravity must be a finite number, trained from 5 to 15 m/s2, given '9.8'"),
        (RULES | {"gravity": np.nan}, "gravity must be a finite number, .* given nan"),
        (RULES | {"gravity": 10**400}, "gravity must be a finite number, .* given an integer of"),
        (RULES | {"gravity": 1e300}, "gravity must be a finite number"),
        (RULES | {"wind": [1.0]}, r"wind must be a list of 2, each .*, given \[1.0\]"),
        (RULES | {"wind": 1.0}, "wind must be a list of 2"),
        (RULES | {"wind": "ab"}, "wind must be a list of 2"),
        (RULES | {"wind": [1.0, None]}, r"wind\[1\] must be a finite number, trained from -2 to 2, given None"),
        ([9.8, "red"], r"rules must be a dict of gravity \(a finite number"),
    ],
)
def test_wrong_rules_are_named_with_what_is_right_and_the_trial_goes_on(rules: Any, message: str, agent: Agent) -> None:
    agent.act(seen())
    with pytest.raises(InputError, match=message):
        agent.begin_trial(rules)
    assert (agent.phase, agent.num_decisions) == ("observe", 1)
    assert agent.decider.trial.rules.tolist() == ENCODED


def test_bundles_that_are_told_nothing_say_so(agent_of: Callable[..., Agent], planned: Callable[..., Bundle]) -> None:
    blind = Agent(planned("memoryless", (PartSpec((), (2,)),), NativeActionSpec((), "int64", ((0,), (1,)))))
    for agent in (agent_of("recurrent"), blind):
        for rules in ({"gravity": 9.8}, {}):
            with pytest.raises(InputError, match=r"not told any rules .*leave rules out"):
                agent.begin_trial(rules=rules)


# -- minds, recordings, squads ----------------------------------------------------------------------------------------


def test_a_mind_keeps_the_rules_of_its_trial(agent: Agent, path_of: Callable[[str], Path], tmp_path: Path) -> None:
    agent.act(seen(0))
    agent.observe(2.0)
    agent.act(seen(1))
    agent.save(tmp_path / "a.mind")
    again = Agent.load(path_of("native"), seed=9)
    again.begin_trial({"gravity": 0.0, "colour": "red", "wind": [0.0, 0.0]})
    again.restore(tmp_path / "a.mind")
    for one in (agent, again):
        one.observe(-3.0)
    for seed in range(2, 8):
        assert plain(agent.act(seen(seed))) == plain(again.act(seen(seed)))
        np.testing.assert_array_equal(agent.decider.trial.observation, again.decider.trial.observation)
        for one in (agent, again):
            one.observe(float(seed))
    with np.load(tmp_path / "a.mind") as arrays:
        assert arrays["shown_rules"].tolist() == ENCODED


@pytest.mark.parametrize("rules", [np.full(6, np.nan), np.full(6, 3e38), np.zeros(5), np.zeros((6, 1)), None])
def test_a_mind_with_forged_rules_is_refused(rules: Any, agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path / "a.mind")
    with np.load(tmp_path / "a.mind") as file:
        arrays = {name: array for name, array in file.items() if name != "shown_rules"}
    if rules is not None:
        arrays["shown_rules"] = rules.astype(np.float32)
    with open(tmp_path / "forged.mind", "wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(MindError, match="damaged or forged"):
        agent.restore(tmp_path / "forged.mind")
    assert agent.decider.trial.rules.tolist() == ENCODED


def test_a_recording_plays_again_and_its_agent_plays_on(agent: Agent, tmp_path: Path) -> None:
    agent.temperature = 1.0
    agent.act(seen(0))
    agent.observe(1.0)
    agent.record(tmp_path / "match.jsonl")
    actions = []
    for seed in range(12):
        if seed == 6:
            agent.begin_trial(RULES | {"colour": "red"})
        actions.append(plain(agent.act(seen(seed))))
        agent.observe(1.0, action=(1, 1) if seed % 3 == 0 else None)
    agent.begin_trial(RULES | {"gravity": 5.0})  # it is told, and has not acted yet
    agent.stop_recording()
    again = replay(tmp_path / "match.jsonl", agent.policy)
    assert again.num_different == 0 and [plain(action) for action in again.actions] == actions
    assert again.agent.decider.trial.rules.tolist() == [-1.0, *ENCODED[1:]]
    for seed in range(12, 15):
        assert plain(again.agent.act(seen(seed))) == plain(agent.act(seen(seed)))
        for one in (agent, again.agent):
            one.observe(0.5, action=[0, 2])


@pytest.mark.parametrize("rules", [[0.0], [float("nan")] * 6, "abcdef", None, [1e300] * 6])
def test_a_recording_with_forged_rules_is_refused(rules: Any, agent: Agent, tmp_path: Path) -> None:
    agent.record(tmp_path / "match.jsonl")
    agent.begin_trial(RULES)
    agent.stop_recording()
    header, call = (tmp_path / "match.jsonl").read_text().splitlines()
    forged = json.dumps(json.loads(call) | {"rules": rules})
    (tmp_path / "match.jsonl").write_text(f"{header}\n{forged}\n")
    with pytest.raises(RecordingError, match="rules must be 6 finite numbers"):
        replay(tmp_path / "match.jsonl", agent.policy)


def test_a_squad_takes_and_gives_the_same(path_of: Callable[[str], Path]) -> None:
    squad = Squad.load(path_of("native"), seed=0)
    with pytest.raises(InputError, match="colour must be one of"):
        squad.join(rules=RULES | {"colour": "pink"})
    assert squad.members == ()
    members = [squad.join(rules=RULES) for _ in range(5)]
    for round_ in range(3):
        observations = {member: seen(10 * round_ + place) for place, member in enumerate(members)}
        only = {members[0]: [0, 1, 0, 0, 0, 0]}
        chosen = squad.act(observations, only if round_ == 1 else None)
        for member, action in chosen.items():
            masked = only[members[0]] if round_ == 1 and member is members[0] else None
            assert tuple(action.tolist()) == best_of(observations[member], masked)
            member.observe(0.0)
    with pytest.raises(InputError, match=r"observation\['gear'\]"):
        squad.act({members[0]: seen(), members[1]: seen(gear="two")})
    assert {member.phase for member in members} == {"act"}


def test_without_its_plan_a_bundle_takes_rows_and_gives_indices(bundle_of: Callable[[str], Bundle]) -> None:
    bundle = bundle_of("native").without_plan()
    assert bundle.manifest.plan is None and bundle.manifest == replace(bundle_of("native").manifest, plan=None)
    agent = Agent(bundle, seed=0)
    agent.begin_trial()
    index = agent.act(np.array(row_of(seen()), np.float32), seen()["mask"])
    assert type(index) is int and ACTIONS[index] == best_of(seen())
    agent.observe(0.0, action=5)
    with pytest.raises(InputError, match="not told any rules"):
        agent.begin_trial(RULES)
    plain_bundle = bundle_of("recurrent")
    assert plain_bundle.without_plan() == plain_bundle


def test_a_stand_in_game_says_what_the_environment_could_say(bundle_of: Callable[[str], Bundle]) -> None:
    game, agent = RandomGame(bundle_of("native").manifest), Agent(bundle_of("native"), seed=0)
    agent.begin_trial(game.rules())
    for _ in range(60):  # over the end of a trial
        agent.act(game.observation(), game.legal_actions())
        game.answer(agent)
    assert not agent.observation_report().outside


# -- what it costs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [(), ("seen",)])
def test_reading_a_plan_of_one_part_costs_little(path: tuple[str, ...], planned: Callable[..., Bundle]) -> None:
    """A row beside a plan of one part, in turns; on a quiet machine the difference is 2 to 3 microseconds."""
    action = NativeActionSpec((), "int64", ((0,), (1,), (2,)))
    bundle = planned("recurrent", (PartSpec(path, (3,)),), action)
    row = np.array([0.1, 0.2, 0.3], np.float32)
    players = [
        (Agent(Policy(bundle.without_plan()), seed=0), row),
        (Agent(bundle, seed=0), {"seen": row} if path else row),
    ]
    for agent, _ in players:
        agent.begin_trial()
    blocks: list[tuple[float, ...]] = []
    for _ in range(15):
        took = []
        for agent, observation in players:
            seconds = []
            for _ in range(60):
                begin = perf_counter()
                agent.act(observation)
                seconds.append(perf_counter() - begin)
                agent.observe(0.0)
            took.append(statistics.median(seconds))
        blocks.append(tuple(took))
    assert statistics.median(planned - bare for bare, planned in blocks) < 12e-6  # others may use the machine, too


@pytest.mark.parametrize(
    "values",
    [
        [np.full((4, 6, 2), number, np.uint8) for number in (0, 100, 255)],
        [np.full((4, 6, 2), number, np.int16) for number in range(-3, 3)],
        [np.random.default_rng(number).integers(0, 256, (4, 6, 2), dtype=np.uint8) for number in range(5)],
        [np.random.default_rng(0).integers(0, 256, (4, 6, 2), dtype=np.uint8), *[np.ones((4, 6, 2), np.float64)] * 4],
        [np.ones((4, 6, 2)).tolist(), *[np.zeros((4, 6, 2), np.float32)] * 4],
    ],
)
@pytest.mark.parametrize("path", [(), ("camera",)])
def test_many_are_read_at_once_bit_for_bit_as_one_by_one(values: list[Any], path: tuple[str, ...]) -> None:
    reader = NativeObservations((PartSpec(path, (4, 6, 2), axes=(2, 0, 1), pool=2, offset=3.0, scale=1 / 255),))
    observations = [{"camera": value} if path else value for value in values]
    together = np.full((len(values), reader.size), np.nan, np.float32)
    reader.write_rows(observations, together)
    alone = np.full_like(together, np.nan)
    for observation, row in zip(observations, alone, strict=True):
        reader.write(observation, row)
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("values", [[3, 5], [np.int64(3), np.int64(5)], [3, 5.0], [np.array(3), 5], [True, False]])
def test_many_plain_numbers_are_read_at_once(values: list[Any]) -> None:
    reader = NativeObservations((PartSpec((), (), offset=1.0),))
    for repeats in (1, 3):
        out = np.zeros((2 * repeats, 1), np.float32)
        reader.write_rows(values * repeats, out)
        assert out.ravel().tolist() == [float(value) - 1.0 for value in values * repeats]


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        (np.zeros((2, 2), np.float32), np.zeros((2, 3), np.float32)),
        (np.zeros((2, 2), np.float32), np.zeros((1, 2), np.float32)),
        (np.zeros((2, 2), np.float32), None),
        (np.zeros((2, 2), np.float32), np.array([["a", "b"], ["c", "d"]])),
    ],
)
def test_a_wrong_one_among_many_is_refused(good: Any, wrong: Any) -> None:
    reader = NativeObservations((PartSpec((), (2, 2)),))
    many = [good] * 4
    for order in ([good, wrong], [wrong, *many], [*many, wrong], [*many, wrong, np.zeros((3, 2), np.float32)]):
        with pytest.raises(InputError, match="must be numbers of shape"):
            reader.write_rows(order, np.zeros((len(order), 4), np.float32))
    with pytest.raises(InputError, match="must be a number"):
        NativeObservations((PartSpec((), ()),)).write_rows([2**70] * 5, np.zeros((5, 1), np.float32))


def test_many_actions_are_made_as_one_by_one() -> None:
    numbered = NativeActions(NativeActionSpec((), "int64", ((5,), (7,), (9,))))
    assert numbered.to_native_rows(np.array([2, 0, 1])) == [9, 5, 7]
    pairs = NativeActions(NativeActionSpec((2,), "int32", ((0, 1), (2, 3))))
    first, second = pairs.to_native_rows(np.array([1, 1]))
    assert (first.tolist(), first.dtype) == ([2, 3], np.int32)
    first[0] = 99
    assert second.tolist() == pairs.to_native(1).tolist() == [2, 3]
    chosen = np.array([[0.4, 1.6], [-1.2, 2.5]])
    for dtype in ("float32", "int64"):
        box = NativeActions(NativeActionSpec((2, 1), dtype, ()))
        rows = box.to_native_rows(chosen)
        for row, numbers in zip(rows, chosen, strict=True):
            np.testing.assert_array_equal(row, box.to_native(numbers))
            assert (row.dtype, row.shape) == (np.dtype(dtype), (2, 1))
