"""What the collector says of one unit of work, and of all units of a class."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple


class ProcessMetrics(NamedTuple):
    """One execution of a unit of work: the latest of that id. Times are in UTC."""

    process_id: str
    process_name: str
    process_class: str
    status: str
    started_at: datetime | None = None
    completed_at: datetime | None = None
    execution_time_ms: float | None = None
    error: str | None = None

    @property
    def is_completed(self) -> bool:
        """Whether it has ended well."""
        return self.status == "completed"

    @property
    def is_failed(self) -> bool:
        """Whether it has failed."""
        return self.status == "failed"

    def to_dict(self) -> dict[str, Any]:
        """Its fields as values that JSON knows."""
        return {**_plain(self._asdict()), "is_failed": self.is_failed}


class AggregatedMetrics(NamedTuple):
    """All executions of a class that have ended; zeros for a class that nobody knows.

    Times are of those that completed or failed. Percentiles are within 1 %.
    """

    process_class: str
    total_executions: int = 0
    successful_executions: int = 0
    failed_executions: int = 0
    cancelled_executions: int = 0
    running_executions: int = 0
    total_execution_time_ms: float = 0.0
    avg_execution_time_ms: float = 0.0
    min_execution_time_ms: float = 0.0
    max_execution_time_ms: float = 0.0
    p50_execution_time_ms: float = 0.0
    p95_execution_time_ms: float = 0.0
    p99_execution_time_ms: float = 0.0
    last_execution_at: datetime | None = None

    @property
    def success_rate(self) -> float:
        """The share of those that completed in those that completed or failed; 0 without any."""
        judged = self.successful_executions + self.failed_executions
        return self.successful_executions / judged if judged else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Its fields as values that JSON knows."""
        return {**_plain(self._asdict()), "success_rate": self.success_rate}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()
    }
