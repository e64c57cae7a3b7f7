"""Export: from a trained policy to one file, for the SDK or for an engine's own runtime."""
