"""Bernoulli bandits of other sizes than the family `bandit`, whose rules they share.

With 10 arms and 100 pulls random play wins 50, Thompson sampling 77.2, the published RL² 83.5 (Duan et al. 2016,
table 1), and the Gittins index for a finite horizon 83.8, which is taken for the Bayes-optimum. No player wins more
than 86.9 (Lagrange bound), as the tests show.
"""

from gameagent_games.families.bandit.family import make_bandit

BANDIT_10_100 = make_bandit(num_arms=10, num_pulls=100)
"""Ten arms, 100 pulls: what each arm has paid must be kept over 100 episodes."""
