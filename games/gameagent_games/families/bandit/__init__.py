"""The Bernoulli bandit."""
