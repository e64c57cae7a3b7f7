"""Keeps a worker process to show hostile files to, and starts another when one is lost."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

WORKER = Path(__file__).with_name("worker.py")
TIME_LIMIT = 5.0  # seconds for a file; a sound one takes milliseconds
START_LIMIT = 120.0  # seconds for a worker to start
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class LossyProcess:
    """A process that answers lines of JSON and may crash or hang; the next request starts it again."""

    def __init__(self, command: Sequence[str], folder: Path, limit: float, environment: dict[str, str]) -> None:
        """Starts nothing yet.

        Args:
            command: the program; its first line must have the key "ready".
            folder: to run in.
            limit: seconds that an answer may take.
            environment: variables added to this process's own.
        """
        self._command, self._folder, self._limit = command, folder, limit
        self._environment = os.environ | ONE_THREAD | environment
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: Any) -> dict[str, Any]:
        """The answer to a request, or an outcome "crashed" or "hung" with an "error"."""
        process = self._process or self._start()
        assert process.stdin
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return self._read(process, self._limit)

    def close(self) -> None:
        """Ends the process."""
        self._stop()
        self._errors.close()

    def _start(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        started = self._read(self._process, START_LIMIT)
        if "ready" not in started:
            raise RuntimeError(f"the worker does not start: {started['error']}; try {' '.join(self._command)}")
        return self._process

    def _read(self, process: "subprocess.Popen[str]", limit: float) -> dict[str, Any]:
        assert process.stdout
        if not select.select([process.stdout], [], [], limit)[0]:
            self._stop()
            return {"outcome": "hung", "error": f"no answer within {limit} s"}
        line = process.stdout.readline()
        if not line:
            status = process.wait(START_LIMIT)
            self._errors.seek(0)
            said = self._errors.read()[-300:].decode(errors="replace").strip()
            self._stop()
            return {"outcome": "crashed", "error": f"the process ended with status {status} {said!r}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()
        process.wait(START_LIMIT)


class Judge:
    """Shows files to the SDK, one at a time, in a process that may be lost."""

    def __init__(self, folder: Path, sound: Path, plant: str = "") -> None:
        """Starts no process yet.

        Args:
            folder: the worker's own, with the canaries in it.
            sound: a sound bundle, to warm up with.
            plant: code that damages the SDK in the worker, to see that the damage is noticed.
        """
        command = [sys.executable, "-P", str(WORKER), str(sound), plant]
        self._process = LossyProcess(command, folder, TIME_LIMIT, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    def show(self, what: str, path: Path, bundle: Path | None = None) -> dict[str, Any]:
        """What came of one file: the worker's answer, or an outcome "crashed" or "hung"."""
        return self._process.ask({"what": what, "path": str(path), "bundle": str(bundle)})
