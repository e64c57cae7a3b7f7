"""What all tests share."""

import signal

# A shell that starts a job in the background has it ignore Ctrl-C, and every process below would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
