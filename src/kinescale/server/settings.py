"""Settings of the server: where it listens, who may use it, and the bound of everything that a request can ask for."""

from __future__ import annotations

import ipaddress

from pydantic import Field, model_validator

from kinescale.core.records import Record

MIB = 1024 * 1024


class Limits(Record):
    """Bounds of one request.

    ``max_request_bytes``: of a JSON body of MMCP; ``max_upload_bytes``: of a body under ``/v1``, files included.
    ``max_seconds``: of a motion that is made. ``max_clips``: prompts times samples. ``max_frames``: of a motion that is
    sent. ``max_job_s``: computing time of one job.

    Example
    -------
    >>> from kinescale.server.settings import Limits
    >>> Limits(max_samples=4).max_samples
    4
    """

    max_request_bytes: int = Field(default=4 * MIB, ge=1024)
    max_upload_bytes: int = Field(default=32 * MIB, ge=1024)
    max_seconds: float = Field(default=60.0, gt=0)
    max_samples: int = Field(default=16, ge=1)
    max_clips: int = Field(default=16, ge=1)
    max_frames: int = Field(default=7200, ge=1)
    max_constraints: int = Field(default=256, ge=1)
    max_prompt_length: int = Field(default=1000, ge=1)
    max_batch_size: int = Field(default=16, ge=1)
    max_job_s: float = Field(default=300.0, gt=0)


class Settings(Record):
    """Settings of one server.

    Parameters
    ----------
    host, port : where it listens; another host than this machine needs a ``token``.
    token : bearer token that every request must carry; empty for none.
    origins : origins of web pages that may call, besides the server's own.
    model : the id of the bundle in MMCP.
    workers : jobs that compute at the same time, a thread each.
    batch : jobs of the same shape that one worker draws together.
    max_queue, max_wait_s : a job is refused when so many wait, or when it would wait longer.
    sync_s : seconds after which MMCP answers 202, and the client polls.
    keep_s, keep_bytes : how long results are kept, and how much of them together.
    abandon_s : a job that nobody waits for, polls or listens to is cancelled after so long.
    max_connections : requests that are answered at the same time.

    Raises ``ConfigError`` (by ``parse``) for a host that is not this machine's without a token.

    Example
    -------
    >>> from kinescale.server.settings import Settings
    >>> Settings(port=9000).loopback
    True
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    token: str = Field(default="", repr=False)
    origins: tuple[str, ...] = ()
    model: str = "default"
    workers: int = Field(default=1, ge=1, le=64)
    batch: int = Field(default=1, ge=1, le=64)
    max_queue: int = Field(default=32, ge=0, le=10_000)
    max_wait_s: float = Field(default=60.0, ge=0, le=3600)
    sync_s: float = Field(default=20.0, ge=0, le=600)
    keep_s: float = Field(default=300.0, gt=0)
    keep_bytes: int = Field(default=64 * MIB, ge=MIB)
    abandon_s: float = Field(default=60.0, gt=0)
    max_connections: int = Field(default=256, ge=1)
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _open_only_with_a_token(self) -> Settings:
        if not self.loopback and not self.token:
            raise ValueError(f"host {self.host} can be reached from other machines; give a token, too")
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
