"""Saved minds: going on exactly where one left off, and refusing what is damaged, forged or another bundle's."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gameagent_sdk import Agent, MindError


def play_on(agent: Any, num_calls: int, seed: int) -> list[Any]:
    """Goes on for some calls, whichever is due; gives the actions."""
    rng = np.random.default_rng(seed)
    manifest, actions = agent.manifest, []
    for _ in range(num_calls):
        if agent.phase == "act":
            legal = [True] * manifest.num_actions if manifest.action.mask else None
            actions.append(np.asarray(agent.act(rng.normal(size=manifest.observation_size), legal)).tolist())
        else:
            agent.observe(rng.normal(), terminated=bool(rng.random() < 0.2))
    return actions


def state_of(agent: Any) -> Any:
    overlay = (agent.episode, agent.step, agent.returns, agent.episode_return)
    context = {name: array.tolist() for name, array in agent._trial.step.context.inputs().items()}
    return overlay, context, agent.phase, agent.decider.random_bits.state


@pytest.mark.parametrize("num_calls", [0, 1, 2, 7, 40])
def test_it_goes_on_as_if_never_interrupted(num_calls: int, any_path: Path, tmp_path: Path) -> None:
    agent = Agent.load(any_path, seed=1, temperature=1.0)
    agent.begin_trial()
    play_on(agent, num_calls, seed=2)
    agent.save(tmp_path / "a.mind")
    restored = Agent.load(any_path, seed=99, temperature=1.0)
    restored.restore(tmp_path / "a.mind")
    assert state_of(restored) == state_of(agent)
    if num_calls:
        assert restored.beliefs() == agent.beliefs()
        what = "probabilities" if agent.manifest.action.kind == "discrete" else "distribution"
        np.testing.assert_array_equal(getattr(restored, what), getattr(agent, what))
    assert play_on(restored, 61, seed=3) == play_on(agent, 61, seed=3)
    assert state_of(restored) == state_of(agent)


def test_saving_changes_nothing_and_is_repeatable(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    play_on(agent, 11, seed=0)
    before = state_of(agent)
    agent.save(tmp_path / "a.mind")
    agent.save(tmp_path / "b.mind")
    assert state_of(agent) == before
    assert (tmp_path / "a.mind").read_bytes() == (tmp_path / "b.mind").read_bytes()


def test_playing_on_does_not_reach_into_a_restored_mind(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    play_on(agent, 4, seed=0)
    agent.save(tmp_path / "a.mind")
    agent.restore(tmp_path / "a.mind")
    first = play_on(agent, 30, seed=1)
    agent.restore(tmp_path / "a.mind")
    assert play_on(agent, 30, seed=1) == first


def test_it_is_plain_arrays_and_no_folder_is_littered(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    play_on(agent, 3, seed=0)
    (tmp_path / "a.mind").write_bytes(b"an older one")
    agent.save(str(tmp_path / "a.mind"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mind"]
    with np.load(tmp_path / "a.mind", allow_pickle=False) as arrays:
        assert arrays["bundle_hash"].tobytes().hex() == agent.policy.bundle.bundle_hash
        assert arrays["hidden_state.hidden_h"].shape == (1, 4)


@pytest.fixture
def saved(agent_of: Callable[..., Agent], tmp_path: Path) -> Path:
    """A good mind of the recurrent bundle after seven calls."""
    agent = agent_of("recurrent", seed=5)
    play_on(agent, 7, seed=0)
    agent.save(tmp_path / "good.mind")
    return tmp_path / "good.mind"


@pytest.fixture
def refused(agent_of: Callable[..., Agent], tmp_path: Path) -> Callable[..., None]:
    """Checks that a file is refused with a message and that the agent is left as it was."""

    def check(data: Any, message: str) -> None:
        path = tmp_path / "bad.mind"
        path.write_bytes(data)
        agent = agent_of("recurrent")
        play_on(agent, 5, seed=1)
        before = state_of(agent)
        with pytest.raises(MindError, match=message) as error:
            agent.restore(path)
        assert "bad.mind" in str(error.value)
        assert state_of(agent) == before

    return check


def rewritten(path: Path, compressed: bool = False, **changes: Any) -> bytes:
    """The file's bytes with some arrays changed, or left out where None."""
    with np.load(path) as arrays:
        kept = {name: value for name, value in ({**arrays} | changes).items() if value is not None}
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **kept)
    return buffer.getvalue()


