"""Keeps a worker process to show hostile files to, and starts another when one is lost."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

WORKER = Path(__file__).with_name("worker.py")
TIME_LIMIT = 5.0  # seconds for a file; a sound one takes milliseconds
START_LIMIT = 60.0  # seconds for a worker to start
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Judge:
    """Shows files to the SDK, one at a time, in a process that may be lost."""

    def __init__(self, folder: Path, sound: Path, plant: str = "") -> None:
        """Starts no process yet.

        Args:
            folder: the worker's own, with the canaries in it.
            sound: a sound bundle, to warm up with.
            plant: code that damages the SDK in the worker, to see that the damage is noticed.
        """
        self._folder, self._sound, self._plant = folder, sound, plant
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def show(self, what: str, path: Path, bundle: Path | None = None) -> dict[str, Any]:
        """What came of one file: the worker's answer, or an outcome "crashed" or "hung"."""
        process = self._process or self._start()
        assert process.stdin and process.stdout
        request = {"what": what, "path": str(path), "bundle": str(bundle)}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return self._answer(process, TIME_LIMIT)

    def _answer(self, process: "subprocess.Popen[str]", limit: float) -> dict[str, Any]:
        assert process.stdout
        if not select.select([process.stdout], [], [], limit)[0]:
            self._stop()
            return {"outcome": "hung", "error": f"no answer within {limit} s"}
        line = process.stdout.readline()
        if not line:
            status = process.wait(10)
            self._stop()
            return {"outcome": "crashed", "error": f"the process ended with status {status}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", str(WORKER), str(self._sound), self._plant]
        environment = os.environ | dict.fromkeys(THREADS, "1")
        self._process = subprocess.Popen(
            command, cwd=self._folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started = self._answer(self._process, START_LIMIT)
        if "ready" not in started:
            raise RuntimeError(f"the worker does not start: {started['error']}; try {' '.join(command)}")
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            for stream in (self._process.stdin, self._process.stdout):
                if stream:
                    stream.close()
            self._process.wait(10)
            self._process = None
