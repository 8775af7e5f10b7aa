"""Speech synthesisers behind one call: text and a voice in, 16 kHz mono audio out.

Three families, since one engine teaches nothing about another: espeak-ng (formants, through the
library that `espeakng_loader` carries), flite (diphones and statistical voices, through its shared
libraries) and festival (diphones and an HMM voice, one process for a whole batch). The libraries
keep global state and are not re-entrant: use one process, one thread, per caller.

Pitch, tempo and vocal-tract length are separate: a voice is asked for a pitch and tempo that make
up for the resampling that follows, so `warp` moves the formants alone at no cost. (espeak-ng and
festival's HMM voice cannot be asked for a pitch in hertz: there `warp` moves the pitch as well.)
"""

import _ctypes
import ctypes
import functools
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dsp import RATE, Pcm, from_int16, resample, to_int16

ESPEAK_ACCENTS = (
    "en-us",
    "en",  # espeak-ng's name for British English
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
    "en-us-nyc",
)
_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt2 klatt3 klatt4 klatt5 klatt6 Alex Alicia "
    "Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike "
    "Nguyen Reed Storm adam anika antonio aunty belinda benjamin boris caleb david ed edward "
    "edward2 grandma grandpa gustave ian iven iven2 iven3 iven4 john kaukovalta linda marcelo max "
    "michel miguel mike2 norbert pablo paul pedro quincy rob robert sandro shelby steph steph2 "
    "steph3 travis victor zac whisper whisperf"
)
ESPEAK_VARIANTS = tuple(_VARIANTS.split())
FLITE_VOICES = ("kal", "kal16", "awb", "slt")
UNSEEN_FLITE_VOICE = "rms"
"""The measure of an unseen speaker. Never trained on."""
FESTIVAL_VOICES = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
NATURAL_PITCH = {
    "kal": 100.0,
    "kal16": 100.0,
    "awb": 125.0,
    "slt": 170.0,
    "rms": 100.0,
    "kal_diphone": 105.0,
    "ked_diphone": 105.0,
    "cmu_us_slt_arctic_hts": 170.0,
}
"""Mean pitch of each recorded voice as its maker set it, in hertz."""


class EngineError(RuntimeError):
    """A synthesiser is missing or refused a request; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a recorded voice speaks; the defaults are how its maker left it."""

    pitch: float = 1.0
    """Times the voice's natural mean pitch."""
    tempo: float = 1.0
    """Times the voice's natural speed."""
    warp: float = 1.0
    """Times the voice's formant frequencies: above one, a shorter vocal tract."""


def spell_for_engines(text: str) -> str:
    """Single letters in capitals, so that "letter b" is read as the name of the letter.

    The article "a" stays small unless a word that introduces a letter stands before it.
    """
    words = text.split()
    spoken: list[str] = []
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        names_letter = len(word) == 1 and (
            word != "a" or before in ("letter", "capital", "character", "an")
        )
        spoken.append(word.upper() if names_letter else word)
    return " ".join(spoken)


# --- espeak-ng ---------------------------------------------------------------------------------

_ESPEAK_RATE, _ESPEAK_PITCH, _ESPEAK_RANGE = 1, 3, 4  # espeak_PARAMETER in speak_lib.h
_SYNCHRONOUS, _UTF8 = 2, 1
_SYNTH_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Espeak:
    """The library, started once per process; sound comes through a callback, never a file."""

    def __init__(self) -> None:
        import espeakng_loader

        self._heard: list[NDArray[np.int16]] = []
        self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0))
        if self.rate <= 0:
            raise EngineError(
                f"espeak-ng did not start with the data in {data!r}: reinstall espeakng-loader"
            )
        self._callback = _SYNTH_CALLBACK(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: Any, count: int, _events: Any) -> int:
        if count > 0 and samples:
            self._heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, voice: str, words_per_minute: int, pitch: int, melody: int) -> Pcm:
        library = self._library
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EngineError(
                f"espeak-ng has no voice {voice!r}: use an accent such as 'en-us', "
                "alone or with a variant as in 'en-us+f3'"
            )
        library.espeak_SetParameter(_ESPEAK_RATE, words_per_minute, 0)
        library.espeak_SetParameter(_ESPEAK_PITCH, pitch, 0)
        library.espeak_SetParameter(_ESPEAK_RANGE, melody, 0)
        self._heard.clear()
        spoken = text.encode() + b"\0"
        library.espeak_Synth(spoken, ctypes.c_size_t(len(spoken)), 0, 1, 0, _UTF8, None, None)
        if not self._heard:
            return np.zeros(0, dtype=np.float32)
        return resample(from_int16(np.concatenate(self._heard)), RATE / self.rate)

    def close(self) -> None:
        """Take the library out of memory, and with it what it remembers between utterances."""
        self._library.espeak_Terminate()
        _ctypes.dlclose(self._library._handle)


