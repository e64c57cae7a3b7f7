"""A call of foreign code that does not return is stopped, one that returns in time is left alone."""

import threading
import time
from contextlib import suppress
from typing import Any

import numba
import pytest

from gameagent_games.sources.watchdog import TimeLimit, Watchdog


def run_for(watchdog: Watchdog, seconds: float) -> int:
    """Keeps the interpreter busy for a while within one watched call; the turns that the loop made."""
    watchdog.begin()
    try:
        turns, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            turns += 1
        return turns
    finally:
        watchdog.end()


def test_a_call_that_takes_too_long_is_stopped_where_it_is() -> None:
    began = time.monotonic()
    with Watchdog(0.2) as watchdog, pytest.raises(TimeLimit) as raised:
        run_for(watchdog, 60.0)
    assert 0.2 <= time.monotonic() - began < 20.0
    assert "run_for" in [entry.name for entry in raised.traceback]


def test_no_except_clause_of_foreign_code_swallows_it() -> None:
    def stubborn() -> None:
        try:
            run_for(watchdog, 60.0)
        except Exception:
            pytest.fail("caught")

    with Watchdog(0.1) as watchdog, pytest.raises(TimeLimit):
        stubborn()


def test_many_short_calls_may_take_long_together() -> None:
    with Watchdog(0.3) as watchdog:
        assert all(run_for(watchdog, 0.02) for _ in range(40))


def test_nothing_comes_after_the_end() -> None:
    """Also where the limit runs out while the call is ending, which one of many short limits will hit."""
    stopped = late = 0
    for _ in range(20):
        try:
            with Watchdog(0.05) as watchdog:
                try:
                    run_for(watchdog, 0.1)
                except TimeLimit:
                    stopped += 1
            time.sleep(0.001)
        except TimeLimit:
            late += 1
    assert (stopped, late) == (20, 0)


def test_numba_is_not_interrupted_but_what_follows_is() -> None:
    """As if one of its functions took long: with all that it registers, compiling for the first time takes seconds."""
    names: dict[str, Any] = {"run": lambda: run_in(0.5), "ends": []}
    exec(compile("def compiles():\n    run()\n    ends.append('compiled')", numba.__file__, "exec"), names)

    def run_in(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass

    with Watchdog(0.1) as watchdog:
        watchdog.begin()
        try:
            with pytest.raises(TimeLimit):
                names["compiles"]()
                run_in(30.0)
        finally:
            watchdog.end()
    assert names["ends"] == ["compiled"]


def test_it_comes_again_if_it_is_swallowed() -> None:
    swallowed, began = 0, time.monotonic()
    with Watchdog(0.1) as watchdog:
        watchdog.begin()
        try:
            while swallowed < 3 and time.monotonic() - began < 30.0:
                with suppress(TimeLimit):
                    while time.monotonic() - began < 30.0:
                        pass
                swallowed += 1
        finally:
            watchdog.end()
    assert swallowed == 3 and time.monotonic() - began < 20.0


def test_it_watches_the_thread_that_began() -> None:
    found: list[str] = []

    def work() -> None:
        try:
            run_for(watchdog, 60.0)
        except TimeLimit:
            found.append(threading.current_thread().name)

    with Watchdog(0.1) as watchdog:
        thread = threading.Thread(target=work, name="player")
        thread.start()
        thread.join(timeout=30.0)
    assert found == ["player"]
