"""The overlay: what its pixels say, against numbers worked out here; and that it never gets in a game's way."""

# mypy: disable-error-code="arg-type, assignment"

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gameagent_sdk import Agent, Belief, InputError, Manifest, MissingBackend
from gameagent_sdk.authoring import ActionSpec, BeliefSpec, FeatureSpec
from gameagent_sdk.overlay import Overlay, panel
from gameagent_sdk.overlay.brush import MAX_WORDS, Brush, Lettering
from gameagent_sdk.overlay.chart import Returns, draw_returns
from gameagent_sdk.overlay.layout import lay_out
from gameagent_sdk.overlay.wording import decimals_for, shown_number

FIXTURES = Path(__file__).parent / "fixtures"
BELIEF, TRUTH, GOOD, BAD = (
    (158, 134, 255),
    (255, 206, 84),
    (52, 200, 176),
    (250, 126, 74),
)  # violet, gold, green, orange
GROUND = (90, 140, 60)
INNER = 236  # pixels between the pads of a panel of the usual width
SURFACES = [(0, 8), (0, 16), (0, 24), (0, 32), ("SRCALPHA", 32)]

pytestmark = pytest.mark.filterwarnings("ignore:pkg_resources")  # pygame looks for it; it is not ours


@pytest.fixture
def pygame() -> Iterator[ModuleType]:
    module = pytest.importorskip("pygame", reason="neither pygame nor pygame-ce is installed; the SDK needs neither")
    yield module
    module.quit()


@dataclasses.dataclass
class Puppet:
    """All that the overlay reads of an agent, to be set at will."""

    manifest: Manifest
    phase: str = "act"
    num_decisions: int = 1
    episode: int = 0
    step: int = 0
    episode_return: float = 0.0
    returns: tuple[float, ...] = ()
    learning: bool = True
    strength: float = 1.0
    probabilities: np.ndarray = dataclasses.field(default_factory=lambda: np.array([0.25, 0.75]))
    thoughts: dict[str, Any] = dataclasses.field(default_factory=dict)

    def beliefs(self) -> dict[str, Any]:
        return self.thoughts


def manifest(beliefs: tuple[BeliefSpec, ...] = (), actions: tuple[str, ...] = ("a", "b"), name: str = "x") -> Manifest:
    feature = FeatureSpec("feature")
    return Manifest(
        name=name,
        summary="",
        observation=(feature,),
        action=ActionSpec(actions),
        beliefs=beliefs,
        num_episodes=1,
        max_steps=1,
        adaptation=("memory",),
    )


def choice(*chances: float) -> Belief:
    chance_of = dict(zip("pqrst", chances, strict=False))
    best = max(chance_of, key=lambda option: chance_of[option])
    return Belief("categorical", "", chance_of, None, None, best, chance_of[best])


def amount(mean: float, std: float) -> Belief:
    return Belief("scalar", "", {}, mean, std, mean, 0.5)


def load(name: str, seed: int = 0) -> Agent:
    return Agent.load(FIXTURES / f"{name}.onnx", seed=seed)


def play(agent: Agent, num_steps: int, rng: np.random.Generator) -> list[int]:
    """Some steps of random episodes of three steps."""
    size, legal = agent.manifest.observation_size, None
    if agent.manifest.action.mask:
        legal = np.ones(agent.num_actions, bool)
    actions = []
    for _ in range(num_steps):
        actions.append(agent.act(rng.normal(size=size).astype(np.float32), legal))
        agent.observe(float(rng.normal()), terminated=agent.step == 2)
    return actions


def painted(pygame: ModuleType, overlay: Overlay, size: tuple[int, int] = (280, 720)) -> np.ndarray:
    """What the overlay draws on a plain ground, uint8 (height, width, 3)."""
    screen = pygame.Surface(size, 0, 32)
    screen.fill(GROUND)
    overlay.draw(screen, (0, 0))
    return pixels(pygame, screen)


def pixels(pygame: ModuleType, screen: Any) -> np.ndarray:
    width, height = screen.get_size()
    return np.frombuffer(pygame.image.tobytes(screen, "RGB"), np.uint8).reshape(height, width, 3)


