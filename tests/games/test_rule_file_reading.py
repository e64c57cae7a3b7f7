"""Rule files: what is read of them, and that an error leads to the line and the key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameagent_games import Choice, Fixed, Integers, Permutation, Rule, Uniform
from gameagent_games.errors import FamilyError, RuleFileError, VariantError
from gameagent_games.variants.rule_files import read_rule_file
from gameagent_games.variants.rule_files.lines import line_of
from gameagent_games.variants.rule_files.reading import MOST_BYTES

WHOLE = """\
game = "forage"                      # a registered family
episodes = 4
hold_out = "pairs"
constraints = [
    "low < high",
    "not (mirrored and wind > 3)"]

[rules.gravity]
uniform = [[5, 9.0], [11.0, 15.0]]
beyond = [15.0, 20.0]
unit = "m/s^2"
meaning = "how things fall"

[rules.mirrored]
choice = [false, true]
weights = [3, 1]
hidden = false

[rules]
delay = { integers = [0, 3], beyond = [4, 6], shape = 2 }
order.permutation = 4
speed = 2.0
weather = "hot"

[rules."worth"]
fixed = [
    1,
    2.5,
]

[environment]
options.wind = "strong"
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "rules.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """The message about a wrong file, without the folder."""
    with pytest.raises(RuleFileError) as caught:
        read_rule_file(write(folder, text))
    return str(caught.value).replace(f"{folder}/", "")


def test_every_key_is_read(tmp_path: Path) -> None:
    found = read_rule_file(write(tmp_path, WHOLE))
    assert (found.path, found.text) == (tmp_path / "rules.toml", WHOLE)
    assert (found.game, found.num_episodes, found.hold_out) == ("forage", 4, "pairs")
    assert found.constraints == ("low < high", "not (mirrored and wind > 3)")
    assert found.environment == {"options": {"wind": "strong"}}
    gravity = Uniform((5.0, 9.0), (11.0, 15.0), beyond=((15.0, 20.0),))
    assert found.rules == (
        Rule("gravity", gravity, unit="m/s^2", meaning="how things fall"),
        Rule("mirrored", Choice((False, True), weights=(3.0, 1.0)), hidden=False),
        Rule("delay", Integers(0, 3, shape=(2,), beyond=(4, 6))),
        Rule("order", Permutation(4)),
        Rule("speed", Fixed(2.0)),
        Rule("weather", Fixed("hot")),
        Rule("worth", Fixed((1.0, 2.5))),
    )
    assert found.says("rules", "mirrored", "hidden") and not found.says("rules", "gravity", "hidden")


def test_a_file_that_names_a_game_alone_leaves_all_else_to_the_game(tmp_path: Path) -> None:
    found = read_rule_file(write(tmp_path, 'game = "forage"\n'))
    assert (found.rules, found.num_episodes, found.hold_out, found.constraints) == ((), None, None, ())


def test_the_digest_is_that_of_the_content_however_lines_end(tmp_path: Path) -> None:
    one = read_rule_file(write(tmp_path, WHOLE))
    assert read_rule_file(write(tmp_path, WHOLE.replace("\n", "\r\n"))).digest == one.digest
    assert read_rule_file(write(tmp_path, WHOLE.replace("4 #", "5 #") + "# more\n")).digest != one.digest


def test_a_byte_order_mark_is_overlooked(tmp_path: Path) -> None:
    assert read_rule_file(write(tmp_path, b"\xef\xbb\xbf" + WHOLE.encode())).game == "forage"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("game =", "gane =", "rules.toml:1: gane: unknown key 'gane'; did you mean 'game'? (a rule file has"),
        ('game = "forage"', "game = 3", "rules.toml:1: game: got 3, expected a family's name"),
        ("episodes = 4", "episodes = 0", "rules.toml:2: episodes: got 0, expected a whole"),
        ("episodes = 4", "episodes = true", "rules.toml:2: episodes: got true, expected a whole"),
        ('"pairs"', '"pears"', 'rules.toml:3: hold_out: got "pears", expected one of combinations, pairs, values; did'),
        ('"low < high"', "3", "rules.toml:5: constraints[0]: got 3, expected a text"),
        ('"not (mirrored and wind > 3)"', "[]", "rules.toml:6: constraints[1]: got [], expected a text"),
        ("[rules.gravity]", "[gravity]", "rules.toml:8: gravity: unknown key 'gravity'; a rule stands under [rules.gr"),
        ("uniform =", "unifrom =", "rules.toml:9: rules.gravity.unifrom: unknown key 'unifrom'; did you mean 'uniform"),
        ("[[5, 9.0]", "[[9, 5.0]", "rules.toml:9: rules.gravity.uniform: interval (9, 5.0): low must be below high"),
        ("[15.0, 20.0]", "[14.0, 20.0]", "rules.toml:9: rules.gravity.uniform: intervals"),
        ("[15.0, 20.0]", "20.0", "rules.toml:10: rules.gravity.beyond: got 20.0, expected [low, high]"),
        ('"m/s^2"', "3", "rules.toml:11: rules.gravity.unit: got 3, expected a text"),
        ("[3, 1]", "[3]", "rules.toml:16: rules.mirrored.weights: got 1 weights for 2 values"),
        ("[3, 1]", "[3, 0]", "rules.toml:16: rules.mirrored.weights: got [3, 0], expected positive numbers"),
        ("hidden = false", "hidden = 0", "rules.toml:17: rules.mirrored.hidden: got 0, expected true or false"),
        ("hidden = false", "shown = true", "rules.toml:17: rules.mirrored.shown: unknown key 'shown'"),
        ("[0, 3]", "[0, 3.5]", "rules.toml:20: rules.delay.integers: got [0, 3.5], expected [lowest, highest]"),
        ("shape = 2", "shape = 0", "rules.toml:20: rules.delay.shape: got 0, expected the length of an array rule"),
        ("shape = 2", "uniform = 2", "rules.toml:20: rules.delay.uniform: has both 'integers' and 'uniform'"),
        ("order.permutation = 4", "order.permutation = 1", "rules.toml:21: rules.order.permutation: Permutation(1)"),
        ("order.permutation = 4", "order.weights = [4]", "rules.toml:21: rules.order: says no distribution, expected"),
        ("order.permutation = 4", "order = [0, 4]", "rules.toml:21: rules.order: got [0, 4], expected what the num"),
        ("speed = 2.0", "speed = nan", "rules.toml:22: rules.speed: Fixed(nan)"),
        ("speed = 2.0", '"a b" = 2.0', 'rules.toml:22: rules."a b": the rule\'s name is'),
        ("    2.5,", "    1979-05-27,", "rules.toml:26: rules.worth.fixed: Fixed("),
        ("[environment]\noptions.wind", "environment", "rules.toml:31: rules.worth.environment: unknown key"),
        ("speed = 2.0", "speed = ", "rules.toml:22: is not valid TOML: Invalid value (column 9)"),
        ("]\n\n[environment]", "\n\n[environment]", "rules.toml:31: is not valid TOML"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert WHOLE.count(old) == 1
    assert refusal(tmp_path, WHOLE.replace(old, new)).startswith(message)


def test_a_game_must_be_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "episodes = 3\n").startswith("rules.toml: lacks the game; expected a line such as")


def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.toml", "cannot be read: No such file or directory"),
        (tmp_path, "is a folder"),
        (Path("/dev/null"), "is no ordinary file"),
        (tmp_path / "a\0b", "cannot be read: embedded null"),
        (write(tmp_path, b"#" * (MOST_BYTES + 1)), "is larger than 256 KiB"),
    ):
        with pytest.raises(RuleFileError, match=message):
            read_rule_file(path)


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, 'game = "forage"\n# Gewässer'.encode("latin-1")) == (
        "rules.toml:2: is not UTF-8 text; save it in that encoding"
    )
    assert "is nested too deeply" in refusal(tmp_path, "game = " + "[" * 5000)


def test_the_error_is_one_of_families_and_of_variants() -> None:
    assert issubclass(RuleFileError, FamilyError) and issubclass(RuleFileError, VariantError)


# -- lines: a file is made of statements, so it is known where each of its keys stands -------------------------

NAMES = st.sampled_from(["a", "b", "gravity", "x-1", "käse", "a.b", 'quo"te', "#"])
COMMENTS = st.sampled_from(["", "  # a comment", ' # ] } "', '# """ '])
BETWEEN = st.lists(st.sampled_from(["", "# comment", "  # x = 3 ]", "\t"]), max_size=2)


