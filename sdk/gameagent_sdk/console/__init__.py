"""The command line: what a bundle is, and how fast it runs on this machine."""