def columns(picture: np.ndarray, colour: tuple[int, int, int], least: int = 1) -> np.ndarray:
    """Where in x at least so many pixels are of a colour."""
    return np.flatnonzero((picture == colour).all(axis=2).sum(axis=0) >= least)


# What the pixels say.


def test_it_lies_in_the_top_right_corner_and_touches_nothing_else(pygame: ModuleType) -> None:
    screen = pygame.Surface((1280, 720), 0, 32)
    screen.fill(GROUND)
    drawn = Overlay(Puppet(manifest())).draw(screen)
    assert (drawn.left, drawn.top, drawn.width) == (1280 - 260 - 8, 8, 260)
    touched = (pixels(pygame, screen) != GROUND).any(axis=2)
    ys, xs = np.nonzero(touched)
    assert (xs.min(), xs.max() + 1, ys.min(), ys.max() + 1) == (drawn.left, drawn.right, drawn.top, drawn.bottom)


def test_it_is_drawn_where_asked_and_at_the_scale_asked(pygame: ModuleType) -> None:
    screen = pygame.Surface((1280, 1440), 0, 32)
    puppet = Puppet(manifest())
    once, twice = Overlay(puppet).draw(screen, (30, 40)), Overlay(puppet, scale=2).draw(screen, (400, 41))
    assert once.topleft == (30, 40)
    assert twice.topleft == (400, 41)
    assert twice.size == (2 * once.width, 2 * once.height)


@pytest.mark.parametrize("chances", [(0.25, 0.75), (0.6, 0.3, 0.1), (1.0, 0.0), (0.0, 0.0, 1.0)])
def test_the_best_option_s_piece_is_as_long_as_it_is_likely(pygame: ModuleType, chances: Any) -> None:
    spec = BeliefSpec("rule", "categorical", options=tuple("pqrst"[: len(chances)]))
    puppet = Puppet(manifest((spec,)), thoughts={"rule": choice(*chances)})
    found = columns(painted(pygame, Overlay(puppet)), BELIEF, least=4)
    before = sum(chances[: chances.index(max(chances))])
    assert len(found) == pytest.approx(max(chances) * INNER, abs=2)
    assert found[0] == pytest.approx(12 + before * INNER, abs=2)


@pytest.mark.parametrize(
    ("mean", "share"), [(0.0, 0.0), (5.0, 0.25), (10.0, 0.5), (20.0, 1.0), (1e30, 1.0), (-7.0, 0.0)]
)
def test_a_number_s_line_lies_at_its_place_in_the_training_range(pygame: ModuleType, mean: float, share: float) -> None:
    spec = BeliefSpec("rule", "scalar", center=10.0, scale=10.0)  # from 0 to 20
    puppet = Puppet(manifest((spec,)), thoughts={"rule": amount(mean, 2.0)})
    found = columns(painted(pygame, Overlay(puppet)), BELIEF, least=8)
    assert len(found) == 3
    assert found[1] == pytest.approx(12 + share * INNER, abs=2.5)


def test_the_truth_is_gold_at_its_place_only_where_told(pygame: ModuleType) -> None:
    number = BeliefSpec("number", "scalar", center=0.0, scale=1.0)
    flag = BeliefSpec("flag", "categorical", options=("false", "true"))
    thoughts = {
        "number": amount(0.0, 0.1),
        "flag": Belief("categorical", "", {"false": 0.5, "true": 0.5}, None, None, "false", 0.5),
    }
    for specs, truth, share in [((number,), {"number": 0.5, "other": 3}, 0.75), ((flag,), {"flag": True}, 0.75)]:
        overlay = Overlay(Puppet(manifest(specs), thoughts={specs[0].rule: thoughts[specs[0].rule]}))
        assert len(columns(painted(pygame, overlay), TRUTH)) == 0
        overlay.truth = truth
        row = painted(pygame, overlay)[-600:]
        low = np.nonzero((row == TRUTH).all(axis=2))
        tip = low[1][low[0] == low[0].max()]
        assert tip.mean() == pytest.approx(12 + share * INNER, abs=2)
        overlay.truth = None
        assert len(columns(painted(pygame, overlay), TRUTH)) == 0


