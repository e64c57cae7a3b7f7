"""Writes scalars for TensorBoard in the calling thread, so that a full disk raises an error at once.

(`torch.utils.tensorboard` writes in a thread of its own, which prints a traceback and then stays silent.)
"""

import io
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import Any


class EventLog:
    """One events file in a folder."""

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        """Starts a file.

        Args:
            folder: Created if it does not exist.
            purge_step: TensorBoard drops what earlier files hold from this step on; None to drop nothing.

        Raises:
            OSError: It cannot be written.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]

        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time():017.6f}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("wb", buffering=0)  # a buffer would retry a failed write on closing
        self._append(Event(wall_time=time(), file_version="brain.Event:2"))
        if purge_step is not None:
            started = SessionLog(status=SessionLog.START)
            self._append(Event(wall_time=time(), step=purge_step, session_log=started))

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        """Appends values by name at a step. Raises OSError if they cannot be written."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

        values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()]
        self._append(Event(wall_time=time(), step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _append(self, event: Any) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]

        record = io.BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        content = record.getvalue()
        while content:
            content = content[self._file.write(content) :]
