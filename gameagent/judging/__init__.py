"""Judging: how well an exported agent plays and adapts on variants that it never met, with intervals."""
