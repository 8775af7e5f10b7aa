"""How voices travel."""

from __future__ import annotations

from visavis.runtime.audio_path import AudioFormat, AudioPath, audio_path_of


def test_a_transport_says_how_its_audio_travels() -> None:
    class Messages:
        audio_path = AudioPath.MESSAGES

    assert audio_path_of(Messages()) is AudioPath.MESSAGES
    assert audio_path_of(object()) is AudioPath.TRACK


def test_formats_have_their_rates() -> None:
    assert [kind.rate for kind in AudioFormat] == [24_000, 8_000, 8_000]
