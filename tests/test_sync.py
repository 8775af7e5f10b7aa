"""Audio and video of one sender on one clock."""

from __future__ import annotations

from visavis.transports.webrtc.sync import SenderClock

NTP = 3_900_000_000 << 32


def test_a_picture_finds_its_place_in_the_audio() -> None:
    clock = SenderClock()
    clock.report("audio", NTP, 1000)
    clock.heard(1000 + 48_000, 16_000)  # one second after the report
    assert clock.audio_pts("camera", 5) is None
    clock.report("camera", NTP + (1 << 31), 90_000)  # half a second after the audio's
    assert clock.audio_pts("camera", 90_000) == 8_000
    assert clock.audio_pts("camera", 90_000 + 45_000) == 16_000


def test_wrapped_timestamps_are_followed() -> None:
    clock = SenderClock()
    clock.report("audio", NTP, 2**32 - 480)
    clock.report("camera", NTP, 2**32 - 900)
    clock.heard(2**32 + 480 - 2**32, 320)
    assert clock.audio_pts("camera", 900) == 320


def test_reports_without_a_clock_and_of_another_sender_say_nothing() -> None:
    clock = SenderClock()
    clock.report("audio", 0, 1000)
    clock.report("camera", NTP, 0)
    clock.heard(1000, 0)
    assert clock.audio_pts("camera", 0) is None
    clock.report("audio", NTP, 1000)
    assert clock.audio_pts("camera", 0) == 0
    clock.restart("camera")
    assert clock.audio_pts("camera", 0) is None
    clock.report("camera", NTP, 0)
    clock.restart("audio")
    assert clock.audio_pts("camera", 0) is None
