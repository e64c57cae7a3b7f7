"""Output that any terminal takes: characters that its encoding lacks are spelt in ASCII instead of raising."""

import codecs
import io
import sys
import unicodedata
from typing import Final

HANDLER: Final = "gameagent.ascii"  # for the errors of an encoder, by the name that `codecs` knows it under
SPELT: Final = {
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{ALMOST EQUAL TO}": "~",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{MIDDLE DOT}": "-",
    "\N{BULLET}": "*",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
}


def ascii_only(text: str) -> str:
    """The text in ASCII: signs as words of it, letters without their accents, a question mark for all else."""
    return "".join(character if character.isascii() else _spelt(character) for character in text)


def spell_unprintable() -> None:
    """From now on, standard output and standard error write `ascii_only` of what their encoding lacks.

    Streams that were given a way of their own (``PYTHONIOENCODING=ascii:replace``), or that are not text streams of
    Python's, are left as they are.
    """
    codecs.register_error(HANDLER, _handle)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors=HANDLER)


def _spelt(character: str) -> str:
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return SPELT.get(character) or letters or "?"


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_only(error.object[error.start : error.end]), error.end
