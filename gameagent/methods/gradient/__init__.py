"""Learning by gradient steps between episodes: MAML and Reptile."""
