"""`visavis models`: what can answer here, how large it is, and where its weights are."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ..runtime.errors import WeightsError
from ..runtime.plugins import PLUGINS
from ..runtime.settings import Settings
from . import assembly

SHOWN_DIGITS = 12
"""Hex digits of a file's SHA-256 that are shown; enough to tell two files apart."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model. Sizes in bytes; `problem` says why it can't be used."""

    name: str
    does: str
    parameters: int
    file: str
    size: int
    sha256: str
    problem: str = ""


def catalogue(settings: Settings, *, as_json: bool) -> int:
    """Prints the models and pipelines; exit status 1 when a model can't be used."""
    rows = model_rows(settings)
    pipelines = PLUGINS.names(assembly.PIPELINE)
    if as_json:
        listing = {"models": [asdict(row) for row in rows], "pipelines": pipelines}
        sys.stdout.write(json.dumps(listing) + "\n")
    else:
        _show(rows, pipelines, settings.engine.pipeline)
    return 1 if any(row.problem for row in rows) else 0


def model_rows(settings: Settings) -> list[ModelRow]:
    """The embedded models, the one that names sounds, and the one that finds speech."""
    from ..models.config import CONFIGS
    from ..models.networks import shipped
    from ..models.sound_spotter import SHIPPED, SoundNetwork
    from ..models.vad import installed_weights

    rows: list[ModelRow] = []
    for name in sorted(CONFIGS):
        is_chosen = name == settings.engine.model and settings.engine.weights is not None
        path = Path(str(settings.engine.weights)) if is_chosen else shipped(name)
        rows.append(_embedded(name, path))
    try:
        count = SoundNetwork.load().parameters
        rows.append(
            ModelRow("sounds", "names sounds", count, str(SHIPPED), *_size_and_sha(SHIPPED))
        )
    except WeightsError as error:
        rows.append(ModelRow("sounds", "names sounds", 0, str(SHIPPED), 0, "", str(error)))
    try:
        path = installed_weights()
        rows.append(ModelRow("silero-vad", "finds speech", 0, str(path), *_size_and_sha(path)))
    except WeightsError as error:
        rows.append(ModelRow("silero-vad", "finds speech", 0, "", 0, "", str(error)))
    return rows


def _embedded(name: str, path: Path) -> ModelRow:
    from ..models.networks import WeightFile

    does = "hears, sees, answers"
    try:
        weights = WeightFile(path)
    except WeightsError as error:
        return ModelRow(name, does, 0, str(path), 0, "", str(error))
    parameters = sum(math.prod(tensor.shape) for tensor in weights.tensors.values())
    return ModelRow(name, does, parameters, str(path), *_size_and_sha(path))


def _size_and_sha(path: Path) -> tuple[int, str]:
    data = path.read_bytes()
    return len(data), hashlib.sha256(data).hexdigest()


def _short(count: int) -> str:
    """Three figures and a prefix: "5.68 M"; nothing for none."""
    if not count:
        return ""
    value, prefix = (count / 1e6, "M") if count >= 1e5 else (count / 1e3, "k")
    return f"{value:.3g} {prefix}"


def _show(rows: list[ModelRow], pipelines: list[str], chosen: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "what it does", "parameters", "size", "sha-256", box=None)
    for column in (2, 3):
        table.columns[column].justify = "right"
    for row in rows:
        table.add_row(
            row.name,
            row.does if not row.problem else f"[red]{row.problem}[/red]",
            _short(row.parameters),
            f"{_short(row.size)}B" if row.size else "",
            row.sha256[:SHOWN_DIGITS],
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"\npipelines: {', '.join(pipelines)}; settings choose {chosen}")
