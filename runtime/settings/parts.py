"""Who hears, thinks and speaks: the engine, the voice, the transcriber, the language model, tools."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .hidden import without_secrets


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The models and their thread."""

    pipeline: Annotated[
        str,
        Meta(
            description="What answers: 'fused', 'echo', 'cascade', 'performance' (random words) or a "
            "plugin's name.",
            min_length=1,
        ),
    ] = "fused"
    model: Annotated[str, Meta(description="Name of the model.", min_length=1)] = "nano"
    weights: Annotated[
        str | None, Meta(description="Path of a weight file; none takes the shipped one.")
    ] = None
    sounds: Annotated[
        bool, Meta(description="Notice beeps, claps, whistles and hums and tell the model.")
    ] = True
    slots: Annotated[
        int, Meta(description="Conversations the engine has places for.", ge=1, le=4096)
    ] = 8
    threads: Annotated[
        int, Meta(description="CPU threads of the model; 0 chooses by measurement.", ge=0, le=1024)
    ] = 0
    watts_per_core: Annotated[
        float,
        Meta(
            description="Watts of a busy CPU core, for the estimate of an answer's energy where the "
            "machine shows no counter.",
            gt=0,
            le=1000,
        ),
    ] = 8.0
    performance_model: Annotated[
        Literal["tiny", "small", "1b"],
        Meta(description="Sizes of the pipeline 'performance', whose weights are random."),
    ] = "small"
    performance_device: Annotated[
        Literal["auto", "cpu", "cuda"], Meta(description="Where that model computes.")
    ] = "auto"
    performance_early_exit: Annotated[
        bool, Meta(description="Whether it drafts at a quarter of its depth and verifies.")
    ] = False
    int8: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Weights of 8 bits in the audio encoder; 'auto' where a measurement at the "
            "start finds them faster."
        ),
    ] = "auto"
    backend: Annotated[
        Literal["onnxruntime", "torch"],
        Meta(
            description="What computes the shipped model: 'onnxruntime', or 'torch' (slower, needs "
            "PyTorch), its slow twin."
        ),
    ] = "onnxruntime"
    priority: Annotated[
        Literal["normal", "high", "realtime"],
        Meta(
            description="How urgent the system is to take the model's thread, as far as it allows: "
            "beside busy neighbours 'high' and 'realtime' answer sooner."
        ),
    ] = "high"
    switch_interval_ms: Annotated[
        float,
        Meta(
            description="After so long a thread that computes in Python lets another in, in ms; 0 "
            "chooses by measurement.",
            ge=0,
            le=100,
        ),
    ] = 0.0
    hedge_below: Annotated[
        float,
        Meta(
            description="Probability of a word that states a fact below which the model says 'maybe' "
            "before it; 0 never.",
            ge=0,
            le=1,
        ),
    ] = 0.5
    wait_risk: Annotated[
        float,
        Meta(
            description="Risk of taking a finished question for an unfinished one, up to which that "
            "is judged by the first layers alone; 0 always asks all layers.",
            ge=0,
            le=0.5,
        ),
    ] = 0.0
    process: Annotated[
        Literal["inside", "own"],
        Meta(
            description="Where the models run: 'inside' the serving process, or in one of their 'own'."
        ),
    ] = "inside"
    address: Annotated[
        str,
        Meta(
            description="File of the socket where an engine's process listens ('visavis engine'); "
            "empty starts one for this server alone."
        ),
    ] = ""
    restarts: Annotated[
        int,
        Meta(
            description="Times that an engine's process that died is replaced; then the server ends.",
            ge=0,
            le=1000,
        ),
    ] = 0


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the agent sounds."""

    engine: Annotated[str, Meta(description="Which synthesiser speaks.", min_length=1)] = "espeak"
    name: Annotated[str, Meta(description="Voice of the synthesiser.", min_length=1)] = "en-us"
    rate_wpm: Annotated[
        int, Meta(description="Speaking rate in words per minute.", ge=80, le=450)
    ] = 175
    pitch: Annotated[int, Meta(description="Pitch, 0 low to 99 high.", ge=0, le=99)] = 50


class TranscriptionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What writes down what the person says, and how often it looks again."""

    engine: Annotated[
        str,
        Meta(
            description="Who transcribes: 'embedded' (the model that answers), 'faster-whisper' or a "
            "plugin's name.",
            min_length=1,
        ),
    ] = "embedded"
    model: Annotated[
        str,
        Meta(
            description="Whisper model: a size ('base', 'small', 'large-v3', ...) or the path of a "
            "CTranslate2 folder.",
            min_length=1,
        ),
    ] = "base"
    language: Annotated[
        str, Meta(description="Language spoken, as an ISO 639-1 code; empty detects it.")
    ] = ""
    download: Annotated[
        bool, Meta(description="Whether a model that is not on this disk may be downloaded.")
    ] = False
    device: Annotated[str, Meta(description="Where it runs: 'cpu', 'cuda' or 'auto'.")] = "auto"
    compute_type: Annotated[
        str, Meta(description="Arithmetic of CTranslate2: 'int8', 'float16', 'default', ...")
    ] = "default"
    threads: Annotated[
        int, Meta(description="CPU threads of the transcriber; 0 lets it choose.", ge=0, le=1024)
    ] = 0
    beam_size: Annotated[int, Meta(description="Hypotheses followed at once.", ge=1, le=16)] = 1
    step_ms: Annotated[
        int, Meta(description="New audio after which it looks again, in ms.", ge=100, le=10_000)
    ] = 1000
    pause_ms: Annotated[
        int, Meta(description="Pause at which a window is cut, in ms.", ge=96, le=5000)
    ] = 480
    max_window_s: Annotated[
        float, Meta(description="Longest window looked at, in seconds.", ge=2, le=28)
    ] = 18.0


class LanguageModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline 'cascade' asks: any server that speaks OpenAI's chat completions."""

    url: Annotated[
        str, Meta(description="Base URL; '/chat/completions' is added.", min_length=1)
    ] = "http://127.0.0.1:8000/v1"
    model: Annotated[str, Meta(description="Name of the model there.", min_length=1)] = "default"
    api_key: Annotated[str, Meta(description="Sent as a bearer token; empty sends none.")] = ""
    instructions: Annotated[
        str, Meta(description="What the model is told first; a session's own come after it.")
    ] = (
        "You talk with a person by voice. Answer briefly, in plain sentences without lists or "
        "markup. What you are given of their words was written down by a machine and may be wrong."
    )
    temperature: Annotated[float, Meta(description="Randomness of the answers.", ge=0, le=2)] = 0.7
    max_tokens: Annotated[int, Meta(description="Longest answer, in tokens.", ge=1)] = 400
    timeout_s: Annotated[
        float, Meta(description="Longest wait for the next piece of an answer, in s.", gt=0)
    ] = 20.0
    max_connections: Annotated[int, Meta(description="Answers asked for at once.", ge=1)] = 64
    max_history: Annotated[
        int, Meta(description="Messages of a conversation that are sent; older ones go.", ge=2)
    ] = 64

    def __repr__(self) -> str:
        return without_secrets(self, "language_model")


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of this process that a model may call."""

    embedded: Annotated[
        bool,
        Meta(description="The embedded model may ask for the time and the date, and remember."),
    ] = True
    language_model: Annotated[
        bool,
        Meta(
            description="A language model is offered the same four functions. Off: some endpoints "
            "refuse every request that names functions."
        ),
    ] = False
    timezone: Annotated[
        str, Meta(description="IANA name, such as 'Europe/Paris'; empty is the machine's own.")
    ] = ""
    max_rounds: Annotated[
        int, Meta(description="Times in a row that an answer may call functions.", ge=1, le=32)
    ] = 4
    limit_s: Annotated[float, Meta(description="Longest run of one call, in s.", gt=0)] = 15.0
