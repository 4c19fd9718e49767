"""Releasing what the package holds for the whole process."""

from __future__ import annotations


def shutdown() -> None:
    """Finish asynchronous work and end the worker threads. Compiled models cannot start inferences afterwards."""
    from ovgpu.execution.workers import close_all_pools

    close_all_pools()
