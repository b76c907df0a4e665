"""Statements that a caption makes about a part of a clip, and whether a measured description confirms them."""

from __future__ import annotations

from kinescale.core.records import Record
from kinescale.description.grammar import mirror_sentence
from kinescale.description.records import Description, Direction, Event, Gait, Side

ANGLE_WITHIN = 25.0
SHARE_WITHIN = 0.25
"""Tolerance of a stated number: degrees, or a share of a distance or a time."""

EDGE_S = 0.35
"""Seconds by which an act may reach beyond the span."""

DIRECTION_OF_ANGLE = 30.0


class Statement(Record):
    """One statement about the seconds ``span`` of a clip; fields that are ``None`` are not part of it.

    kind, side : an act of this kind (and side) is seen there. any_of : instead, one of these (kind, side) is.
    count : how often, exactly; ``least_count`` at least. angle_deg, distance_m, seconds : numbers, with the tolerances
    above. direction, gaits, low, high : of travel, with the bounds of its speed in meters per second.
    """

    kind: str
    span: tuple[float, float]
    side: Side | None = None
    any_of: tuple[tuple[str, Side | None], ...] = ()
    count: int | None = None
    least_count: int | None = None
    steps: int | None = None
    angle_deg: float | None = None
    distance_m: float | None = None
    seconds: float | None = None
    direction: Direction | None = None
    gaits: tuple[Gait, ...] = ()
    low: float | None = None
    high: float | None = None

    def mirrored(self) -> Statement:
        """The statement about the mirror image."""
        return self.model_copy(
            update={
                "side": _mirrored(self.side),
                "direction": _mirrored(self.direction),
                "any_of": tuple((kind, _mirrored(side)) for kind, side in self.any_of),
            }
        )


def holds(statement: Statement, description: Description) -> bool:
    """Whether the description confirms everything in the statement."""
    if statement.any_of:
        return any(_seen(description, kind, side, statement.span) for kind, side in statement.any_of)
    found = _seen(description, statement.kind, statement.side, statement.span)
    if not found:
        return False
    counts = sum(event.count or 1 for event in found)
    checks = (
        statement.count is None or counts == statement.count,
        statement.least_count is None or counts >= statement.least_count,
        statement.steps is None or sum(event.steps or 0 for event in found) == statement.steps,
        statement.angle_deg is None
        or abs(sum(e.angle_deg or 0.0 for e in found) - statement.angle_deg) <= ANGLE_WITHIN,
        _near(statement.distance_m, sum(event.distance_m or 0.0 for event in found)),
        _near(statement.seconds, sum(_inside(event, statement.span) for event in found)),
        statement.direction is None or all(event.direction == statement.direction for event in found),
        not statement.gaits or all(event.gait in statement.gaits for event in found),
        statement.low is None or pace(found) >= statement.low,
        statement.high is None or pace(found) <= statement.high,
    )
    return all(checks)


def pace(events: list[Event]) -> float:
    """Mean speed of some travel, meters per second."""
    way = sum(event.distance_m or 0.0 for event in events)
    seconds = sum((event.distance_m or 0.0) / event.speed_m_s for event in events if event.speed_m_s)
    return way / seconds if seconds else 0.0


def _seen(description: Description, kind: str, side: Side | None, span: tuple[float, float]) -> list[Event]:
    """Events of a kind (and side) that lie mostly within a span; a turn may be a circle."""
    kinds = ("turn", "circle") if kind in ("turn", "circle") else (kind,)
    found = [event for event in description.events if event.kind in kinds and side in (None, event.side)]
    return [event for event in found if _inside(event, span, EDGE_S) > 0.5 * max(event.seconds, 1e-3)]


def _inside(event: Event, span: tuple[float, float], edge: float = 0.0) -> float:
    return min(event.end_s, span[1] + edge) - max(event.start_s, span[0] - edge)


def _near(value: float | None, measured: float) -> bool:
    return value is None or abs(measured - value) <= SHARE_WITHIN * value


def _mirrored(words: str | None) -> str | None:
    return None if words is None else mirror_sentence(words)
