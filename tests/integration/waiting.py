# SPDX-License-Identifier: Apache-2.0
"""Tests wait for conditions, with a deadline, and never sleep for luck."""
import os
import time

# Sanitizers and busy machines make everything slower; deadlines are there to fail, not to measure.
PATIENCE = float(os.environ.get("UMBRA_TEST_PATIENCE", "1"))


def wait_for(condition, what, timeout=10, longest_pause=0.005):
    """The first true value of condition(); an AssertionError that says `what` (a text, or a function that makes one)
    was waited for in vain. Pauses become longer, up to so many seconds: where looking costs the one who is waited for."""
    deadline = time.monotonic() + timeout * PATIENCE
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout * PATIENCE:.0f} s in vain: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(1.3 * pause, longest_pause)


def wait_until_still(value, what, still=0.3, timeout=20):
    """The value once it has not changed for `still` seconds."""
    last, since = value(), time.monotonic()

    def is_still():
        nonlocal last, since
        now = value()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= still

    wait_for(is_still, what, timeout)
    return last
