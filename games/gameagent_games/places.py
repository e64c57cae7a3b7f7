"""Where in an author's own files something went wrong: the file, the line, the function."""

import ast
import linecache
import os
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

import numba
import numpy as np

GENERATED = "gameagent-compiled-rules"
"""Name of the folder in which compiled rules are kept; the files in it are nobody's."""

_OURS = Path(__file__).parent
_MACHINERY = tuple(str(Path(str(module.__file__)).parent) + os.sep for module in (np, numba))
_COMPILER = str(Path(str(numba.__file__)).parent) + os.sep
_STANDARD = sysconfig.get_paths()["stdlib"] + os.sep
_INSTALLED = tuple(sysconfig.get_paths()[name] + os.sep for name in ("purelib", "platlib"))


@dataclass(frozen=True)
class Place:
    """A line of an author's file.

    Attributes:
        file: Path of the file.
        line: The line's number, from 1.
        function: Name of the function around it; empty where that is the module itself.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        inside = f" in {self.function}()" if self.function else ""
        return f"{shown_path(self.file)}:{self.line}{inside}"


def shown_path(file: str) -> str:
    """A path relative to the working folder where it lies below it, else as it is."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd().resolve()))
    except (OSError, ValueError):
        return file


def is_authors(file: str) -> bool:
    """Whether a file may be an author's: not the machinery that runs rules, not the interpreter's own."""
    if file.startswith(("<", *_MACHINERY)) or (file.startswith(_STANDARD) and not file.startswith(_INSTALLED)):
        return False
    path = Path(file)
    if GENERATED in path.parts:
        return False
    return not path.is_relative_to(_OURS) or path.is_relative_to(_OURS / "families")


def is_compiler(file: str) -> bool:
    """Whether a file is one of numba's."""
    return file.startswith(_COMPILER)


def place_of_frame(frame: FrameType, line: int) -> Place:
    """A frame's place, running ``line``."""
    name = frame.f_code.co_name
    return Place(frame.f_code.co_filename, line, "" if name.startswith("<") else name)


def authors_place(error: BaseException) -> Place | None:
    """The innermost line of an author's file in an exception's traceback; None where there is none."""
    found = [
        place_of_frame(frame, line)
        for frame, line in frames(error.__traceback__)
        if is_authors(frame.f_code.co_filename)
    ]
    return found[-1] if found else None


def frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Frames of a traceback and their lines, the outermost first."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def place_in_file(file: str, line: int) -> Place:
    """A line's place, its function found in the source."""
    best = ""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return Place(file, line, best)
    for node in ast.walk(tree):  # outer functions come before inner ones
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or node.lineno):
            best = node.name
    return Place(file, line, best)


def source_at(frame: FrameType) -> str:
    """The expression that a frame is evaluating, as it stands in its file; empty where that cannot be seen."""
    positions = list(frame.f_code.co_positions())
    index = frame.f_lasti // 2
    if not 0 <= index < len(positions):
        return ""
    line, end_line, column, end_column = positions[index]
    if line is None or line != end_line or column is None or end_column is None:
        return ""
    text = linecache.getline(frame.f_code.co_filename, line).encode()  # columns count bytes
    return text[column:end_column].decode(errors="replace")
