"""Short runs of tests/faults.py: whatever happens to workers, database and disk, what was answered is kept once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import PHASES, Load, Site, running

SECONDS = 2.5


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as site:  # the path of a socket must be short
        yield site


def seen(site: Site, phase: str) -> Load:
    load = PHASES[phase](site, SECONDS)
    assert load.hooks, "there was something to lose"
    _, lost_or_doubled = site.settled(load)
    assert lost_or_doubled == []
    return load


def hooks(load: Load) -> set[str]:
    return {status for status in load.status if status.startswith("hooks")}


def test_a_worker_that_is_killed_loses_and_doubles_nothing_that_was_answered(site: Site) -> None:
    seen(site, "kill -9 of workers")


@pytest.mark.parametrize("phase", ["database restarted", "database silent", "database slow"])
def test_a_database_that_is_away_or_slow_is_noticed_by_nobody(site: Site, phase: str) -> None:
    assert set(seen(site, phase).status) == {"hooks 200", "feedback 200"}


def test_with_a_full_disk_hooks_are_answered_and_feedback_is_refused_honestly(site: Site) -> None:
    load = seen(site, "disk full, database away")
    assert hooks(load) == {"hooks 200"}
    assert load.status["feedback 503"] and not load.status["feedback 200"]
