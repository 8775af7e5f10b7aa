"""Opus through libopus: decoding straight to 16 kHz mono, inventing what was lost, and encoding.

The library comes inside PyAV's wheel. It is called directly where it is found, because PyAV offers
neither concealment, nor the copy of the last frame a packet may carry (FEC), nor decoding at the
rate we listen at. Where it is not found PyAV decodes and a fading repeat conceals.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import sys
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..runtime.errors import BadInput
from ..runtime.frames import HEARING_RATE, SPEAKING_RATE, Pcm

CLOCK_RATE = 48_000
"""Opus counts RTP time in 1/48000 s whatever rate it runs at (RFC 7587)."""
PACKET_SAMPLES = 960
"""Samples per packet we send: 20 ms at SPEAKING_RATE."""
SILENT_PACKET = b"\xf8\xff\xfe"
"""20 ms of nothing at all, mono: the smallest valid packet, sent without running the encoder."""
MAX_PACKET_SAMPLES = 5760
"""120 ms, the longest packet there is (RFC 6716, 3.2.5)."""

_FRAME_SAMPLES = {  # by the packet's first five bits (RFC 6716, table 2), at 48 kHz
    config: size
    for first, sizes in (
        (0, (480, 960, 1920, 2880)),
        (4, (480, 960, 1920, 2880)),
        (8, (480, 960, 1920, 2880)),
        (12, (480, 960)),
        (14, (480, 960)),
        (16, (120, 240, 480, 960)),
        (20, (120, 240, 480, 960)),
        (24, (120, 240, 480, 960)),
        (28, (120, 240, 480, 960)),
    )
    for config, size in enumerate(sizes, start=first)
}


def packet_samples(payload: bytes) -> int:
    """How many samples at 48 kHz a packet decodes to, from its first bytes (RFC 6716, 3.1).

    Raises `BadInput` for what is no Opus packet.
    """
    if not payload:
        raise BadInput("an Opus packet is empty", code="invalid_audio")
    frame = _FRAME_SAMPLES[payload[0] >> 3]
    match payload[0] & 3:
        case 0:
            frames = 1
        case 1 | 2:
            frames = 2
        case _:
            frames = payload[1] & 0x3F if len(payload) > 1 else 0
    samples = frame * frames
    if not 0 < samples <= MAX_PACKET_SAMPLES:
        raise BadInput(
            f"an Opus packet claims {samples / 48:g} ms of audio; 2.5 to 120 ms are possible",
            code="invalid_audio",
        )
    return samples


class Decoder(Protocol):
    """One stream's decoder; mono PCM at HEARING_RATE comes out. Used by one thread at a time."""

    def decode(self, payload: bytes) -> Pcm:
        """[N] int16. Raises `BadInput` for a packet that can't be decoded."""
        ...

    def conceal(self, samples: int, following: bytes | None) -> Pcm:
        """Invent [samples] int16 for a lost packet; `following` is the packet after it."""
        ...


class Encoder(Protocol):
    """One stream's encoder, mono. Used by one thread at a time."""

    def encode(self, pcm: Pcm) -> bytes:
        """One packet from exactly PACKET_SAMPLES samples at SPEAKING_RATE."""
        ...


def new_decoder() -> Decoder:
    """The best decoder there is on this machine."""
    library = find_libopus()
    return AvDecoder() if library is None else LibopusDecoder(library)


def new_encoder(bit_rate: int) -> Encoder:
    """The best encoder there is on this machine; `bit_rate` in bits per second."""
    library = find_libopus()
    return AvEncoder(bit_rate) if library is None else LibopusEncoder(library, bit_rate)


