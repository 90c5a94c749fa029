"""The server process: how many, how long."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Process(BaseModel):
    workers: int = Field(
        0, ge=0, le=64, description="Worker processes; 0: one for each core that this machine or container gives us."
    )
    threads: int = Field(
        8,
        ge=1,
        le=64,
        description="Requests that one worker works on at the same time; while some wait for a FHIR server, others"
        " are judged. Where everything comes by prefetch, 2 to 4 answer more a second (bench/README.md).",
    )
    queue_seconds: float = Field(
        1.0,
        gt=0,
        le=30,
        description="How long a request may wait for a thread. One that waited longer is answered 503 with Retry-After"
        " at once, so that under overload the others stay fast.",
    )
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=60,
        description="After SIGTERM: seconds for which requests are still taken while /health/ready already says 503, so"
        " that a load balancer looks elsewhere first.",
    )
    graceful_seconds: int = Field(
        30,
        ge=1,
        le=300,
        description="After SIGTERM: seconds within which everything that was taken is answered; then the process ends"
        " anyhow. Must be longer than `drain_seconds` and `hook_budget_seconds` together.",
    )
