"""Service: what the routes share, kept on the application."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from kinescale.server.engine import Engine
from kinescale.server.metrics import Metrics
from kinescale.server.scheduler import Scheduler
from kinescale.server.settings import Settings


@dataclass(frozen=True, eq=False)
class Service:
    """Settings, engine, scheduler and metrics of one application."""

    settings: Settings
    engine: Engine
    scheduler: Scheduler
    metrics: Metrics


def service_of(request: Request) -> Service:
    """The service of the application that answers a request."""
    return request.app.state.service
