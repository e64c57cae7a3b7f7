"""What all tests share."""

import os
import signal
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import onnxruntime themselves

# A shell that starts a job in the background has it ignore Ctrl-C, and every process below would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(config: Any, val: Any, argname: str) -> str | None:
    """Names families by their names: their texts hold addresses, which differ between parallel test processes."""
    return str(val.name) if type(val).__name__ == "Family" else None
