"""The measurements behind ``tools/bench_sdk.py``, each run in a fresh process."""