@pytest.mark.parametrize(("best", "colour", "other"), [("true", GOOD, BAD), ("false", BAD, GOOD)])
def test_a_right_choice_is_ticked_and_a_wrong_one_crossed_beside_the_truth(
    pygame: ModuleType, best: str, colour: Any, other: Any
) -> None:
    spec = BeliefSpec("flag", "categorical", options=("false", "true"))
    thought = Belief("categorical", "", {"false": 0.5, "true": 0.5}, None, None, best, 0.5)
    overlay = Overlay(Puppet(manifest((spec,)), thoughts={"flag": thought}, episode_return=0.0))
    before = painted(pygame, overlay)[200:]
    overlay.truth = {"flag": True}
    after = painted(pygame, overlay)[200:]
    for shown in (colour, other):
        assert len(columns(before, shown)) == 0
    assert len(columns(after, colour)) > 4
    assert len(columns(after, other)) == 0


def test_a_truth_beyond_the_training_range_makes_the_bar_longer(pygame: ModuleType) -> None:
    spec = BeliefSpec("number", "scalar", center=0.0, scale=1.0)
    overlay = Overlay(Puppet(manifest((spec,)), thoughts={"number": amount(1.0, 0.1)}))
    ends = []
    for truth in (None, {"number": 3.0}):
        overlay.truth = truth
        bottom = overlay.draw(pygame.Surface((280, 720)), (0, 0)).bottom
        bar = painted(pygame, overlay)[bottom - 21 : bottom - 11]
        ends.append(columns(bar, BELIEF, least=8).mean())
    assert ends == pytest.approx([12 + INNER - 2, 12 + INNER / 2], abs=2)  # of -1 to 1, then of -1 to 3


def test_wide_bars_have_their_numbers_and_the_marks_of_gradient_steps(pygame: ModuleType) -> None:
    def shown(**changes: Any) -> NDArray[Any]:
        surface = pygame.Surface((400, 120), 0, 32)
        brush = Brush(surface, 1.0, Lettering(None))
        draw_returns(brush, Returns((2.0, 4.0), 1.0, 7, **changes), (0, 0, 400, 120), widest=60)
        return pixels(pygame, surface)

    plain, kept, undone = shown(), shown(steps={7: True}), shown(steps={8: False, 3: True})
    heights = (plain == GOOD).all(axis=2).sum(axis=0)
    assert heights[90] == pytest.approx(2 * heights[30], abs=1)
    assert columns(plain, BELIEF).size == 0
    assert columns(kept, BELIEF).mean() == pytest.approx(60, abs=1)  # between the first bar and the second
    assert columns(undone, BELIEF).size == 0
    assert columns(undone, BAD).mean() == pytest.approx(120, abs=1)


def test_bars_are_as_high_as_the_returns(pygame: ModuleType) -> None:
    picture = painted(pygame, Overlay(Puppet(manifest(), returns=(1.0, 2.0, 4.0), episode=3)))[64:130]  # the bars alone
    heights = (picture == GOOD).all(axis=2).sum(axis=0)
    middles = [int(heights[x + 8]) for x in (12, 32, 52)]  # bars are 20 pixels apart
    assert middles == pytest.approx([11.5, 23, 46], abs=1)


def test_losses_hang_below_the_line(pygame: ModuleType) -> None:
    picture = painted(pygame, Overlay(Puppet(manifest(), returns=(1.0, -1.0), episode=2)))[64:130]
    up, down = (np.nonzero((picture == colour).all(axis=2))[0] for colour in (GOOD, BAD))
    assert up.max() < down.min()
    assert np.ptp(up) == pytest.approx(np.ptp(down), abs=1) == pytest.approx(22, abs=1)


def test_of_many_episodes_the_last_are_shown(pygame: ModuleType) -> None:
    rising = tuple(np.linspace(-1.0, 0.0, 954)) + (1.0,) * 46
    shown = painted(pygame, Overlay(Puppet(manifest(), returns=rising, episode=1000)))[64:130]
    assert len(columns(shown, BAD)) == 0
    assert columns(shown, GOOD)[-1] > 230


@pytest.mark.parametrize(("learning", "colour"), [(True, GOOD), (False, (92, 190, 255))])
def test_a_dot_says_whether_it_learns(pygame: ModuleType, learning: bool, colour: tuple[int, int, int]) -> None:
    header = painted(pygame, Overlay(Puppet(manifest(), learning=learning, episode_return=-1.0)))[:30]
    assert len(columns(header, colour, least=5)) >= 5


