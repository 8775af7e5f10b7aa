"""How a conversation goes: when the agent answers, what it looks at, what it takes for speech."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

BACK_CHANNELS = (
    "mhm", "mm", "mmm", "hm", "hmm", "m", "uh", "huh", "um", "uhm", "ah", "aha", "oh", "wow", "yeah",
    "yes", "yep", "yup", "ok", "okay", "right", "sure", "good", "nice", "great", "true", "exactly",
    "i", "see", "really", "got", "it", "alright",
)  # fmt: skip
"""English back-channels, word by word ("I see" is two of them)."""


class TurnSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When the agent answers and when it stops."""

    patience: Annotated[
        float,
        Meta(
            description="How long silences are waited for: 0 is eager (0.6 times as long), 0.5 as "
            "the settings below say, 1 patient (2.5 times).",
            ge=0,
            le=1,
        ),
    ] = 0.5
    probe_silence_ms: Annotated[
        int, Meta(description="Silence after which an unheard answer begins, in ms.", ge=32)
    ] = 96
    eager_silence_ms: Annotated[
        int, Meta(description="Silence after which a finished question is answered, in ms.", ge=32)
    ] = 192
    sure: Annotated[
        float,
        Meta(description="Confidence from which a question counts as finished.", ge=0, le=1),
    ] = 0.98
    unsure_silence_ms: Annotated[
        int,
        Meta(description="Silence after which it is answered with less confidence, in ms.", ge=32),
    ] = 512
    patient_silence_ms: Annotated[
        int, Meta(description="Silence granted to an unfinished sentence, in ms.", ge=32)
    ] = 900
    stray_silence_ms: Annotated[
        int,
        Meta(
            description="Silence after which sound that was no speech is forgotten, in ms.", ge=32
        ),
    ] = 2500
    barge_in_ms: Annotated[
        int, Meta(description="Speech during an answer that stops its sound, in ms.", ge=32)
    ] = 64
    confirm_ms: Annotated[
        int,
        Meta(
            description="Speech during an answer that ends it whatever was understood, in ms. With "
            "less, words that are no back-channel end it; else it plays on where it stopped.",
            ge=32,
        ),
    ] = 896
    telling_letters: Annotated[
        int,
        Meta(
            description="Letters of words understood during an answer, back-channels apart, that "
            "end it: eight for the embedded model, which takes some noises for words; fewer for "
            "a better transcript.",
            ge=1,
        ),
    ] = 8
    resume_silence_ms: Annotated[
        int,
        Meta(description="Silence after which a stopped answer plays on, in ms.", ge=32),
    ] = 192
    back_channels: Annotated[
        tuple[str, ...],
        Meta(description="Words by which a listener only says that they listen."),
    ] = BACK_CHANNELS
    max_restarts: Annotated[
        int, Meta(description="Unheard answers begun again for late words, per silence.", ge=0)
    ] = 4
    max_utterance_s: Annotated[
        float, Meta(description="Speech without a pause that is answered anyway, in seconds.", gt=0)
    ] = 30.0
    stall_ms: Annotated[
        int,
        Meta(description="Missing audio in mid-utterance that counts as its end, in ms.", ge=100),
    ] = 1200
    answer_timeout_ms: Annotated[
        int,
        Meta(description="Longest wait for the next sign of an answer, in ms.", ge=100),
    ] = 8000
    first_phrase_words: Annotated[
        int, Meta(description="Words after which the first phrase is voiced.", ge=1)
    ] = 5
    phrase_words: Annotated[
        int, Meta(description="Words after which later phrases are voiced.", ge=1)
    ] = 12
    client_delay_ms: Annotated[
        int,
        Meta(description="Sent audio a client has not played yet, for heard text, in ms.", ge=0),
    ] = 60


class VisionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which camera pictures are looked at."""

    size: Annotated[
        int, Meta(description="Edge of the square picture given to the model, in pixels.", ge=16)
    ] = 96
    max_rate: Annotated[
        float, Meta(description="Most pictures looked at per second while they change.", gt=0)
    ] = 4.0
    keep_alive_s: Annotated[
        float,
        Meta(description="Seconds after which an unchanged picture is looked at again.", gt=0),
    ] = 2.0
    fresh_s: Annotated[
        float, Meta(description="Age at speech start from which a new look is taken, in s.", ge=0)
    ] = 0.5
    change: Annotated[
        float, Meta(description="Largest block difference of luma that is a change.", ge=0, le=255)
    ] = 10.0
    min_sharpness: Annotated[
        float, Meta(description="Variance of the Laplacian of luma below which it is blur.", ge=0)
    ] = 2.0
    dark: Annotated[
        float, Meta(description="Mean luma below which a picture is too dark to judge.", ge=0)
    ] = 10.0
    bright: Annotated[
        float, Meta(description="Mean luma above which a picture is washed out.", le=255)
    ] = 250.0
    send_max_fps: Annotated[
        int, Meta(description="Frame rate asked of the sender, per second.", ge=1, le=60)
    ] = 15
    send_max_width: Annotated[
        int, Meta(description="Picture width asked of the sender, in pixels.", ge=64, le=4096)
    ] = 640


class AudioSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When sound is speech."""

    vad_on: Annotated[
        float, Meta(description="Probability at which a window is speech.", gt=0, lt=1)
    ] = 0.5
    vad_off: Annotated[
        float, Meta(description="Probability below which a window is silence.", gt=0, lt=1)
    ] = 0.35
    vad_on_playing: Annotated[
        float, Meta(description="The same while our own voice plays (echo).", gt=0, lt=1)
    ] = 0.7
    onset_windows: Annotated[
        int, Meta(description="Voiced windows (32 ms each) that are the start of speech.", ge=1)
    ] = 2
    echo_tail_ms: Annotated[
        int, Meta(description="Echo of our voice after it ended, in ms.", ge=0)
    ] = 160
    microphone_chunks: Annotated[
        int, Meta(description="Audio chunks that may wait before the oldest goes.", ge=1)
    ] = 50


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a conversation may last."""

    max_minutes: Annotated[float, Meta(description="Longest conversation, in minutes.", gt=0)] = (
        60.0
    )
    idle_s: Annotated[
        float, Meta(description="Seconds without speech or typing that end it.", gt=0)
    ] = 600.0
