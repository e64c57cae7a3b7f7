"""Gradient steps between episodes, and what guards them."""
