"""What can go wrong with games and variants, each with a message that says what to do."""


class GamesError(Exception):
    """Base of every error that this package raises on purpose."""


class FamilyError(GamesError):
    """A family's definition is wrong, or no family of that name exists."""


class RuleError(FamilyError):
    """A rule raised, never returned or cannot be compiled; the message names file, line and reason in one line."""


class VariantError(GamesError):
    """A variant or a variant space is wrong: a misspelt rule, a value that no rule allows, a broken file."""


class RuleFileError(FamilyError, VariantError):
    """A rule file is wrong; the message names file, line and key, what was given and what is allowed."""


class ActionError(GamesError):
    """An action that the game cannot take: wrong shape, out of range, or illegal now."""


class ResetNeeded(ActionError):
    """A game was stepped, drawn or looked at before ``reset()``, after its end, or after ``close()``."""


class SettingError(GamesError, ValueError):
    """A wrong setting: a seed below 0, a misspelt render mode, options that are not a mapping."""


class MissingExtra(GamesError):
    """An optional package is not installed; the message names the extra that brings it."""


class TitleError(GamesError):
    """A title cannot be run, or its description does not fit it; the message names the title's file and line."""
