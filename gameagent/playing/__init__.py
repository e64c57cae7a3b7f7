"""Playing: games, the players of their seats, and what is recorded of it."""
