"""Training written as slowly and plainly as can be, to compare the real one with: numpy, loops, finite differences.

Nothing here imports what it is compared with, but for the fit of the linear baseline, which has tests of its own.
"""
