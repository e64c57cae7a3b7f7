"""The bundle file: its manifest and its graph's inputs and outputs."""
