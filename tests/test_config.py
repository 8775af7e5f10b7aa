"""The sizes of a model agree with each other, and nothing heavy comes with them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from visavis.models.config import CONFIGS, NANO, Kind, ModelConfig
from visavis.models.spelling import LETTERS


def test_derived_sizes() -> None:
    assert NANO.classes == len(LETTERS) + 1
    assert NANO.window == 512
    assert NANO.picture_tokens == 36
    assert CONFIGS[NANO.name] is NANO


@pytest.mark.parametrize("config", CONFIGS.values(), ids=str)
def test_sizes_divide(config: ModelConfig) -> None:
    assert config.width % config.heads == 0
    assert config.width // config.heads % 2 == 0, "rotary angles come in pairs"
    assert config.vision_width % config.vision_heads == 0
    assert config.picture % 16 == 0
    assert 0 < config.exits[0] < config.exits[-1] < config.layers


def test_a_config_survives_its_header() -> None:
    header: dict[str, Any] = json.loads(json.dumps(NANO.as_dict()))
    header |= {name: tuple(header[name]) for name in ("dilations", "exits")}
    assert ModelConfig(**header) == NANO


def test_kinds_are_rows_of_a_table() -> None:
    assert sorted(Kind) == list(range(len(Kind)))


def test_running_the_model_needs_neither_torch_nor_onnx() -> None:
    modules = ("embedded", "networks", "positions", "compress", "spelling", "lexicon", "config")
    code = (
        f"import sys, importlib\nfor m in {modules}: importlib.import_module('visavis.models.' + m)\n"
        "print(sorted({'torch', 'onnx', 'silero_vad'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
