"""Rule files: a game, and a distribution for each of its rules, written by hand as TOML; see ``docs/rule-files.md``."""

from gameagent_games.variants.rule_files.reading import RuleFile, read_rule_file

__all__ = ["RuleFile", "read_rule_file"]