def test_another_bundle_s_mind_is_refused(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent_of("masked").save(tmp_path / "a.mind")
    with pytest.raises(MindError, match="saved with another bundle"):
        agent_of("recurrent").restore(tmp_path / "a.mind")


def test_the_unchanged_rewriting_is_taken(saved: Path, agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    (tmp_path / "again.mind").write_bytes(rewritten(saved))
    agent_of("recurrent").restore(tmp_path / "again.mind")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": np.int64(2)}, "saved in format 2"),
        ({"format_version": None}, "damaged or not a saved mind"),
        ({"hidden_state.hidden_h": None}, "it holds"),
        ({"extra": np.zeros(1)}, "it holds"),
        ({"hidden_state.hidden_h": np.zeros((1, 5), np.float32)}, r"hidden_h is float32 \(1, 5\) instead of"),
        ({"hidden_state.hidden_h": np.zeros((1, 4))}, "hidden_h is float64"),
        ({"hidden_state.hidden_h": np.full((1, 4), np.nan, np.float32)}, "NaN"),
        ({"previous_reward": np.full((1, 1), np.inf, np.float32)}, "previous_reward holds NaN or infinite"),
        ({"returns": np.zeros((2, 2))}, "returns is"),
        ({"counters": np.array([3, 4, 1, 1])}, "counters .* impossible"),
        ({"counters": np.array([0, 4, 5, 1])}, "counters .* impossible"),
        ({"counters": np.array([0, 4, 1, 2])}, "counters .* impossible"),
        ({"rng_state": np.zeros(4, np.uint64)}, "rng_state is impossible"),
        ({"previous_reward": np.array([["x"]])}, "damaged or not a saved mind"),
        ({"bundle_hash": np.zeros(32, np.uint8)}, "another bundle"),
    ],
)
def test_wrong_arrays_are_refused(
    changes: dict[str, Any], message: str, saved: Path, refused: Callable[..., None]
) -> None:
    refused(rewritten(saved, **changes), message)


def test_compressed_files_are_refused(saved: Path, refused: Callable[..., None]) -> None:
    """A few kilobytes could otherwise unfold into all the memory there is."""
    refused(rewritten(saved, compressed=True), "compressed")


def test_headers_that_ask_for_too_much_are_refused(saved: Path, refused: Callable[..., None]) -> None:
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f4", "fortran_order": False, "shape": (2**50,)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("returns.npy", huge.getvalue())
    refused(buffer.getvalue(), "damaged or not a saved mind")


class Bomb:
    """Leaves a mark when unpickled."""

    exploded = False

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Callable[..., Any], str, bool]]:
        return (setattr, (Bomb, "exploded", True))


def test_pickles_are_never_loaded(saved: Path, refused: Callable[..., None]) -> None:
    objects = np.array([Bomb()], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, returns=objects)
    refused(buffer.getvalue(), "damaged or not a saved mind")
    refused(pickle.dumps(Bomb), "damaged or not a saved mind")
    assert not Bomb.exploded


def test_truncations_and_noise_are_refused(saved: Path, refused: Callable[..., None]) -> None:
    data = saved.read_bytes()
    for length in [*range(0, len(data), 97), len(data) - 1]:
        refused(data[:length], r"bad\.mind")
    refused(np.random.default_rng(0).bytes(3000), "damaged or not a saved mind")


def test_changed_bytes_are_refused_or_harmless(saved: Path, agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    """A flipped byte in the numbers is caught by the checksum; in the padding it may do nothing."""
    data = saved.read_bytes()
    path = tmp_path / "bad.mind"
    agent = agent_of("recurrent")
    num_refused = 0
    for i in range(0, len(data), 13):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x5A]) + data[i + 1 :])
        try:
            agent.restore(path)
        except MindError:
            num_refused += 1
    assert num_refused > 0.5 * len(range(0, len(data), 13))


def test_paths_that_cannot_be_used(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    with pytest.raises(MindError, match="cannot be read"):
        agent.restore(tmp_path / "missing.mind")
    with pytest.raises(MindError, match="cannot be read"):
        agent.restore(tmp_path)
    with pytest.raises(MindError, match="cannot be written"):
        agent.save(tmp_path / "no-such-folder" / "a.mind")
    (tmp_path / "folder.mind").mkdir()
    with pytest.raises(MindError, match="cannot be written"):
        agent.save(tmp_path / "folder.mind")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mind"]


def test_a_failed_save_keeps_the_older_file(
    saved: Path, agent_of: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    older = saved.read_bytes()

    def full_disk(descriptor: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(MindError, match="No space left"):
        agent_of("recurrent").save(saved)
    assert saved.read_bytes() == older
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
