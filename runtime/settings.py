"""One tree of settings: defaults, then a TOML file, then the environment, then the command line.

Knows names, units and limits, and where each value came from; reads no file but the one it is
given, and no environment but the mapping it is given. A component is handed its own branch.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

import msgspec
from msgspec import Meta

from .errors import ConfigError

ENV_PREFIX = "VISAVIS__"
SECRETS = frozenset(
    {
        "webrtc.turn_credential",
        "webrtc.turn_secret",
        "access.api_keys",
        "access.client_secret_key",
        "server.tls_key_password",
        "language_model.api_key",
        "telephony.twilio_auth_token",
        "telephony.telnyx_token",
        "telephony.genesys_client_secret",
    }
)
"""Paths whose values are never shown."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the HTTP server listens and whom it lets in."""

    host: Annotated[str, Meta(description="Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(description="TCP port; 0 takes a free one.", ge=0, le=65535)] = 8765
    max_sessions: Annotated[
        int, Meta(description="Conversations at once; more are refused with a reason.", ge=1)
    ] = 8
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(description="Web origins, besides our own page, that may connect ('*' for all)."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses of proxies whose X-Forwarded-For and -Proto are believed."),
    ] = ()
    tls_certificate: Annotated[
        str, Meta(description="PEM file of the certificate and its chain; empty serves http.")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file of the certificate's private key.")] = ""
    tls_key_password: Annotated[str, Meta(description="Password of the private key.")] = ""

    def __repr__(self) -> str:
        return _without_secrets(self, "server")


class WebrtcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How peers are reached and how long media waits."""

    stun: Annotated[tuple[str, ...], Meta(description="STUN servers as stun:host:port URLs.")] = ()
    turn_urls: Annotated[tuple[str, ...], Meta(description="TURN servers as turn: URLs.")] = ()
    turn_username: Annotated[str, Meta(description="User name at the TURN servers.")] = ""
    turn_credential: Annotated[str, Meta(description="Password at the TURN servers.")] = ""
    turn_secret: Annotated[
        str,
        Meta(
            description="Secret shared with the TURN servers (static-auth-secret of coturn): every "
            "session gets credentials of its own, in place of user name and password."
        ),
    ] = ""
    turn_ttl_s: Annotated[
        int, Meta(description="Seconds such credentials are good for.", ge=60, le=86_400)
    ] = 3600
    jitter_base_ms: Annotated[
        int, Meta(description="Audio held back on a clean link, in milliseconds.", ge=0, le=500)
    ] = 20
    jitter_max_ms: Annotated[
        int,
        Meta(description="Most audio held back on a bad link, in milliseconds.", ge=20, le=2000),
    ] = 160
    ice_timeout_s: Annotated[
        float, Meta(description="Seconds a peer has to become reachable.", gt=0, le=300)
    ] = 20.0
    disconnected_s: Annotated[
        float,
        Meta(description="Seconds a lost peer is waited for before it is gone.", gt=0, le=300),
    ] = 10.0
    max_sdp_bytes: Annotated[
        int, Meta(description="Largest session description taken, in bytes.", ge=1024)
    ] = 65_536
    max_message_bytes: Annotated[
        int, Meta(description="Largest data-channel message taken, in bytes.", ge=1024)
    ] = 262_144
    max_media_sections: Annotated[
        int, Meta(description="Media sections of an offer.", ge=1, le=32)
    ] = 8
    max_candidates: Annotated[
        int, Meta(description="Candidates of one connection, offered and trickled.", ge=1)
    ] = 128
    max_codecs: Annotated[int, Meta(description="Payload types of one media section.", ge=1)] = 96

    def __repr__(self) -> str:
        return _without_secrets(self, "webrtc")


class WebsocketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How conversations over a WebSocket live and outlive their connection."""

    resume_s: Annotated[
        float,
        Meta(
            description="Seconds a client that lost its connection may come back in, if it said "
            "that it can; 0 ends the conversation at once.",
            ge=0,
            le=3600,
        ),
    ] = 30.0
    replay_bytes: Annotated[
        int, Meta(description="Events kept to be sent again, in bytes.", ge=0)
    ] = 4_194_304
    max_unread_bytes: Annotated[
        int, Meta(description="Events a client may leave unread, in bytes.", ge=65_536)
    ] = 16_777_216
    ping_s: Annotated[
        float, Meta(description="Seconds between pings to a silent client.", gt=0, le=600)
    ] = 20.0
    pong_s: Annotated[
        float, Meta(description="Seconds a client has to answer a ping.", gt=0, le=600)
    ] = 60.0


class TurnSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When the agent answers and when it stops."""

    probe_silence_ms: Annotated[
        int, Meta(description="Silence after which an unheard answer begins, in ms.", ge=32)
    ] = 96
    eager_silence_ms: Annotated[
        int, Meta(description="Silence after which a finished question is answered, in ms.", ge=32)
    ] = 192
    sure: Annotated[
        float,
        Meta(description="Confidence from which a question counts as finished.", ge=0, le=1),
    ] = 0.95
    unsure_silence_ms: Annotated[
        int,
        Meta(description="Silence after which it is answered with less confidence, in ms.", ge=32),
    ] = 640
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
        int, Meta(description="Speech during an answer that stops it, in ms.", ge=32)
    ] = 64
    max_restarts: Annotated[
        int, Meta(description="Unheard answers begun again for late words, per utterance.", ge=0)
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


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The models and their thread."""

    pipeline: Annotated[
        str,
        Meta(
            description="What answers: 'fused', 'echo', 'cascade' or a plugin's name.", min_length=1
        ),
    ] = "fused"
    model: Annotated[str, Meta(description="Name of the model.", min_length=1)] = "nano"
    weights: Annotated[
        str | None, Meta(description="Path of a weight file; none takes the shipped one.")
    ] = None
    slots: Annotated[
        int, Meta(description="Conversations the engine has places for.", ge=1, le=4096)
    ] = 8
    threads: Annotated[
        int, Meta(description="CPU threads of the model; 0 chooses.", ge=0, le=1024)
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
    max_tool_rounds: Annotated[
        int, Meta(description="Times in a row that an answer may call functions.", ge=0, le=32)
    ] = 4

    def __repr__(self) -> str:
        return _without_secrets(self, "language_model")


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a conversation may last."""

    max_minutes: Annotated[float, Meta(description="Longest conversation, in minutes.", gt=0)] = (
        60.0
    )
    idle_s: Annotated[
        float, Meta(description="Seconds without speech or typing that end it.", gt=0)
    ] = 600.0


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may talk, and how much. A limit of 0 is none."""

    api_keys: Annotated[
        tuple[str, ...],
        Meta(description="API keys, each at least 20 characters or 'sha256:' and its hash."),
    ] = ()
    api_keys_file: Annotated[
        str, Meta(description="TOML file of API keys with names, scopes and limits of their own.")
    ] = ""
    allow_anyone_on_the_network: Annotated[
        bool,
        Meta(description="Whether it may listen beyond this machine without any API key."),
    ] = False
    client_secret_key: Annotated[
        str,
        Meta(
            description="Signs client secrets, at least 32 characters; empty makes one at every "
            "start, so that secrets end with the process."
        ),
    ] = ""
    sessions_per_key: Annotated[
        int, Meta(description="Conversations at once of one key.", ge=0)
    ] = 0
    minutes_per_day: Annotated[
        float, Meta(description="Minutes of conversation of one key in a day.", ge=0)
    ] = 0
    messages_per_s: Annotated[
        float, Meta(description="Messages per second of all conversations of one key.", ge=0)
    ] = 0
    mib_per_day: Annotated[
        float, Meta(description="Mebibytes of messages of one key in a day.", ge=0)
    ] = 0
    audit_log: Annotated[
        str, Meta(description="File for the audit log, one JSON object per line; empty: none.")
    ] = ""
    audit_addresses: Annotated[
        bool, Meta(description="Whether the audit log has whole addresses, not just networks.")
    ] = False

    def __repr__(self) -> str:
        return _without_secrets(self, "access")


class LimitsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What comes in, at most. What WebRTC offers and sends is limited in `webrtc`, how long a
    conversation may last in `session`."""

    connections_per_address: Annotated[
        int, Meta(description="TCP connections at once of one address.", ge=1)
    ] = 128
    handshakes_per_address: Annotated[
        int, Meta(description="Conversations of one address that are just being opened.", ge=1)
    ] = 16
    request_s: Annotated[
        float, Meta(description="Seconds that the head or the body of a request may take.", gt=0)
    ] = 15.0
    max_header_bytes: Annotated[
        int, Meta(description="All headers of a request together, in bytes.", ge=4096)
    ] = 24_576
    max_headers: Annotated[int, Meta(description="Headers of a request.", ge=16)] = 100
    max_body_bytes: Annotated[
        int, Meta(description="Body of a request that is not an offer, in bytes.", ge=1024)
    ] = 262_144
    max_message_bytes: Annotated[
        int, Meta(description="Largest message taken over a WebSocket, in bytes.", ge=1024)
    ] = 16_777_216
    max_json_depth: Annotated[
        int, Meta(description="How deep JSON may be nested.", ge=4, le=100)
    ] = 32
    messages_per_s: Annotated[
        float, Meta(description="Messages per second of one conversation.", gt=0)
    ] = 200.0
    message_burst: Annotated[
        int, Meta(description="Messages of one conversation that may come at once.", ge=1)
    ] = 2000
    bytes_per_s: Annotated[
        float, Meta(description="Bytes of messages per second of one conversation.", gt=0)
    ] = 2_000_000.0
    byte_burst: Annotated[
        int, Meta(description="Bytes of messages that may come at once.", ge=1024)
    ] = 67_108_864
    max_refusals: Annotated[
        int, Meta(description="Messages in a row that can't be used until it is over.", ge=1)
    ] = 2000
    max_picture_pixels: Annotated[
        int, Meta(description="Width times height of a picture.", ge=4096)
    ] = 3_686_400
    max_picture_edge: Annotated[
        int, Meta(description="Width or height of a picture, in pixels.", ge=64, le=16_384)
    ] = 4096
    max_picture_aspect: Annotated[
        float, Meta(description="Longer edge of a picture over its shorter one.", ge=1)
    ] = 8.0


class TelephonySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which telephone providers may bring calls, and how each shows that it is who it says."""

    providers: Annotated[
        tuple[str, ...],
        Meta(
            description="Who is answered: twilio, telnyx, plivo, vonage, genesys, asterisk, "
            "audiosocket. None by default."
        ),
    ] = ()
    public_url: Annotated[
        str,
        Meta(description="How providers dial this server, as wss://host; none takes Host."),
    ] = ""
    twilio_auth_token: Annotated[
        str, Meta(description="Twilio's auth token: X-Twilio-Signature is checked with it.")
    ] = ""
    telnyx_token: Annotated[
        str, Meta(description="Telnyx' stream_auth_token, compared with the one it sends.")
    ] = ""
    genesys_api_key: Annotated[
        str, Meta(description="API key of the AudioHook integration, compared with X-API-KEY.")
    ] = ""
    genesys_client_secret: Annotated[
        str, Meta(description="Client secret of it, in base64: signatures are checked with it.")
    ] = ""
    keys_are_text: Annotated[
        bool, Meta(description="Whether keyed digits are a typed question, at # or a pause.")
    ] = False
    listener: Annotated[
        str, Meta(description="Plugin of the kind 'phone' that is told what happens in calls.")
    ] = ""
    audiosocket_host: Annotated[
        str, Meta(description="Address where AudioSocket is listened to.", min_length=1)
    ] = "127.0.0.1"
    audiosocket_port: Annotated[
        int, Meta(description="TCP port of it; 0 takes a free one.", ge=0, le=65535)
    ] = 9019
    audiosocket_from: Annotated[
        tuple[str, ...],
        Meta(description="Networks whose Asterisk may connect; AudioSocket has no keys."),
    ] = ("127.0.0.0/8", "::1/128")

    def __repr__(self) -> str:
        return _without_secrets(self, "telephony")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole tree. Only `pipelines` sees all of it."""

    server: ServerSettings = ServerSettings()
    webrtc: WebrtcSettings = WebrtcSettings()
    websocket: WebsocketSettings = WebsocketSettings()
    turn: TurnSettings = TurnSettings()
    vision: VisionSettings = VisionSettings()
    audio: AudioSettings = AudioSettings()
    engine: EngineSettings = EngineSettings()
    voice: VoiceSettings = VoiceSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    session: SessionSettings = SessionSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitsSettings = LimitsSettings()
    telephony: TelephonySettings = TelephonySettings()


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as `visavis config show` prints it. `value` of a secret is already hidden."""

    path: str
    value: object
    source: str
    doc: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings with the source of every value that is not a default."""

    settings: Settings
    sources: Mapping[str, str]

    def rows(self) -> Iterator[SettingRow]:
        """Every setting in tree order."""
        for path, field in _FIELDS.items():
            branch, name = path.split(".")
            value: object = getattr(getattr(self.settings, branch), name)
            if path in SECRETS and value:
                value = "(hidden)"
            yield SettingRow(path, value, self.sources.get(path, "default"), _doc(field.type))


def load(
    toml_path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> Settings:
    """The effective settings. `overrides` are `path=value` strings of the command line.

    Raises `ConfigError`, naming path, source and value, for anything that can't be used.
    """
    return load_with_sources(toml_path, env, overrides).settings


def load_with_sources(
    toml_path: Path | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> LoadedSettings:
    """As `load`, and where each value came from."""
    values: dict[str, object] = {}
    sources: dict[str, str] = {}

    def put(path: str, raw: object, source: str, *, is_text: bool) -> None:
        values[path] = _convert(path, raw, source, is_text=is_text)
        sources[path] = source

    if toml_path is not None:
        for path, raw in _read_toml(toml_path):
            put(path, raw, str(toml_path), is_text=False)
    for name, text in sorted((env or {}).items()):
        if name.startswith(ENV_PREFIX):
            path = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            put(path, text, f"environment variable {name}", is_text=True)
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(
                f"--set {override!r} has no value: write --set path=value, "
                f"for example --set turn.eager_silence_ms=192"
            )
        put(path.strip(), text.strip(), f"--set {path.strip()}", is_text=True)

    tree: dict[str, dict[str, object]] = {}
    for path, value in values.items():
        branch, name = path.split(".")
        tree.setdefault(branch, {})[name] = value
    settings = Settings(
        **{name: _BRANCHES[name](**fields) for name, fields in tree.items()}  # type: ignore[arg-type]
    )
    _check_order(settings, sources)
    return LoadedSettings(settings, sources)


def _check_order(settings: Settings, sources: Mapping[str, str]) -> None:
    """Values that are fine alone and wrong together."""
    for low, high in (
        ("turn.probe_silence_ms", "turn.eager_silence_ms"),
        ("turn.eager_silence_ms", "turn.unsure_silence_ms"),
        ("turn.unsure_silence_ms", "turn.patient_silence_ms"),
        ("webrtc.jitter_base_ms", "webrtc.jitter_max_ms"),
        ("audio.vad_off", "audio.vad_on"),
        ("audio.vad_on", "audio.vad_on_playing"),
        ("vision.dark", "vision.bright"),
    ):
        small, large = _value(settings, low), _value(settings, high)
        if small > large:
            raise ConfigError(
                f"{low} is {small} ({sources.get(low, 'default')}) and {high} is {large} "
                f"({sources.get(high, 'default')}): {low} must not be larger than {high}"
            )


def _value(settings: Settings, path: str) -> float:
    branch, name = path.split(".")
    return float(getattr(getattr(settings, branch), name))


def _read_toml(path: Path) -> Iterator[tuple[str, object]]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"settings file {path} can't be read ({error.strerror}): check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"settings file {path} is not TOML: {error}") from error
    for branch, fields in tree.items():
        if not isinstance(fields, dict):
            raise _unknown(branch, fields, str(path))
        for name, value in cast(dict[str, object], fields).items():  # TOML keys are texts
            yield f"{branch}.{name}", value


def _convert(path: str, raw: object, source: str, *, is_text: bool) -> object:
    field = _FIELDS.get(path)
    if field is None:
        raise _unknown(path, raw, source)
    if is_text and isinstance(raw, str):
        base = _base(field.type)
        if get_origin(base) is tuple:
            raw = tuple(part.strip() for part in raw.split(",") if part.strip())
        elif base == (str | None) and raw.lower() in {"", "none"}:
            raw = None
    try:
        return msgspec.convert(raw, field.type, strict=not is_text)
    except msgspec.ValidationError as error:
        shown = "(hidden)" if path in SECRETS else repr(raw)
        raise ConfigError(f"{path} is {shown} ({source}): {error}. {_doc(field.type)}") from error


def _unknown(path: str, raw: object, source: str) -> ConfigError:
    branch, _, name = path.partition(".")
    near = difflib.get_close_matches(path, _FIELDS, n=1, cutoff=0.6)
    if not near and branch in _BRANCHES and name:
        near = difflib.get_close_matches(name, [p.split(".")[1] for p in _FIELDS], n=1)
        near = [p for p in _FIELDS if p.split(".")[1] in near][:1]
    if near:
        remedy = f"did you mean {near[0]}?"
    elif branch in _BRANCHES:
        names = ", ".join(p.split(".")[1] for p in _FIELDS if p.startswith(f"{branch}."))
        remedy = f"{branch} has {names}"
    else:
        remedy = f"the branches are {', '.join(_BRANCHES)}"
    shown = "(hidden)" if SECRETS.intersection(near) else repr(raw)
    return ConfigError(f"unknown setting {path} = {shown} ({source}): {remedy}")


def _without_secrets(branch: msgspec.Struct, name: str) -> str:
    """As `repr`, but a secret is not shown: settings may end up in a traceback."""
    fields = ", ".join(
        f"{field}={'(hidden)' if f'{name}.{field}' in SECRETS and value else repr(value)}"
        for field, value in msgspec.structs.asdict(branch).items()
    )
    return f"{type(branch).__name__}({fields})"


def _base(kind: Any) -> Any:  # a field's annotation: any typing form
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _doc(kind: Any) -> str:  # a field's annotation: any typing form
    for meta in get_args(kind)[1:] if get_origin(kind) is Annotated else ():
        if isinstance(meta, Meta) and meta.description:
            return meta.description
    return ""


_BRANCHES: dict[str, type[msgspec.Struct]] = {
    field.name: field.type for field in msgspec.structs.fields(Settings)
}
_FIELDS: dict[str, msgspec.structs.FieldInfo] = {
    f"{branch}.{field.name}": field
    for branch, kind in _BRANCHES.items()
    for field in msgspec.structs.fields(kind)
}
