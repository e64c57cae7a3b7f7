"""The errors of training, evaluation and export; each message says what to do."""


class GameAgentError(Exception):
    """Base class of every error that this package raises on purpose."""


class ConfigError(GameAgentError):
    """A setting is misspelt, has the wrong type or value, or conflicts with another."""


class RunError(GameAgentError):
    """A run's folder is missing, broken, or belongs to another config."""


class TrainingError(GameAgentError):
    """Training cannot continue: a loss or weight is not finite, or a process died."""


class GameValueError(GameAgentError):
    """A game gave a reward or an observation that is not a number, infinite, or too large to compute with."""


class ExportError(GameAgentError):
    """The exported file does not do what the trained policy does, so it was not written."""
