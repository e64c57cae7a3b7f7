"""One saved mind per player, in one folder."""

import contextlib
import os
import re
from pathlib import Path

from gameagent_sdk.agent.agent import Agent
from gameagent_sdk.errors import InputError, MindError, shown_value
from gameagent_sdk.regular_file import as_path, reason_of
from gameagent_sdk.saving.mind_file import make_folder

_PREFIX, _SUFFIX = "player-", ".mind"
_MAX_NAME = 60  # bytes of UTF-8: every one may take three letters in a file name


class SaveSlots:
    """Saved minds by player, each a file in one folder.

    Use::

        slots = SaveSlots("saves")
        if not slots.restore(agent, "Zoë"):
            agent.begin_trial()  # a player it has not met
        ...
        slots.save(agent, "Zoë")

    Players may have any names; the files' names consist of plain letters and digits.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Takes a folder, which is created at the first save."""
        self.folder = as_path(folder)

    def path(self, player: str) -> Path:
        """The file of a player, whether or not it exists.

        Raises:
            InputError: The name is empty, too long, or not a text.
        """
        try:
            name = player.encode()
        except (AttributeError, UnicodeEncodeError) as error:
            raise InputError(f"a player's name must be a text, given {shown_value(player)}") from error
        if not 1 <= len(name) <= _MAX_NAME:
            raise InputError(f"a player's name must have 1 to {_MAX_NAME} bytes of UTF-8, given {len(name)}")
        # Capitals are written out too: "Ann" and "ann" are two players, also where file names ignore case.
        plain = re.sub(rb"[^a-z0-9-]", lambda match: b"_%02x" % match[0][0], name)
        return self.folder / f"{_PREFIX}{plain.decode()}{_SUFFIX}"

    def players(self) -> list[str]:
        """The players who have a saved mind, sorted."""
        found = []
        for file in self.folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            plain = file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX).encode()
            name = re.sub(rb"_([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), plain)
            with contextlib.suppress(UnicodeDecodeError, InputError):  # not one of ours
                if self.path(name.decode()) == file:
                    found.append(name.decode())
        return sorted(found)

    def save(self, agent: Agent, player: str, *, soon: bool = False) -> None:
        """Saves what the agent learnt about a player, replacing what was saved before.

        Args:
            agent: The agent whose trial is with this player.
            player: The player's name.
            soon: Whether to write it in the next calls of ``agent.tick`` instead of now.

        Raises:
            MindError: It cannot be written; the old file is kept. With ``soon``, ``agent.tick`` raises it.
            CallOrderError: The agent has no trial to save.
            InputError: The name cannot be used.
        """
        path = self.path(player)
        make_folder(self.folder)
        (agent.save_soon if soon else agent.save)(path)

    def restore(self, agent: Agent, player: str) -> bool:
        """Restores what was saved about a player.

        Returns:
            Whether there was anything; if not, the agent is as it was.

        Raises:
            MindError: The saved mind is damaged, or belongs to another bundle.
            InputError: The name cannot be used.
        """
        path = self.path(player)
        agent.finish_saving(path)
        if not os.path.exists(path):
            return False
        agent.restore(path)
        return True

    def remove(self, player: str) -> None:
        """Deletes a player's mind; has no effect if nothing was saved. A pending save is not stopped.

        Raises:
            MindError: The file cannot be removed.
            InputError: The name cannot be used.
        """
        try:
            self.path(player).unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            name = shown_value(player)
            raise MindError(f"the saved mind of {name} cannot be removed ({reason_of(error)})") from error
