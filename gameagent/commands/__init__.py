"""The commands of ``gameagent``, by group: each adds its options to the command line and does its work."""
