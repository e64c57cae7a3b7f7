"""The other processes of a run: what they may do, and how they end."""

import multiprocessing
from pathlib import Path
from typing import Any

from gameagent.run.processes import others_started


def leave_a_note(folder: str) -> None:
    (Path(folder) / "note").write_text("written by a child", encoding="utf-8")


def start_a_child(folder: str, rank: int, size: int, store: Any) -> None:
    child = multiprocessing.get_context("spawn").Process(target=leave_a_note, args=(folder,))
    child.start()
    child.join()
    store.set("child", f"{rank} of {size}: {child.exitcode}")


def test_a_training_process_may_have_children(tmp_path: Path) -> None:
    with others_started(start_a_child, str(tmp_path), 2) as store:
        assert store.get("child") == b"1 of 2: 0"
    assert (tmp_path / "note").read_text(encoding="utf-8") == "written by a child"
    assert multiprocessing.active_children() == []