# It shows the agent as it is, and leaves it as it is.


def events(agent: Agent, folder: Path) -> Iterator[None]:
    """Everything that may happen to an agent, one at a time."""
    rng = np.random.default_rng(3)
    observation, legal = np.zeros(agent.manifest.observation_size, np.float32), None
    if agent.manifest.action.mask:
        legal = np.ones(agent.num_actions, bool)
    yield
    agent.begin_trial()
    yield
    agent.act(observation, legal)
    yield
    agent.observe(0.5)
    yield
    play(agent, 7, rng)
    yield
    agent.save(folder / "a.mind")
    agent.freeze()
    yield
    agent.strength = 0.5
    yield
    agent.unfreeze()
    play(agent, 200, rng)
    yield
    agent.restore(folder / "a.mind")
    yield
    agent.begin_trial()
    yield


@pytest.mark.parametrize("name", ["recurrent", "masked", "memoryless", "steered"])
def test_what_is_kept_never_shows_an_older_state(pygame: ModuleType, name: str, tmp_path: Path) -> None:
    agent = load(name)
    kept, pictures = Overlay(agent), []
    for _ in events(agent, tmp_path):
        pictures.append(painted(pygame, kept))
        assert np.array_equal(pictures[-1], painted(pygame, Overlay(agent)))
        assert np.array_equal(pictures[-1], painted(pygame, kept))
    assert len({picture.tobytes() for picture in pictures}) >= 6


def test_it_fits_itself_to_another_surface(pygame: ModuleType) -> None:
    agent = load("recurrent")
    kept = Overlay(agent)
    for size in [(280, 720), (280, 250), (280, 180), (280, 720)]:
        assert np.array_equal(painted(pygame, kept, size), painted(pygame, Overlay(agent), size))


def test_watching_changes_no_decision(pygame: ModuleType) -> None:
    watched, alone = load("recurrent"), load("recurrent")
    overlay, screen = Overlay(watched), pygame.Surface((640, 480))
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    for agent in (watched, alone):
        agent.begin_trial()
    for _ in range(30):
        overlay.draw(screen)
        assert play(watched, 1, rng) == play(alone, 1, same)


def test_it_keeps_no_more_and_no_more(pygame: ModuleType) -> None:
    puppet = Puppet(manifest())
    overlay, screen = Overlay(puppet), pygame.Surface((300, 300))
    for step in range(3 * MAX_WORDS):
        puppet.step, puppet.episode_return, puppet.num_decisions = step, step / 7, step + 1
        overlay.draw(screen)
    assert len(overlay._lettering._words) == MAX_WORDS
    assert len(overlay._lettering._pieces) < 100


# Nothing makes it raise.


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (7, 500), (500, 7), (100, 100), (261, 150), (3000, 60)])
def test_it_is_cut_off_where_there_is_no_room(pygame: ModuleType, size: tuple[int, int]) -> None:
    screen = pygame.Surface(size)
    for position in (None, (-100, -100), (5000, 5000)):
        drawn = Overlay(load("recurrent")).draw(screen, position)
        assert screen.get_rect().contains(drawn) or drawn.size == (0, 0)


@pytest.mark.parametrize(("flags", "depth"), SURFACES)
def test_any_kind_of_surface_will_do(pygame: ModuleType, flags: Any, depth: int) -> None:
    screen = pygame.Surface((300, 720), getattr(pygame, flags) if flags else 0, depth)
    drawn = Overlay(Puppet(manifest())).draw(screen)
    assert drawn.width == 260
    middle = screen.get_at(drawn.center)
    assert (middle.r + middle.g + middle.b) / 3 < 100


def test_on_a_part_of_a_surface_the_rest_is_left_alone(pygame: ModuleType) -> None:
    screen = pygame.Surface((600, 400), 0, 32)
    screen.fill(GROUND)
    Overlay(load("recurrent")).draw(screen.subsurface((100, 50, 200, 90)))
    touched = (pixels(pygame, screen) != GROUND).any(axis=2)
    assert touched[50:140, 100:300].any()
    touched[50:140, 100:300] = False
    assert not touched.any()


