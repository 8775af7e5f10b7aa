"""Recordings written here and read back."""

from __future__ import annotations

import wave
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from transport_fakes import tone

from visavis.runtime.errors import BadInput
from visavis.transports.files import read_audio, read_video


def wav(path: Path, *, rate: int = 16_000, channels: int = 1, samples: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(tone(samples, rate), channels).tobytes())
    return path


def film(
    path: Path, codec: str, *, pictures: int = 10, rate: int = 10, sound: bool = False
) -> Path:
    out: Any  # PyAV names no types for what it writes
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = out.add_stream("aac", rate=48_000) if sound else None
        for number in range(pictures):
            rgb = np.full((48, 64, 3), 20 * number % 250, np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            for number in range(47):
                pcm = np.tile(tone(1024, 48_000), (2, 1)).astype(np.float32) / 32_768
                heard = av.AudioFrame.from_ndarray(pcm, format="fltp", layout="stereo")
                heard.sample_rate, heard.pts = 48_000, 1024 * number
                out.mux(audio.encode(heard))
            out.mux(audio.encode(None))
    return path


def test_a_wav_comes_in_packets_of_twenty_milliseconds(tmp_path: Path) -> None:
    chunks = list(read_audio(wav(tmp_path / "a.wav", samples=16_100), began=5.0))
    assert [len(chunk.pcm) for chunk in chunks] == 50 * [320] + [100]
    assert [chunk.pts for chunk in chunks] == [320 * n for n in range(51)]
    assert chunks[0].arrived == pytest.approx(5.02)
    pcm = np.concatenate([chunk.pcm for chunk in chunks])
    assert np.array_equal(pcm, tone(16_100, 16_000)) and pcm.dtype == np.int16


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1), (8_000, 1)])
def test_any_rate_becomes_sixteen_kilohertz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    path = wav(tmp_path / "a.wav", rate=rate, channels=channels, samples=rate)
    pcm = np.concatenate([chunk.pcm for chunk in read_audio(path)])
    assert abs(len(pcm) - 16_000) <= 2
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    assert abs(np.argmax(spectrum) * 16_000 / len(pcm) - 440) < 2


@pytest.mark.parametrize(
    ("name", "codec"), [("v.mp4", "libx264"), ("v.webm", "libvpx"), ("v.y4m", "wrapped_avframe")]
)
def test_pictures_come_with_their_time(tmp_path: Path, name: str, codec: str) -> None:
    frames = list(read_video(film(tmp_path / name, codec), began=1.0))
    assert [frame.pts for frame in frames] == [9000 * n for n in range(10)]
    assert [frame.audio_pts for frame in frames] == [1600 * n for n in range(10)]
    assert frames[3].arrived == pytest.approx(1.3)
    assert (frames[0].width, frames[0].height) == (64, 48)
    level = frames[7].pixels.rgb(8, 8).mean()
    assert abs(level - 140) < 12


def test_sound_and_pictures_of_one_file(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", "libx264", sound=True)
    assert len(list(read_video(path))) == 10
    assert sum(len(chunk.pcm) for chunk in read_audio(path)) == pytest.approx(16_000, abs=700)


def test_a_still_picture_repeats(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    rgb = np.zeros((30, 40, 3), np.uint8)
    rgb[:, 20:] = (250, 0, 0)
    out: Any
    with av.open(str(path), "w", format="image2") as out:
        stream = out.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 40, 30, "rgb24"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode(None))
    frames = list(islice(read_video(path), 25))
    assert [frame.pts for frame in frames] == [9000 * n for n in range(25)]
    assert frames[24].pixels.rgb(40, 30)[15, 30].tolist() == [250, 0, 0]
    assert frames[24].pixels.luma().shape == (30, 40)


@pytest.mark.parametrize("read", [read_audio, read_video])
def test_what_is_no_media_is_refused_with_a_remedy(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(b"this is no media at all" * 100)
    with pytest.raises(BadInput, match=r"garbage\.wav can't be read as media .* give a file"):
        read(garbage)
    with pytest.raises(BadInput, match=r"nowhere\.mp4 does not exist"):
        read(tmp_path / "nowhere.mp4")
    with pytest.raises(BadInput):
        read(tmp_path)


def test_a_file_without_the_right_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no video"):
        read_video(wav(tmp_path / "a.wav"))
    with pytest.raises(BadInput, match="has no audio"):
        read_audio(film(tmp_path / "v.mp4", "libx264"))


def test_an_empty_recording_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no audio"):
        list(read_audio(wav(tmp_path / "a.wav", samples=0)))


def test_a_truncated_film_is_read_as_far_as_it_goes_or_refused(tmp_path: Path) -> None:
    whole = film(tmp_path / "v.webm", "libvpx", pictures=30).read_bytes()
    path = tmp_path / "half.webm"
    path.write_bytes(whole[: len(whole) // 2])
    try:
        count = len(list(islice(read_video(path), 100)))
    except BadInput as error:
        assert "half.webm" in str(error)
    else:
        assert count > 0
