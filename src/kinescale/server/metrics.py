"""Counters and histograms of the server, as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable

PREFIX = "kinescale_"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
MAX_SERIES = 1000
"""Most series: a name that a request chooses must not grow memory."""

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters, histograms over ``BUCKETS`` and gauges that are read when they are asked for.

    Example
    -------
    >>> from kinescale.server.metrics import Metrics
    >>> metrics = Metrics()
    >>> metrics.add("requests_total", route="/health", status="200")
    >>> print(metrics.text().splitlines()[1])
    kinescale_requests_total{route="/health",status="200"} 1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, dict[Labels, float]] = {}
        self._histograms: dict[str, dict[Labels, list[float]]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}

    def add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        with self._lock:
            series = self._counters.setdefault(name, {})
            key = tuple(sorted(labels.items()))
            if key in series or len(series) < MAX_SERIES:
                series[key] = series.get(key, 0) + amount

    def observe(self, name: str, value: float, /, **labels: str) -> None:
        """Add a value to a histogram."""
        with self._lock:
            series = self._histograms.setdefault(name, {})
            key = tuple(sorted(labels.items()))
            if key not in series and len(series) >= MAX_SERIES:
                return
            # counts per bucket, those above the last one, and the sum
            row = series.setdefault(key, [0.0] * (len(BUCKETS) + 2))
            row[bisect.bisect_left(BUCKETS, value)] += 1
            row[-1] += value

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Show a number that ``read`` gives."""
        self._gauges[name] = read

    def text(self) -> str:
        """All of it."""
        lines: list[str] = []
        with self._lock:
            for name, series in sorted(self._counters.items()):
                lines.append(f"# TYPE {PREFIX}{name} counter")
                lines += [f"{PREFIX}{name}{_shown(key)} {value:g}" for key, value in sorted(series.items())]
            for name, rows in sorted(self._histograms.items()):
                lines.append(f"# TYPE {PREFIX}{name} histogram")
                for key, row in sorted(rows.items()):
                    lines += _histogram(name, key, row)
        for name, read in sorted(self._gauges.items()):
            lines += [f"# TYPE {PREFIX}{name} gauge", f"{PREFIX}{name} {read():g}"]
        return "\n".join(lines) + "\n"


def _histogram(name: str, key: Labels, row: list[float]) -> list[str]:
    lines, total = [], 0.0
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], row[:-1], strict=True):
        total += count
        lines.append(f"{PREFIX}{name}_bucket{_shown((*key, ('le', bound)))} {total:g}")
    return [*lines, f"{PREFIX}{name}_sum{_shown(key)} {row[-1]:g}", f"{PREFIX}{name}_count{_shown(key)} {total:g}"]


def _shown(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
