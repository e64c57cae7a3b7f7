"""Save slots: one for each player, whatever players are called."""

# mypy: disable-error-code="arg-type"

import string
from collections.abc import Callable
from pathlib import Path

import pytest

from gameagent_sdk import Agent, InputError, MindError, SaveSlots

NAMES = ["ann", "Ann", "Zoë", "../../etc/passwd", "con", "a b", "名前", "_41", "A", ".", "nul.mind", "x" * 60, "\n\x00"]


def play(agent: Agent, reward: float) -> None:
    agent.act([0.0, 0.0, 0.0])
    agent.observe(reward)


def test_each_player_has_a_mind_of_their_own(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    slots = SaveSlots(tmp_path / "saves")
    agent = agent_of("recurrent")
    for number, name in enumerate(NAMES):
        agent.begin_trial()
        play(agent, float(number))
        slots.save(agent, name)
    assert slots.players() == sorted(NAMES)
    for number, name in enumerate(NAMES):
        assert slots.restore(agent, name)
        assert agent.episode_return == number


def test_files_have_plain_names_in_the_folder(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    slots = SaveSlots(tmp_path)
    for name in NAMES:
        file = slots.path(name)
        assert file.parent == tmp_path
        assert set(file.stem) <= set(string.ascii_lowercase + string.digits + "-_")
    assert len({slots.path(name).name.lower() for name in NAMES}) == len(NAMES)


def test_a_player_it_has_not_met(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent = agent_of("recurrent")
    play(agent, 1.0)
    slots = SaveSlots(tmp_path / "none yet")
    assert not slots.restore(agent, "ann")
    assert agent.episode_return == 1.0
    assert slots.players() == []
    slots.remove("ann")


def test_saving_soon_and_removing(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    agent, slots = agent_of("recurrent"), SaveSlots(tmp_path)
    play(agent, 1.0)
    slots.save(agent, "ann", soon=True)
    assert slots.players() == []
    while agent.tick(5.0):
        pass
    assert slots.players() == ["ann"]
    slots.remove("ann")
    assert slots.players() == []
    slots.save(agent, "bob", soon=True)
    assert slots.restore(agent, "bob")  # though nobody ticked


def test_foreign_files_in_the_folder_are_no_players(tmp_path: Path) -> None:
    for name in ("player-Ann.mind", "player-_zz.mind", "player-_ff.mind", "other.mind", "player-.mind", "player-a.txt"):
        (tmp_path / name).write_bytes(b"")
    assert SaveSlots(tmp_path).players() == []


@pytest.mark.parametrize("name", ["", "x" * 61, 7, None, "\ud800"])
def test_impossible_names_are_refused(name: str | int | None, agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a player's name"):
        SaveSlots(tmp_path).save(agent_of("recurrent"), name)


def test_a_damaged_slot_says_so(agent_of: Callable[..., Agent], tmp_path: Path) -> None:
    slots = SaveSlots(tmp_path)
    slots.path("ann").write_bytes(b"nonsense")
    with pytest.raises(MindError, match="player-ann"):
        slots.restore(agent_of("recurrent"), "ann")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MindError, match="cannot be made"):
        SaveSlots(tmp_path / "file" / "folder").save(agent_of("recurrent"), "ann")
