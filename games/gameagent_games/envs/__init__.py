"""A family as other libraries know games: Gymnasium and PettingZoo environments. Imported on demand only."""