STRANGE = [
    "",
    " ",
    "日本語",
    "Ünïcödé",
    "a\x00b",
    "two\nlines",
    "\ud800",
    "\U0001f3ae",
    "long " * 100,
    "‮txet",
    "e\u0301" * 40,
]


@pytest.mark.parametrize("name", STRANGE)
def test_any_name_can_be_shown(pygame: ModuleType, name: str) -> None:
    specs = (BeliefSpec(name, "categorical", options=(name, name + "!")),)
    thoughts = {name: Belief("categorical", "", {name: 0.5, name + "!": 0.5}, None, None, name, 0.5)}
    puppet = Puppet(manifest(specs, (name, name + "!"), name), thoughts=thoughts)
    picture = painted(pygame, Overlay(puppet))
    assert (picture[:, 264:] == GROUND).all()
    edge = picture[12:200, 249:258]  # the right pad: no word may reach into it
    assert np.ptp(edge.reshape(-1, 3), axis=0).max() == 0


@pytest.mark.parametrize("value", [0.0, 1e-300, -3e7, 1e300, -1e308, np.inf, -np.inf, np.nan])
def test_any_number_can_be_shown(pygame: ModuleType, value: Any) -> None:
    specs = (
        BeliefSpec("a", "scalar"),
        BeliefSpec("b", "scalar", center=1e9, scale=1e-9),
        BeliefSpec("c", "scalar", scale=1e300),
    )
    thoughts = {spec.rule: amount(value, abs(value)) for spec in specs}
    puppet = Puppet(
        manifest(specs), episode=2, returns=(value, 1.0), episode_return=value, step=10**9, thoughts=thoughts
    )
    picture = painted(pygame, Overlay(puppet))
    edge = picture[12:200, 249:258]
    assert np.ptp(edge.reshape(-1, 3), axis=0).max() == 0


def test_of_many_actions_the_likeliest_are_shown_in_their_order(pygame: ModuleType) -> None:
    chances = np.full(60, 0.004)
    chances[[7, 50]] = 0.5, 0.268
    puppet = Puppet(manifest(actions=tuple(f"n{i}" for i in range(60))), probabilities=chances)
    in_colour = (painted(pygame, Overlay(puppet)) == (92, 190, 255)).all(axis=2)
    rows = np.flatnonzero(in_colour.any(axis=1))
    assert rows.mean() == pytest.approx(48 + 88 + 8 + 20 + 4.5 * 16, abs=1)  # fifth of six: n0 n1 n2 n3 n7 n50
    assert in_colour.sum(axis=1).max() == pytest.approx(0.5 * (INNER * 0.66 - 40), abs=1.5)


def test_a_continuous_action_is_a_band_within_its_bounds(pygame: ModuleType) -> None:
    """Of the component from 0 to 8: from 2 to 4, a mark at the mean, 3. The other's mean lies beyond its bounds."""
    agent = load("steered")
    agent.begin_trial()
    agent.act([5.0, 3.0, -9.0, 0.0])
    picture = painted(pygame, Overlay(agent))
    left, length = 12 + 0.34 * INNER, INNER * 0.66 - 40
    rows = [slice(164 + 16 * component, 180 + 16 * component) for component in range(2)]
    mark = columns(picture[rows[1]], (92, 190, 255), least=8)
    assert mark.mean() == pytest.approx(left + 1.5 + (length - 3) * 3 / 8, abs=1)
    pale = columns(picture[rows[1]], panel.PALE_CHOICE, least=5)
    assert pale.min() == pytest.approx(left + length * 2 / 8, abs=2)
    assert pale.max() == pytest.approx(left + length * 4 / 8 - 1, abs=2)
    beyond = columns(picture[rows[0]], (92, 190, 255), least=8)
    assert beyond.max() == pytest.approx(left + length, abs=1.5)


def test_font_and_display_may_come_and_go(pygame: ModuleType) -> None:
    pygame.quit()
    puppet = Puppet(manifest())
    overlay, screen = Overlay(puppet), pygame.Surface((300, 300))
    overlay.draw(screen)
    assert not pygame.display.get_init()
    for step, again in enumerate([pygame.font.init, pygame.quit, pygame.font.quit], start=1):
        pygame.quit()
        again()
        puppet.step = 1000 + step
        overlay.draw(screen)
    assert np.array_equal(painted(pygame, overlay), painted(pygame, Overlay(puppet)))


