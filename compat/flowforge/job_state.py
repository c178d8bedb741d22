"""See penstock.routines."""

from penstock.routines import ExecutionRecord, JobState

__all__ = ["ExecutionRecord", "JobState"]
