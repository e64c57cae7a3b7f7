"""What is written to files: minds and recordings."""
