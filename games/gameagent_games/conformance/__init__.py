"""`check_family`: the contract of a family as small named checks, for authors of games.

    from gameagent_games.conformance import check_family

    check_family("my_game.family:PONG").raise_for_failures()

Checks run the rules in the Python interpreter, guarded (`guarded_rules`), and then compare the compiled rules with
them. A check that builds on one which failed is skipped, so that the report names the cause and not its consequences.
The quick half of the checks compiles nothing; `require_sound` runs it before a family from elsewhere is trained.

`probe_rules` asks another question: which rules change the game at all, for whom, and how soon (see `probe`).
"""

from gameagent_games.conformance.probe import ProbeReport, RuleFinding, probe_rules, require_effective
from gameagent_games.conformance.report import CheckResult, Report, check_family, check_names, require_sound

__all__ = [
    "CheckResult",
    "ProbeReport",
    "Report",
    "RuleFinding",
    "check_family",
    "check_names",
    "probe_rules",
    "require_effective",
    "require_sound",
]