@functools.cache
def _espeak() -> _Espeak:
    return _Espeak()


def restart_espeak() -> None:
    """Make what espeak-ng says next independent of what it has said, for about 20 ms.

    Its pitch flutter and breath wander on from one utterance to the next in static variables that
    neither `espeak_Terminate` nor `espeak_ng_SetRandSeed` resets; only unloading does.
    """
    if _espeak.cache_info().currsize:
        _espeak().close()
        _espeak.cache_clear()


def espeak(
    text: str,
    voice: str = "en-us",
    words_per_minute: float = 170.0,
    pitch: int = 50,
    melody: int = 50,
    warp: float = 1.0,
) -> Pcm:
    """Speak with espeak-ng.

    `voice` is an accent with an optional variant ("en-us+f3"); `pitch` and `melody` (how far the
    pitch moves) are espeak's 0 to 99. Small things differ from call to call: see `restart_espeak`.
    Raises EngineError for an unknown voice.
    """
    audio = _espeak().say(
        spell_for_engines(text), voice, round(words_per_minute / warp), pitch, melody
    )
    return resample(audio, 1.0 / warp)


def espeak_pcm(
    text: str, voice: str = "en-us", rate: int = 170, pitch: int = 50
) -> NDArray[np.int16]:
    """`espeak` as 16 kHz int16, the same for the same arguments; `rate` is in words per minute."""
    restart_espeak()
    return to_int16(espeak(text, voice, rate, pitch))


# --- flite -------------------------------------------------------------------------------------


class _Wave(ctypes.Structure):
    _fields_ = [  # cst_wave.h
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]  # cst_voice.h, its start


class _Flite:
    """flite's shared libraries, loaded once per process."""

    def __init__(self) -> None:
        self._library = self._load("libflite.so.1")
        self._libc = ctypes.CDLL(None)
        self._load("libflite_usenglish.so.1")
        self._load("libflite_cmulex.so.1")
        self._library.flite_init()
        self._library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        self._library.flite_text_to_wave.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
        self._library.delete_wave.argtypes = [ctypes.POINTER(_Wave)]
        set_float = self._library.feat_set_float
        set_float.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float]
        self._voices: dict[str, Any] = {}  # ctypes pointers have no useful static type

    @staticmethod
    def _load(name: str) -> ctypes.CDLL:
        try:
            return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError as problem:
            raise EngineError(
                f"{name} cannot be loaded ({problem}): install flite, "
                "on Debian and Ubuntu with `apt-get install flite`"
            ) from problem

    def _voice(self, name: str) -> Any:
        if name not in self._voices:
            if name not in (*FLITE_VOICES, UNSEEN_FLITE_VOICE):
                known = ", ".join((*FLITE_VOICES, UNSEEN_FLITE_VOICE))
                raise EngineError(f"flite has no voice {name!r}: use one of {known}")
            library = self._load(f"libflite_cmu_us_{name}.so.1")
            register = getattr(library, f"register_cmu_us_{name}")
            register.restype = ctypes.POINTER(_Voice)
            register.argtypes = [ctypes.c_char_p]
            self._voices[name] = register(None)
        return self._voices[name]

    def say(self, text: str, voice_name: str, pitch_hz: float | None, stretch: float) -> Pcm:
        voice = self._voice(voice_name)
        features = voice.contents.features
        mean = NATURAL_PITCH[voice_name] if pitch_hz is None else pitch_hz
        self._library.feat_set_float(features, b"int_f0_target_mean", mean)
        self._library.feat_set_float(features, b"duration_stretch", stretch)
        self._libc.srand(1)  # the breath of the statistical voices comes from rand()
        made = self._library.flite_text_to_wave(text.encode(), voice)
        if not made:
            raise EngineError(f"flite's {voice_name} made no sound of {text!r}")
        sound = made.contents
        samples = np.ctypeslib.as_array(sound.samples, (sound.num_samples,)).copy()
        rate = int(sound.sample_rate)
        self._library.delete_wave(made)
        return resample(from_int16(samples), RATE / rate)


@functools.cache
def _flite() -> _Flite:
    return _Flite()


