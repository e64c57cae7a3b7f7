"""Cores: what a policy remembers from step to step."""
