"""Executors run a step's code: on the calling thread, in threads, in processes, on an event loop. See `ports.Executor`."""

from __future__ import annotations
