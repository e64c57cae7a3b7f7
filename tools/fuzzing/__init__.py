"""Mutated bundles and saved minds, shown to the SDK in processes that may be lost. Run by ``tools/fuzz_files.py``."""
