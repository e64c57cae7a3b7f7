"""A mixer without sound: playing, and asking what plays, works everywhere and never takes time."""

from types import ModuleType
from typing import Any

import pygame

from gameagent_games.titles.patches import Patches, class_for_title

NUM_CHANNELS = 8
FORMAT = (44100, -16, 2)


class _Sound:
    """Stands in for ``pygame.mixer.Sound``: it has no length and is over at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes what pygame's takes; a file that does not exist is an error there, too."""
        file = args[0] if args else kwargs.get("file")
        if isinstance(file, str):
            with open(file, "rb"):  # raises FileNotFoundError
                pass
        self._volume = 1.0

    def play(self, *args: Any, **kwargs: Any) -> "_Channel":
        return _Channel(0)

    def stop(self) -> None:
        pass

    def fadeout(self, time: int) -> None:
        pass

    def set_volume(self, value: float, *_: Any) -> None:
        self._volume = float(value)

    def get_volume(self) -> float:
        return self._volume

    def get_num_channels(self) -> int:
        return 0

    def get_length(self) -> float:
        return 0.0

    def get_raw(self) -> bytes:
        return b""


class _Channel:
    """Stands in for ``pygame.mixer.Channel``."""

    def __init__(self, id: int) -> None:  # noqa: A002  (pygame's name)
        self.id = id
        self._volume = 1.0

    def play(self, *args: Any, **kwargs: Any) -> None:
        pass

    stop = pause = unpause = fadeout = queue = set_endevent = set_source_location = play

    def set_volume(self, *value: float) -> None:
        self._volume = float(value[0])

    def get_volume(self) -> float:
        return self._volume

    def get_busy(self) -> bool:
        return False

    def get_sound(self) -> None:
        return None

    get_queue = get_sound

    def get_endevent(self) -> int:
        return int(pygame.NOEVENT)


class _Music:
    """The one piece of music."""

    def __init__(self) -> None:
        self._volume = 1.0

    def load(self, filename: Any, *_: Any, **__: Any) -> None:
        _Sound(filename)

    def nothing(self, *_: Any, **__: Any) -> None:
        pass

    def busy(self) -> bool:
        return False

    def position(self) -> int:
        return -1

    def set_volume(self, volume: float) -> None:
        self._volume = float(volume)

    def get_volume(self) -> float:
        return self._volume


def patch(patches: Patches) -> None:
    """Puts silence before pygame's mixer; where pygame has no mixer, the title is told so as always."""
    mixer: Any = getattr(pygame, "mixer", None)
    if not isinstance(mixer, ModuleType) or not hasattr(mixer, "Sound"):
        return

    def nothing(*_: Any, **__: Any) -> None:
        pass

    started = {"get_init": lambda: FORMAT, "get_num_channels": lambda: NUM_CHANNELS, "get_busy": lambda: False}
    channels = {"find_channel": lambda *_, **__: _Channel(0), "set_reserved": lambda count: count}
    silent = ("init", "pre_init", "quit", "stop", "pause", "unpause", "fadeout", "set_num_channels", "set_soundfont")
    patches.functions(mixer, started | channels | dict.fromkeys(silent, nothing))
    patches.set(mixer, "Sound", class_for_title(mixer.Sound, _Sound))
    patches.set(mixer, "Channel", class_for_title(mixer.Channel, _Channel))
    music = _Music()
    quiet = ("play", "rewind", "stop", "pause", "unpause", "fadeout", "queue", "set_endevent", "set_pos", "unload")
    patches.functions(
        mixer.music,
        dict.fromkeys(quiet, music.nothing)
        | {"load": music.load, "get_busy": music.busy, "get_pos": music.position}
        | {"set_volume": music.set_volume, "get_volume": music.get_volume},
    )
