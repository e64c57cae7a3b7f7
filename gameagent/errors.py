"""What can go wrong in training, evaluation and export, each with a message that says what to do."""


class GameAgentError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(GameAgentError):
    """A config field is misspelt, has the wrong type, or does not go with the others."""


class RunError(GameAgentError):
    """A run's folder is missing, broken, or belongs to another config."""


class TrainingError(GameAgentError):
    """Training cannot go on: a loss or a weight that is not finite, or a process that died."""


class GameValueError(GameAgentError):
    """A game gave a reward or an observation that is not a number, infinite, or too large to compute with."""


class ExportError(GameAgentError):
    """The exported file does not do what the trained policy does, so it was not written."""
