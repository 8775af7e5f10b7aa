"""The command line. Reads arguments and settings, then hands over; imports a part when it is asked for.

`visavis serve` must listen within three seconds, so nothing heavy is imported at the top.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn, cast

from ..runtime.errors import ConfigError, VisavisError
from ..runtime.settings import LoadedSettings, load_with_sources
from .extensions import command, command_names

EXIT_PROBLEM = 1
"""Something is missing or failed."""
EXIT_USAGE = 2
"""The command line or a setting can't be used."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments and arguments[0] in command_names():
            return command(arguments[0])(arguments[1:])
        return _run(_parser().parse_args(arguments))
    except ConfigError as error:
        return _complain(error, EXIT_USAGE)
    except VisavisError as error:
        return _complain(error, EXIT_PROBLEM)
    except KeyboardInterrupt:
        return 130


def _complain(error: VisavisError, status: int) -> int:
    sys.stderr.write(f"visavis: {error}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="visavis",
        description="Talk to it and show it things: a streaming real-time audio-visual agent.",
    )
    parser.add_argument("--version", action="version", version=f"visavis {version('visavis')}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    serve = commands.add_parser("serve", help="start the server and print the address to open")
    serve.add_argument("--host", help="address to listen on (server.host)")
    serve.add_argument("--port", help="port to listen on, 0 for a free one (server.port)")
    serve.add_argument(
        "--allow-anyone-on-the-network",
        action="store_const",
        const="true",
        help="listen beyond this machine without any API key",
    )

    ask = commands.add_parser("ask", help="put one question to it from files and print the answer")
    question = ask.add_mutually_exclusive_group(required=True)
    question.add_argument("--audio", type=Path, help="a spoken question (any audio file)")
    question.add_argument("--text", help="a typed question")
    ask.add_argument("--video", type=Path, help="what the camera shows (png, jpg, mp4, y4m, …)")
    ask.add_argument("--json", action="store_true", help="end with one line of JSON")
    ask.add_argument(
        "--real-time", action="store_true", help="feed the files at the speed of a conversation"
    )

    key = commands.add_parser("key", help="make an API key; print it and its hash")
    key.add_argument("--json", action="store_true", help="print one line of JSON instead")

    for name in command_names():
        commands.add_parser(name, help=f"see visavis {name} --help", add_help=False)

    config = commands.add_parser("config", help="the settings and where each came from")
    show = config.add_subparsers(dest="action", metavar="show", required=True).add_parser(
        "show", help="print every setting, its value and its source"
    )
    doctor = commands.add_parser(
        "doctor", help="what is missing on this machine and how to mend it"
    )
    models = commands.add_parser("models", help="the models that can answer, and their sizes")

    engine = commands.add_parser(
        "engine", help="run the models in a process of their own, for one server or several"
    )

    for each in (serve, ask, engine, show, doctor, models):
        _add_settings(each)
    for each in (show, doctor, models):
        each.add_argument("--json", action="store_true", help="print one line of JSON instead")
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings")
    group.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings")
    group.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="one setting, for example --set turn.eager_silence_ms=160",
    )
    group.add_argument("--pipeline", help="what answers: fused or echo (engine.pipeline)")


def _settings(arguments: argparse.Namespace) -> LoadedSettings:
    overrides: list[str] = list(arguments.overrides)
    for option, path in (
        ("pipeline", "engine.pipeline"),
        ("host", "server.host"),
        ("port", "server.port"),
        ("allow_anyone_on_the_network", "access.allow_anyone_on_the_network"),
    ):
        value = getattr(arguments, option, None)
        if value is not None:
            overrides.append(f"{path}={value}")
    return load_with_sources(arguments.config, os.environ, overrides)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "key":
        from .access.keys import show_new_key

        return show_new_key(as_json=arguments.json)
    loaded = _settings(arguments)
    match arguments.command:
        case "serve":
            from .serve import serve

            return serve(loaded.settings)
        case "ask":
            from .ask import ask

            return ask(
                loaded.settings,
                audio=arguments.audio,
                text=arguments.text,
                video=arguments.video,
                is_real_time=arguments.real_time,
                as_json=arguments.json,
            )
        case "engine":
            from .engine_host import engine

            return engine(loaded.settings.engine)
        case "config":
            return _show(loaded, as_json=arguments.json)
        case "doctor":
            from .doctor import doctor

            return doctor(loaded.settings, as_json=arguments.json)
        case "models":
            from .catalogue import catalogue

            return catalogue(loaded.settings, as_json=arguments.json)
        case name:
            _unreachable(name)


def _unreachable(name: str) -> NoReturn:
    raise AssertionError(f"the parser let the unknown command {name!r} through")


def _show(loaded: LoadedSettings, *, as_json: bool) -> int:
    rows = list(loaded.rows())
    if as_json:
        shown = {row.path: {"value": row.value, "source": row.source} for row in rows}
        sys.stdout.write(json.dumps(shown) + "\n")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "source", "what it is", box=None, pad_edge=False)
    for row in rows:
        style = None if row.source == "default" else "bold"
        table.add_row(row.path, _shown(row.value), row.source, row.doc, style=style)
    Console().print(table)
    return 0


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(each) for each in cast("tuple[object, ...]", value)) or "–"
    return "–" if value is None or value == "" else str(value)