def test_it_draws_on_a_window(pygame: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    screen = pygame.display.set_mode((640, 480))
    drawn = Overlay(load("recurrent")).draw(screen)
    pygame.display.update(drawn)
    assert drawn.right == 632


def test_a_font_of_the_game_s_own(pygame: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "own.ttf"
    path.write_bytes((Path(pygame.__file__).parent / pygame.font.get_default_font()).read_bytes())
    agent = load("recurrent")
    assert np.array_equal(painted(pygame, Overlay(agent, font=path)), painted(pygame, Overlay(agent)))


# Settings.


@pytest.mark.parametrize("room", [0, 100, 136, 200, 260, 300, 400, 720])
@pytest.mark.parametrize(("num_actions", "num_beliefs"), [(2, 0), (2, 1), (6, 12), (7, 12), (200, 300)])
def test_the_panel_is_no_higher_than_its_room(room: int, num_actions: int, num_beliefs: int) -> None:
    beliefs = tuple(BeliefSpec("r", "scalar", index=index) for index in range(num_beliefs))
    layout = lay_out(manifest(beliefs, tuple(f"n{i}" for i in range(num_actions))), 260, room)
    assert layout.height <= max(room, 142)  # the header and the returns are always there
    assert layout.num_actions <= min(num_actions, 6)
    assert layout.num_beliefs <= num_beliefs
    if room == 720 and num_beliefs < 13:
        assert layout.num_beliefs == num_beliefs


@pytest.mark.parametrize(
    "setting", [{"width": 159}, {"scale": 0}, {"scale": float("inf")}, {"scale": float("nan")}, {"height": 0}]
)
def test_a_setting_out_of_range_is_refused(pygame: ModuleType, setting: Any) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        Overlay(Puppet(manifest()), **setting)


TRUTHS = [
    {"worth": [1.0]},
    {"worth": 1.0},
    {"worth": "ab"},
    {"worth": ["much", "little"]},
    {"gravity": "none"},
    {"gravity": 3},
    {"gravity": None},
]


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_truth_that_cannot_be_is_refused_by_its_rule_s_name(pygame: ModuleType, truth: Any) -> None:
    with pytest.raises(InputError, match=next(iter(truth))):
        Overlay(load("recurrent"), truth=truth)


def test_a_truth_may_be_a_label_or_what_it_is_worth(pygame: ModuleType) -> None:
    agent = load("recurrent")
    pictures = [
        painted(pygame, Overlay(agent, truth={"gravity": value, "worth": worth}))
        for value, worth in [("mid", [1, 2]), (4, (1.0, 2.0)), (4.0, np.array([1.0, 2.0]))]
    ]
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


NUMBERS = [
    (0.0, "0.00"),
    (-0.001, "0.00"),
    (-1.005, "−1.00"),
    (12345.6, "12346"),
    (-2.5e9, "−2.5e+09"),
    (-np.inf, "−inf"),
]


@pytest.mark.parametrize(("value", "words"), NUMBERS)
def test_numbers_in_few_letters(value: float, words: str) -> None:
    assert shown_number(value) == words


@pytest.mark.parametrize(("scale", "decimals"), [(0.05, 4), (0.1, 3), (1.1, 2), (50.0, 1), (5e8, 0), (1e-12, 6)])
def test_three_digits_of_a_range(scale: float, decimals: int) -> None:
    assert decimals_for(scale) == decimals


# What it needs.


def test_without_pygame_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)  # makes importing it fail
    with pytest.raises(MissingBackend, match="pip install pygame-ce"):
        Overlay(Puppet(manifest()))


def test_importing_it_does_not_import_pygame() -> None:
    program = "import sys, gameagent_sdk.overlay; print('pygame' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_agent_has_all_that_the_puppet_has() -> None:
    agent = load("recurrent")
    agent.begin_trial()
    play(agent, 1, np.random.default_rng(0))
    for field in dataclasses.fields(Puppet):
        assert field.name == "thoughts" or hasattr(agent, field.name)