@functools.cache
def find_libopus() -> ctypes.CDLL | None:
    """The libopus inside PyAV's wheel, else the system's, else None."""
    import av

    home = Path(av.__file__).parent
    patterns = [
        (home.parent / "av.libs", "libopus-*.so*" if sys.platform != "win32" else "*opus*.dll"),
        (home / ".dylibs", "libopus*.dylib"),
    ]
    names = [str(path) for folder, pattern in patterns for path in sorted(folder.glob(pattern))]
    system = ctypes.util.find_library("opus") if not names else None
    for name in [*names, *([system] if system else [])]:
        try:
            return _declared(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    return None


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the signatures; AttributeError when the library is another one."""
    pointer, i32, i16s = ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int16)
    signatures: dict[str, tuple[Any, list[Any]]] = {  # ctypes types have no common public base
        "opus_decoder_create": (pointer, [i32, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
        "opus_decoder_destroy": (None, [pointer]),
        "opus_decode": (
            ctypes.c_int,
            [pointer, ctypes.c_char_p, i32, i16s, ctypes.c_int, ctypes.c_int],
        ),
        "opus_encoder_create": (
            pointer,
            [i32, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)],
        ),
        "opus_encoder_destroy": (None, [pointer]),
        # More arguments follow: with the first two declared, ctypes passes them as variadic.
        "opus_encoder_ctl": (ctypes.c_int, [pointer, ctypes.c_int]),
        "opus_encode": (i32, [pointer, i16s, ctypes.c_int, ctypes.c_char_p, i32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class LibopusDecoder:
    """Decodes, conceals and reads FEC with libopus itself."""

    def __init__(self, library: ctypes.CDLL) -> None:
        error = ctypes.c_int()
        self._library = library
        self._state = library.opus_decoder_create(HEARING_RATE, 1, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"libopus can't create a decoder (error {error.value})")
        self._limit = MAX_PACKET_SAMPLES * HEARING_RATE // CLOCK_RATE

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)

    def decode(self, payload: bytes) -> Pcm:
        return self._run(payload, self._limit, use_fec=False)

    def conceal(self, samples: int, following: bytes | None) -> Pcm:
        # libopus invents multiples of 2.5 ms only; a ragged rest is silence.
        whole = samples - samples % 40
        if whole == 0:
            return np.zeros(samples, np.int16)
        if whole > self._limit:
            head = self.conceal(self._limit, None)
            return np.concatenate([head, self.conceal(samples - self._limit, following)])
        try:
            pcm = self._run(following, whole, use_fec=following is not None)
        except BadInput:
            pcm = self._run(None, whole, use_fec=False)
        return pcm if whole == samples else np.append(pcm, np.zeros(samples - whole, np.int16))

    def _run(self, payload: bytes | None, samples: int, *, use_fec: bool) -> Pcm:
        out = np.empty(samples, np.int16)
        count = self._library.opus_decode(
            self._state,
            payload,
            len(payload) if payload is not None else 0,
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_int16)),
            samples,
            int(use_fec),
        )
        if count < 0:
            size = len(payload) if payload is not None else 0
            raise BadInput(
                f"an Opus packet of {size} bytes can't be decoded (libopus error {count})",
                code="invalid_audio",
            )
        return out[:count]


class AvDecoder:
    """Decodes with PyAV; a lost packet is the last one again, fading out."""

    def __init__(self) -> None:
        import av

        self._codec: Any = av.AudioCodecContext.create("libopus", "r")
        self._codec.sample_rate = CLOCK_RATE
        self._codec.layout = "stereo"
        self._codec.format = "s16"
        self._packet: Any = av.Packet  # generic in a type PyAV never names
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARING_RATE)
        self._last: Pcm = np.zeros(0, np.int16)
        self._level = 1.0

    def decode(self, payload: bytes) -> Pcm:
        from av.error import FFmpegError

        try:
            frames = self._codec.decode(self._packet(payload))
        except FFmpegError as error:
            raise BadInput(
                f"an Opus packet of {len(payload)} bytes can't be decoded: {error}",
                code="invalid_audio",
            ) from error
        parts: list[Pcm] = []
        for frame in frames:
            frame.pts = None
            parts += [out.to_ndarray()[0] for out in self._resampler.resample(frame)]
        pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        self._last, self._level = pcm, 1.0
        return pcm

    def conceal(self, samples: int, following: bytes | None) -> Pcm:
        if not len(self._last):
            return np.zeros(samples, np.int16)
        start, self._level = self._level, self._level * 0.6
        fade = np.linspace(start, self._level, samples)
        return np.asarray(np.resize(self._last, samples) * fade, np.int16)


class LibopusEncoder:
    """Encodes with libopus itself."""

    _VOIP = 2048

    def __init__(self, library: ctypes.CDLL, bit_rate: int) -> None:
        error = ctypes.c_int()
        self._library = library
        self._state = library.opus_encoder_create(SPEAKING_RATE, 1, self._VOIP, ctypes.byref(error))
        if not self._state:
            raise MemoryError(f"libopus can't create an encoder (error {error.value})")
        # OPUS_SET_: BITRATE 4002, COMPLEXITY 4010, INBAND_FEC 4012, PACKET_LOSS_PERC 4014
        for request, value in ((4002, bit_rate), (4010, 5), (4012, 1), (4014, 5)):
            library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value))
        self._packet = ctypes.create_string_buffer(1275)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)

    def encode(self, pcm: Pcm) -> bytes:
        pcm = np.ascontiguousarray(pcm, np.int16)
        if len(pcm) != PACKET_SAMPLES:
            raise ValueError(f"{len(pcm)} samples were given; a packet has {PACKET_SAMPLES}")
        count = self._library.opus_encode(
            self._state,
            pcm.ctypes.data_as(ctypes.POINTER(ctypes.c_int16)),
            PACKET_SAMPLES,
            self._packet,
            len(self._packet),
        )
        if count < 0:
            raise RuntimeError(f"libopus can't encode (error {count})")
        return self._packet.raw[:count]


class AvEncoder:
    """Encodes with PyAV."""

    def __init__(self, bit_rate: int) -> None:
        import av

        self._codec: Any = av.AudioCodecContext.create("libopus", "w")
        self._codec.bit_rate = bit_rate
        self._codec.sample_rate = SPEAKING_RATE
        self._codec.layout = "mono"
        self._codec.format = "s16"
        self._codec.options = {"application": "voip", "frame_duration": "20"}
        self._pts = 0

    def encode(self, pcm: Pcm) -> bytes:
        import av

        if len(pcm) != PACKET_SAMPLES:
            raise ValueError(f"{len(pcm)} samples were given; a packet has {PACKET_SAMPLES}")
        frame = av.AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = SPEAKING_RATE
        frame.pts = self._pts
        self._pts += PACKET_SAMPLES
        packets: list[Any] = self._codec.encode(frame)  # generic in a type PyAV never names
        return b"".join(bytes(packet) for packet in packets)
