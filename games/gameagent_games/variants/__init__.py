"""Rule variants: their distributions, splits and files."""
