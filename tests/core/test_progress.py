"""Progress reports: seen where they are watched, and a watcher that raises ends the work at the next scale."""

from __future__ import annotations

import pytest

from kinescale import TextToMotion
from kinescale.core.progress import report, watched, watching
from tiny_bundle import tiny_bundle


def test_nothing_is_watched_unless_asked_for():
    report("scale", 1, 2)
    seen = []
    with watching(lambda *said: seen.append(said)):
        assert watched()
        report("scale", 1, 2)
    report("scale", 2, 2)
    assert seen == [("scale", 1, 2)] and not watched()


def test_sampling_ends_at_the_scale_where_the_watcher_raises():
    seen = []

    def stop(stage, done, total):
        seen.append((stage, done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watching(stop):
        TextToMotion(tiny_bundle())("a person walks", 1.0)
    assert seen == [("scale", 1, 3), ("scale", 2, 3)]
