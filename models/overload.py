"""The overload ladder: what an engine does less of when it can't keep up, and when it does it again.

In a fixed order: pictures less often → fewer visual tokens → no shadows → no new conversations.
Never audio, never correctness. A step is taken after pressure that lasts and taken back after calm
that lasts longer (hysteresis). Plain code: it is told what was served and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Rung(IntEnum):
    """How far the ladder is climbed; each rung keeps what the ones below it do."""

    NORMAL = 0
    VIDEO_RATE = 1
    """A conversation's pictures are looked at once a second."""
    VISUAL_TOKENS = 2
    """One picture for each utterance, taken as it begins, and one every few seconds between."""
    SHADOWS = 3
    """An answer nobody hears yet is judged (the turn's end needs that), but not decoded."""
    REFUSE = 4
    """New conversations are refused, with a hint when to come again."""


TOLD = {
    Rung.NORMAL: "everything is served",
    Rung.VIDEO_RATE: "pictures are looked at less often",
    Rung.VISUAL_TOKENS: "one picture is looked at for each question",
    Rung.SHADOWS: "answers are prepared later",
    Rung.REFUSE: "new conversations are refused",
}
"""What a person may read."""

PICTURE_S = (0.0, 1.0, 5.0, 5.0, 5.0)
"""By rung: seconds between two pictures of a conversation while nobody begins to speak."""


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """When it goes up and down. A window is a stretch of time that is judged as a whole."""

    window_s: float = 0.5
    hot_share: float = 0.9
    """Share of time computing from which a window is hot."""
    calm_share: float = 0.6
    """Below this, with hardly anything late, a window is calm."""
    grace_s: float = 0.05
    """Work that is done so long after its deadline is late. Less is a busy machine, not overload."""
    hot_late: float = 0.05
    """Share of late work from which a window is hot."""
    calm_late: float = 0.01
    """Share of late work up to which a window may be calm."""
    up_windows: int = 2
    """Hot windows in a row that are a step up."""
    down_windows: int = 6
    """Calm windows in a row that are a step down."""


class Ladder:
    """One engine's ladder."""

    def __init__(self, settings: LadderSettings, now: float) -> None:
        self.rung = Rung.NORMAL
        self.climbs = 0
        """Steps up since the start."""
        self.falls = 0
        """Steps down since the start."""
        self.reason = ""
        """Why it moved last, in words."""
        self._settings = settings
        self._began = now
        self._busy_s = 0.0
        self._served = self._late = 0
        self._hot = self._calm = 0

    def served(self, lateness_s: float, busy_s: float, jobs: int = 1) -> None:
        """A step took `busy_s`; the work it did was done `lateness_s` after its deadline."""
        self._busy_s += busy_s
        self._served += jobs
        self._late += jobs * (lateness_s > self._settings.grace_s)

    def exhausted(self) -> bool:
        """Memory ran out: at once to the top. True where that is a change."""
        changed = self.rung is not Rung.REFUSE
        self.climbs += Rung.REFUSE - self.rung
        self.rung = Rung.REFUSE
        self.reason = "the device's memory ran out"
        self._hot = self._calm = 0
        return changed

    def judge(self, now: float) -> bool:
        """Look at the windows that are over; True when the rung changed."""
        settings = self._settings
        windows = int((now - self._began) / settings.window_s)
        if windows < 1:
            return False
        span = now - self._began
        share, late = self._busy_s / span, self._late / max(1, self._served)
        self._began, self._busy_s, self._served, self._late = now, 0.0, 0, 0
        if share >= settings.hot_share or late >= settings.hot_late:
            self._hot, self._calm = self._hot + 1, 0
        elif share < settings.calm_share and late <= settings.calm_late:
            # A long sleep is as many calm windows as fit into it.
            self._hot, self._calm = 0, self._calm + windows
        else:
            self._hot = self._calm = 0
        before = self.rung
        if self._hot >= settings.up_windows and self.rung < Rung.REFUSE:
            self.rung, self._hot = Rung(self.rung + 1), 0
            self.climbs += 1
            self.reason = (
                f"it computed {share:.0%} of the time"
                if share >= settings.hot_share
                else f"{late:.0%} of the work was late"
            )
        while self._calm >= settings.down_windows and self.rung > Rung.NORMAL:
            self.rung = Rung(self.rung - 1)
            self.falls += 1
            self._calm -= settings.down_windows
            self.reason = f"it was calm for {settings.down_windows * settings.window_s:g} s"
        if self.rung is Rung.NORMAL:
            self._calm = 0
        return self.rung is not before
