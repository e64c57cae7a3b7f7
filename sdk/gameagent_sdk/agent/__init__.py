"""The agent that a game embeds, alone, in squads, and replayed."""
