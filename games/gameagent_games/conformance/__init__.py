"""`check_family`: the contract of a family as small named checks, for authors of games.

    from gameagent_games.conformance import check_family

    check_family("my_game.family:PONG").raise_for_failures()

Checks run the rules in the Python interpreter, which refuses an index out of bounds where compiled code would
read or write foreign memory, and then compare the compiled rules with them. A check that builds on one which
failed is skipped, so that the report names the cause and not its consequences.
"""

from gameagent_games.conformance.report import CheckResult, Report, check_family, check_names

__all__ = ["CheckResult", "Report", "check_family", "check_names"]
