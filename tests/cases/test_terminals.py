"""What the commands print where the terminal's encoding is poor."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gameagent_sdk.console.terminal import ascii_only, spell_unprintable

TESTS = Path(__file__).parents[1]
BANDIT = TESTS.parent / "sdk" / "examples" / "browser" / "bandit.onnx"
PLAY = """
import sys
import numpy as np
from gameagent_games.play import main as play
from cases.test_plain_drawing import Chance
play.load_player = lambda path, family, seed: Chance(family, np.random.default_rng(seed))
sys.exit(play.main(sys.argv[1:]))
"""
FAMILY = "cases.families.accents:ACCENTS"


def run(*arguments: str, encoding: str = "ascii") -> str:
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    environment = {"PYTHONPATH": path, "PYTHONIOENCODING": encoding, "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "latin-1", "cp1252"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", "gameagent.cli", "families"),
        ("-m", "gameagent.cli", "variants", FAMILY, "-n", "3", "--split", "all"),
        ("-m", "gameagent.cli", "--help"),
        ("-m", "gameagent_sdk.console.main", "inspect", str(BANDIT)),
    ],
    ids=["families", "variants", "help", "inspect"],
)
def test_commands_print_what_the_terminal_can_show(arguments: tuple[str, ...], encoding: str) -> None:
    assert len(run(*arguments, encoding=encoding)) > 40


def test_names_are_spelt_in_ascii() -> None:
    printed = run("-m", "gameagent.cli", "variants", FAMILY, "-n", "40", "--split", "all")
    assert "klein" in printed and "gro?" in printed and "\\x" not in printed


def test_a_game_played_without_a_window_prints_its_name() -> None:
    pytest.importorskip("pygame", reason="the chance player of another test comes with drawing")
    arguments = ["--agent", "any.onnx", "--headless", "--split", "all"]
    printed = run("-c", PLAY, FAMILY, *arguments)
    assert printed.startswith("m\\xfcnzwurf, variant ") and printed.count("episode") == 3
    assert run("-c", PLAY, FAMILY, *arguments, encoding="utf-8").startswith("münzwurf, variant ")


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("0.38±0.38", "0.38+/-0.38"), ("×4", "x4"), ("−1 … 3", "-1 ... 3"), ("café", "cafe"), ("ﬁn", "fin"),
        ("日本", "??"), ("r\udcff", "r?"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_signs_become_words_and_letters_lose_their_accents(text: str, spelt: str) -> None:
    assert ascii_only(text) == spelt


def written(encoding: str, errors: str, text: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    spell_unprintable()
    print(text, end="")
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("encoding", "errors", "expected"),
    [
        ("ascii", "strict", b"5+/-1 a ?"),
        ("latin-1", "strict", b"5\xb11 \xe4 ?"),
        ("utf-8", "strict", "5±1 ä ".encode() + b"?"),
        ("ascii", "surrogateescape", b"5+/-1 a ?"),
        ("ascii", "replace", b"5?1 ? ?"),
    ],
)
def test_only_what_the_encoding_lacks_is_spelt(
    encoding: str, errors: str, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written(encoding, errors, "5±1 ä \udcff", monkeypatch) == expected


def test_streams_that_are_none_of_pythons_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (None, io.StringIO()):
        monkeypatch.setattr(sys, "stdout", stream)
        spell_unprintable()
        assert sys.stdout is stream
