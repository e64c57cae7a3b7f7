"""Recordings: everything an agent is given and does, as lines of JSON, for bug reports and for showing a match again.

The first line holds the agent's state when the recording began; each further line is one call. Numbers are written so
that they are read back exactly. `gameagent_sdk.replay` plays a recording again.
"""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gameagent_sdk.engine.policy import Policy
from gameagent_sdk.errors import RecordingError, shown_path
from gameagent_sdk.regular_file import as_path, reason_of
from gameagent_sdk.saving.mind import Mind
from gameagent_sdk.saving.mind_file import encode_mind
from gameagent_sdk.saving.pending import PendingWork

FORMAT_VERSION = 1
LINES_PER_SLICE = 16  # about 0.2 ms of work
MAX_WAITING = 512  # calls that are kept in memory if nobody calls tick


class Recording:
    """A recording that is being written."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        policy: Policy,
        mind: Mind,
        frozen: Mind | None,
        settings: dict[str, Any],
        pending: PendingWork,
    ) -> None:
        """Starts a recording and writes its first line.

        Args:
            path: The file, which is replaced if it exists.
            policy: What the agent runs on.
            mind: The agent's mind at this moment.
            frozen: What it goes back to at each episode's end, if it is frozen.
            settings: ``temperature``, ``strength``, ``phase`` and ``freeze_again`` of the agent.
            pending: The agent's pending work, which does the writing.

        Raises:
            RecordingError: The file cannot be written.
        """
        self._path = as_path(path)
        self._bundle = policy.bundle
        self._pending = pending
        self._queued = False
        self._ended = False
        self._failure: RecordingError | None = None  # that has not been raised yet
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        header = {
            "format_version": FORMAT_VERSION,
            "backend": policy.backend_name,  # for whoever reads it; the minds carry the bundle's hash
            "mind": self.encode(mind),
            "frozen": None if frozen is None else self.encode(frozen),
            **settings,
        }
        try:
            self._file: IO[str] = open(self._path, "w", encoding="utf-8")  # noqa: SIM115 (closed by close)
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        try:
            self._file.write(json.dumps(header) + "\n")
            self._file.flush()
        except OSError as error:
            self._close_file()
            raise self._failed(error) from error

    def encode(self, mind: Mind) -> str:
        """A mind as text."""
        return base64.b64encode(encode_mind(mind, self._bundle)).decode()

    def note(self, call: str, **details: Any) -> None:
        """Notes one call; it is written later.

        Nothing is raised here, as the call has already been made: if the file cannot be written, the recording has
        ended, and the next tick, or `close`, raises the error.
        """
        if self._ended:
            return
        if not self._queued:
            self._queued = True
            self._pending.add(self._write_slices(), about=self)
        self._waiting.append((call, details))
        if len(self._waiting) >= MAX_WAITING:
            self._write(LINES_PER_SLICE)

    def close(self) -> None:
        """Writes what is left and ends.

        Raises:
            RecordingError: The file cannot be written, and no tick has raised that yet.
        """
        self._pending.drop(self)
        self._write(len(self._waiting))
        self._ended = True
        if (error := self._close_file()) is not None and self._failure is None:
            self._failure = self._failed(error)
        self._tell()

    @property
    def path(self) -> Path:
        """The file's path."""
        return self._path

    def _write_slices(self) -> Iterator[None]:
        while self._waiting:
            self._write(LINES_PER_SLICE)
            self._tell()
            yield
        self._queued = False
        self._tell()

    def _write(self, num_calls: int) -> None:
        """Writes the calls that wait longest; a failure ends the recording and is raised later."""
        if not self._waiting:
            return
        now, self._waiting = self._waiting[:num_calls], self._waiting[num_calls:]
        lines = [json.dumps({"call": call, **details}, allow_nan=False) + "\n" for call, details in now]
        try:
            self._file.writelines(lines)
            if not self._waiting:
                self._file.flush()
        except (OSError, ValueError) as error:
            self._failure, self._ended, self._waiting = self._failed(error), True, []

    def _tell(self) -> None:
        """Raises a failure once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _close_file(self) -> OSError | None:
        try:
            self._file.close()
        except OSError as error:  # what was buffered could not be written
            return error
        return None

    def _failed(self, error: Exception) -> RecordingError:
        return RecordingError(
            f"the recording cannot be written to {shown_path(self._path)} ({reason_of(error)}): choose another place"
        )
