"""A host that fails again and again is left alone for a while; then one request finds out whether it has recovered."""

from __future__ import annotations

import time
from collections.abc import Callable


class Circuit:
    """Pauses a host for `pause_seconds` after `failures_in_a_row` failed requests. `now` is a monotonic clock in seconds."""

    def __init__(self, failures_in_a_row: int, pause_seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most = failures_in_a_row
        self._pause = pause_seconds
        self._now = now
        self._failures = 0
        self._paused_until: float | None = None
        self._probing = False

    def seconds_paused(self) -> float:
        """For how long the host is not asked; 0 where it may be asked now. While a probe is out, the length of a pause."""
        if self._paused_until is None:
            return 0.0
        left = self._paused_until - self._now()
        if left <= 0 and self._probing:
            return self._pause
        return max(0.0, left)

    def admit(self) -> bool:
        """Note that a request begins, where `seconds_paused` is 0. Whether it is the probe after a pause."""
        self._probing = self._paused_until is not None
        return self._probing

    def answered(self) -> None:
        """The host works, whatever it said."""
        self._failures, self._paused_until, self._probing = 0, None, False

    def failed(self, *, probe: bool) -> None:
        """The host did not answer, or answered that it is broken."""
        self._failures += 1
        if probe or (self._paused_until is None and self._failures >= self._most):
            self._paused_until, self._probing = self._now() + self._pause, False

    def undecided(self, *, probe: bool) -> None:
        """The request was given up by its caller and says nothing about the host; the next one may probe."""
        if probe:
            self._probing = False
