"""A training run: its folder, its processes, what is shown and logged of it."""
