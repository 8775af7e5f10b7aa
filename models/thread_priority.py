"""How urgent the system takes the engine's thread to be, beside the other threads of the machine.

A step takes a millisecond; a thread that has to wait for its turn on a busy core waits several.
"""

from __future__ import annotations

import os
import threading
from enum import StrEnum

NICE = -10
"""Of the thread, where it is raised."""
REALTIME = 1
"""The lowest of the real-time priorities: above every ordinary thread, below the system's own."""


class Priority(StrEnum):
    """What is wanted, and what was given."""

    NORMAL = "normal"
    HIGH = "high"
    """A larger share of a busy core, and on it sooner. Needs CAP_SYS_NICE or a `nice` limit."""
    REALTIME = "realtime"
    """On a core at once. Needs CAP_SYS_NICE or an `rtprio` limit. An engine that never rests would
    leave other work only the 5 % that Linux keeps from real-time threads."""


def raise_priority(wanted: Priority, thread: int | None = None) -> Priority:
    """For the calling thread, or the one of this native id: what was wanted, or the next lower that
    the system allows."""
    thread = threading.get_native_id() if thread is None else thread
    if wanted is Priority.REALTIME and _is_realtime(thread):
        return Priority.REALTIME
    if wanted is not Priority.NORMAL and _is_nice(thread):
        return Priority.HIGH
    return Priority.NORMAL


def _is_realtime(thread: int) -> bool:
    try:
        # Threads that this one starts shall be ordinary ones again.
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(thread, policy, os.sched_param(REALTIME))
    except (AttributeError, OSError):  # not Linux; not allowed
        return False
    return True


def _is_nice(thread: int) -> bool:
    try:
        os.setpriority(os.PRIO_PROCESS, thread, NICE)
    except (AttributeError, OSError):
        return False
    return True
