"""How cost grows, in small: a row for every size, and the game it is measured on."""

import json
import sys
from pathlib import Path

import measure_cost
import numpy as np
import pytest
from measure_cost import Run, make_game, measure, measure_here

from gameagent_games.sources.simulator import Simulator


@pytest.mark.slow
def test_the_quick_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def here(run: Run, settings: list[str]) -> dict[str, float]:
        """Measures in this process instead of one of its own."""
        assert settings == ["num_epochs=1"]
        measure_here(run, {"num_epochs": "1"}, tmp_path / "row.json")
        found: dict[str, float] = json.loads((tmp_path / "row.json").read_text())
        return found

    monkeypatch.setattr(measure_cost, "measure", here)
    monkeypatch.setattr(sys, "argv", ["measure_cost.py", "--quick", "--set", "num_epochs=1"])
    measure_cost.main()
    printed = capsys.readouterr().out
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines()]
    assert [dict(zip(head, row, strict=True))["length"] for row in rows] == ["32", "96"]
    for row in rows:
        figures = dict(zip(head, row, strict=True))
        assert float(figures["speed / bare layer"]) > 0
        assert float(figures["peak MiB"]) >= 0


@pytest.mark.slow
def test_two_nodes_measure_one_run() -> None:
    found = measure(Run(games=8, nodes=2, updates=1), [])
    assert found.keys() == {"ratio", "speed", "memory"}
    assert found["speed"] > 0


@pytest.mark.parametrize("seats", [1, 3])
def test_an_episode_has_as_many_steps_as_asked_for_whatever_the_limit(seats: int) -> None:
    game = Simulator(make_game(Run(length=5, limit=50, seats=seats)), 2, num_episodes=1, compiled=False)
    game.reset(game.family.space.sample(2, 0, "all"), np.arange(2))
    for step in range(1, 6):
        game.step(np.zeros((2, seats), np.int64))
        assert game.finished.tolist() == [step == 5] * 2
