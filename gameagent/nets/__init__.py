"""Networks: what a policy computes at a step, whatever trains it."""
