"""Recordings: everything an agent is told and does, as lines of JSON, for bug reports and for showing a match again.

The first line says where the agent stood when the recording began; each further line is one call. Numbers are
written so that they are read back exactly. :func:`gameagent_sdk.replay` goes through a recording again.
"""

import base64
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gameagent_sdk.errors import RecordingError
from gameagent_sdk.mind import Mind, encode_mind
from gameagent_sdk.pending import PendingWork
from gameagent_sdk.policy import Policy

FORMAT_VERSION = 1
LINES_PER_SLICE = 16  # about 0.2 ms of work
MAX_WAITING = 512  # calls that are kept in memory where nobody ticks


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
            path: of the file; replaced if it exists.
            policy: what the agent runs on.
            mind: of the agent at this moment.
            frozen: what it goes back to at each episode's end, if it is frozen.
            settings: ``temperature``, ``strength`` and ``phase`` of the agent.
            pending: the agent's, which does the writing.

        Raises:
            RecordingError: the file cannot be written.
        """
        self._path = Path(path)
        self._bundle = policy.bundle
        self._pending = pending
        self._queued = False
        self._failure: RecordingError | None = None
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        header = {
            "format_version": FORMAT_VERSION,
            "bundle_hash": policy.bundle.bundle_hash,
            "backend": policy.backend_name,
            "mind": self.encode(mind),
            "frozen": None if frozen is None else self.encode(frozen),
            **settings,
        }
        try:
            self._file: IO[str] = open(self._path, "w", encoding="utf-8")  # noqa: SIM115 (closed by close)
            self._file.write(json.dumps(header) + "\n")
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def encode(self, mind: Mind) -> str:
        """A mind as text."""
        return base64.b64encode(encode_mind(mind, self._bundle)).decode()

    def note(self, call: str, **details: Any) -> None:
        """Takes down one call; it is written later.

        Nothing is raised here, where the call has been made already: if the file cannot be written the recording has
        ended, and the next tick, or :meth:`close`, says so.
        """
        if self._failure is not None:
            return
        if not self._queued:
            self._queued = True
            self._pending.add(self._write_slices())
        self._waiting.append((call, details))
        if len(self._waiting) >= MAX_WAITING:
            with contextlib.suppress(RecordingError):
                self._write(MAX_WAITING)

    def close(self) -> None:
        """Writes what is left.

        Raises:
            RecordingError: the file cannot be written.
        """
        try:
            self._write(len(self._waiting))
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            with contextlib.suppress(OSError):
                self._file.close()

    def _write_slices(self) -> Iterator[None]:
        try:
            while self._waiting or self._failure is not None:
                self._write(LINES_PER_SLICE)
                yield
        finally:
            self._queued = False

    def _write(self, num_calls: int) -> None:
        """Writes the calls that wait longest; once that has failed, it raises the same again."""
        if self._failure is not None:
            raise self._failure
        now, self._waiting = self._waiting[:num_calls], self._waiting[num_calls:]
        lines = [json.dumps({"call": call, **details}, allow_nan=False) + "\n" for call, details in now]
        try:
            self._file.writelines(lines)
            if not self._waiting:
                self._file.flush()
        except (OSError, ValueError) as error:
            self._failure = self._failed(error)
            raise self._failure from error

    def _failed(self, error: Exception) -> RecordingError:
        reason = getattr(error, "strerror", None) or error
        return RecordingError(f"the recording cannot be written to {self._path} ({reason}): choose another place")