def spelt(name: str, draw: Any) -> str:
    bare = name.isascii() and name.replace("-", "").isalnum()
    quoted = '"' + name.replace('"', '\\"') + '"'
    return name if bare and draw(st.booleans()) else quoted


@st.composite
def values(draw: Any, depth: int = 2) -> tuple[str, Any]:
    """A value as text, perhaps of several lines, and its keys within: a table's or an array's, or none."""
    kind = draw(
        st.sampled_from(["number", "text", "lines", "array", "table"] if depth else ["number", "text", "lines"])
    )
    if kind == "number":
        return draw(st.sampled_from(["1", "-2.5", "true", "1979-05-27"])), {}
    if kind == "text":
        return draw(st.sampled_from(['"a # b"', "'[rules]'", '"]"'])), {}
    if kind == "lines":
        return draw(st.sampled_from(['"""\na = 1\n[b]\n"""', "'''\n]\n'''", '"""x"""'])), {}
    if kind == "array":
        items = [draw(values(depth - 1))[0] for _ in range(draw(st.integers(0, 3)))]
        joint = draw(st.sampled_from([", ", ",\n  ", ", # c ]\n\n  "]))
        return "[" + joint.join(items) + draw(st.sampled_from(["]", ",\n]" if items else "\n]"])), {}
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    items = [draw(values(depth - 1)) for _ in names]
    text = ", ".join(f"{spelt(name, draw)} = {text}" for name, (text, _) in zip(names, items, strict=True))
    return "{ " + text + " }", {name: inner for name, (_, inner) in zip(names, items, strict=True)}


