"""Schedules: runs that are made when their time has come."""

from __future__ import annotations

from penstock.app.scheduling.schedule import Schedule
from penstock.app.scheduling.schedules import Backfilled, Schedules

__all__ = ["Backfilled", "Schedule", "Schedules"]
