"""What is written for the next session: minds and recordings."""
