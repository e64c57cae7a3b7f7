"""Learning by memory (RL²): whole trials, and clipped policy gradients through them."""