def paths(tree: Any) -> Iterator[tuple[str, ...]]:
    for name, inner in tree.items():
        yield (name,)
        yield from ((name, *rest) for rest in paths(inner))


@st.composite
def files(draw: Any) -> tuple[str, dict[tuple[str, ...], int]]:
    """A TOML text and the line of each of its keys."""
    lines: list[str] = []
    places: dict[tuple[str, ...], int] = {}
    for table in ["", *draw(st.lists(NAMES, max_size=3, unique=True))]:
        lines += draw(BETWEEN)
        top: tuple[str, ...] = (f"{table}!", "rule") if table else ()
        if table:
            places.setdefault(top[:1], len(lines) + 1)
            places[top] = len(lines) + 1
            lines.append(f"[ {spelt(top[0], draw)} . rule ]" + draw(COMMENTS))
        for name in draw(st.lists(NAMES, max_size=4, unique=True)):
            lines += draw(BETWEEN)
            dotted = draw(st.booleans())
            text, tree = draw(values())
            at = len(lines) + 1
            places[(*top, name)] = at
            head = spelt(name, draw)
            if dotted:
                places[(*top, name, "in")] = at
                head += ' . "in"'
            for path in paths(tree):
                places[(*top, name, *(["in"] if dotted else []), *path)] = at
            lines += (f"{head} = {text}" + draw(COMMENTS)).split("\n")
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines), places


@settings(max_examples=60, deadline=None)
@given(files())
def test_every_key_is_found_on_the_line_where_its_entry_begins(made: tuple[str, dict[tuple[str, ...], int]]) -> None:
    text, places = made
    for keys, line in places.items():
        assert line_of(text, *keys) == line, keys
    assert line_of(text, "no such key") is None


def test_an_item_is_found_on_its_own_line() -> None:
    text = 'a = [\n  "x", # ]\n\n  "y", "z",\n  [1,\n   2],\n]\nb = { c = [\n  1,\n  2], d = 3 }\ne = [1, 2]\n'
    lines = [line_of(text, *keys) for keys in [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("b", "c", 0), ("b", "c", 1)]]
    assert lines == [2, 4, 4, 5, 9, 10]
    assert line_of(text, "e", 1) == 11 and line_of(text, "e", 2) is None
