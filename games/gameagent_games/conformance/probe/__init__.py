"""The probe: which rules change nothing, which only persistent play sees, which make a state that no fresh game has."""

from gameagent_games.conformance.probe.probing import probe_rules, require_effective
from gameagent_games.conformance.probe.report import ProbeReport, RuleFinding

__all__ = ["ProbeReport", "RuleFinding", "probe_rules", "require_effective"]
