"""Reference families: small learning tasks whose best play is known, each of which exposes one weakness of a trainer.

They are what a way of learning is measured on, with the trainer's defaults: one module per task, its rules at the top
and the `Family` at the end, without view and without settings of its own. They have no name in the registry; each is
loaded by its place, as in ``load_family("gameagent_games.families.reference.eleven_arms:ELEVEN_ARMS")``. The text of
its module derives the ceiling, and says what random play and play with the weakness earn in a trial.

| family | weakness that it exposes | random | ceiling |
| --- | --- | --- | --- |
| `bandits:BANDIT_10_100` | memory of many outcomes over 100 episodes | 50 | 83.8, Bayes-optimal |
| `random_mdp:RANDOM_MDP` | much to remember: 50 rewards and 500 chances | 100 | 160.1, the best published |
| `eleven_arms:ELEVEN_ARMS` | the one action that informs pays least of all | 7.02 | 20.55, exact |
| `costly_hint:COSTLY_HINT` | a walk that costs an episode informs the others | -3.2 | 20, exact |
| `late_reward:LATE_REWARD` | an action pays one episode, 31 steps, later; bait | 1.04 | 4.5, exact |
| `lake:LAKE` | failure ends an episode unpaid, and is to be remembered | 0.08 | 3.5456, exact |
| `dark_maze:DARK_MAZE` | what is found in one episode pays in the next ones only | -2.74 | 1.5905, exact |
| `long_walk:LONG_WALK` | episodes of 200 steps, pay up to 120 steps after the choice | 3.97 | 491, exact |
| `meeting:MEETING` | two seats that cannot see each other | 0.84 | 27.8, exact |
| `mirrored:MIRRORED` | actions whose meaning is hidden: conditioning by products | -13.11 | -1.8125, exact |
| `pay:BANDIT_CENTI` | rewards of 0.01 | 0.05 | 0.0666, exact |
| `pay:BANDIT_KILO` | rewards of 1,000 | 5000 | 6660, exact |
| `pay:MIXED_PAY` | returns of variants that differ by five orders | 1376 | 1833.18, exact; judge by wins |
| `moving_target:MOVING_TARGET` | continuous actions, and episodes that end early | -4.02 | 2.055, tight bound |
| `vault:VAULT` | rewards that chance meets in few variants, steps to all others | 0.124 | 2, exact |
| `drift:DRIFT` | a hidden state that changes within the episode, seen by noisy rewards | 50 | 65.79, Bayes filter |
"""
