"""The hook into aiortc fails loudly when its insides are not what it was written for."""

from __future__ import annotations

import importlib.metadata

import pytest
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from visavis.transports.webrtc import hooks
from visavis.transports.webrtc.hooks import HookError, check_aiortc, missing_names


def test_the_installed_aiortc_is_one_it_was_tested_with() -> None:
    check_aiortc.__wrapped__()
    assert missing_names(RTCRtpReceiver) == []


def test_another_version_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def newer(name: str) -> str:
        return "2.0.0"

    monkeypatch.setattr(hooks, "version", newer)
    with pytest.raises(HookError, match=r"aiortc 2\.0\.0 .* pip install aiortc==1\.16\.0"):
        check_aiortc.__wrapped__()


def test_moved_insides_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moved:
        def __init__(self) -> None:
            self._RTCRtpReceiver__codecs = {}

        async def receive(self) -> None: ...

    missing = missing_names(Moved)
    assert "__jitter_buffer" in missing and "_handle_rtp_packet" in missing
    assert "__codecs" not in missing and "receive" not in missing
    monkeypatch.setattr(hooks.rtcrtpreceiver, "RTCRtpReceiver", Moved)
    with pytest.raises(HookError, match="__jitter_buffer"):
        check_aiortc.__wrapped__()


def test_the_pin_of_the_package_is_the_tested_version() -> None:
    assert importlib.metadata.version("aiortc") in hooks.TESTED_VERSIONS
