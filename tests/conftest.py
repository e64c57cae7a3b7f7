"""What all tests share."""

import os
import signal

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # some tests import onnxruntime themselves

# A shell that starts a job in the background has it ignore Ctrl-C, and every process below would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
