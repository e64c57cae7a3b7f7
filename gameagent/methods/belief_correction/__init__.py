"""Memory and gradient together: gradient steps that correct what memory believes."""
