"""The learning suite: small games with known ceilings, all trained by one default; see `tools/measure_learning.py`."""