def flite(text: str, voice: str, manner: Manner = Manner()) -> Pcm:
    """Speak with flite's `voice` (kal, kal16, awb, slt or the unseen rms).

    Raises EngineError when flite is not installed or has no such voice.
    """
    pitch_hz = NATURAL_PITCH[voice] * manner.pitch / manner.warp if voice in NATURAL_PITCH else None
    audio = _flite().say(spell_for_engines(text), voice, pitch_hz, manner.warp / manner.tempo)
    return resample(audio, 1.0 / manner.warp)


def flite_pcm(text: str, voice: str) -> NDArray[np.int16]:
    """`flite` in the voice's own manner, as 16 kHz int16."""
    return to_int16(flite(text, voice))


# --- festival ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FestivalLine:
    """One utterance for `festival`."""

    text: str
    voice: str
    manner: Manner = Manner()


def _scheme(lines: Sequence[FestivalLine], folder: Path) -> str:
    """The programme for one festival process; grouped by voice, since changing voice is slow."""
    steps: list[str] = []
    current = ""
    for place in sorted(range(len(lines)), key=lambda place: lines[place].voice):
        line = lines[place]
        if line.voice not in FESTIVAL_VOICES:
            raise EngineError(
                f"festival voice {line.voice!r} is not one of {', '.join(FESTIVAL_VOICES)}"
            )
        if line.voice != current:
            current = line.voice
            steps.append(f"(voice_{current})")
        manner = line.manner
        pitch, stretch = manner.pitch / manner.warp, manner.warp / manner.tempo
        if current.endswith("_hts"):
            steps.append(
                "(set! hts_engine_params (append cmu_us_slt_arctic_hts::hts_engine_params (list "
                f'\'("-r" {1 / stretch:.4f}))))'  # it has no switch for pitch
            )
        else:
            mean = NATURAL_PITCH[current] * pitch
            steps.append(
                f"(set! int_lr_params '((target_f0_mean {mean:.2f}) (target_f0_std 14)"
                " (model_f0_mean 170) (model_f0_std 34)))"
                f"(Parameter.set 'Duration_Stretch {stretch:.4f})"
            )
        text = spell_for_engines(line.text).replace("\\", "").replace('"', "")
        steps.append(
            f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{folder}/{place}.wav" \'riff)'
        )
    return "\n".join(steps) + "\n"


def _read_wave(path: Path) -> Pcm:
    with wave.open(str(path), "rb") as stored:
        rate = stored.getframerate()
        samples = np.frombuffer(stored.readframes(stored.getnframes()), dtype=np.int16)
    return resample(from_int16(samples), RATE / rate)


def festival(lines: Sequence[FestivalLine]) -> list[Pcm]:
    """Speak all `lines` in one festival process (0.2 s to start); results in the order given.

    A line at which festival broke off is spoken again in a process of its own: first the same, then
    in the voice's own manner, since it breaks off at some short words at some pitches and speeds. Raises
    EngineError when festival or a voice is not installed.
    """
    if not lines:
        return []
    spoken, _ = _spoken_by_festival(lines)
    made: list[Pcm] = []
    for line, audio in zip(lines, spoken, strict=True):
        if audio is None:
            trouble = ""
            for again in (line, replace(line, manner=Manner(warp=line.manner.warp))):
                (audio,), trouble = _spoken_by_festival([again])
                if audio is not None:
                    break
            else:
                raise EngineError(
                    f"festival said nothing for {line.text!r} with {line.voice} ({trouble}); "
                    "are festvox-kallpc16k, festvox-kdlpc16k and festvox-us-slt-hts installed?"
                )
        made.append(audio)
    return made


def _spoken_by_festival(lines: Sequence[FestivalLine]) -> tuple[list[Pcm | None], str]:
    """What one process made of each line (None: nothing), and how it ended."""
    with tempfile.TemporaryDirectory(prefix="visavis-festival-") as name:
        folder = Path(name)
        script = folder / "lines.scm"
        script.write_text(_scheme(lines, folder))
        try:
            done = subprocess.run(
                ["festival", "-b", str(script)], capture_output=True, text=True, check=False
            )
        except FileNotFoundError as problem:
            raise EngineError(
                "the program festival is not on the PATH: install it, on Debian and Ubuntu with "
                "`apt-get install festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts`"
            ) from problem
        paths = [folder / f"{place}.wav" for place in range(len(lines))]
        made = [
            resample(_read_wave(path), 1.0 / line.manner.warp) if path.exists() else None
            for path, line in zip(paths, lines, strict=True)
        ]
        return made, f"exit {done.returncode}: {done.stderr.strip()[-400:] or 'no message'}"
