"""The settings name the parts; a package can bring its own."""

from __future__ import annotations

import pytest
from server_fakes import FakePipeline

from visavis.pipelines.assembly import make_pipeline
from visavis.pipelines.pipeline import Pipeline
from visavis.pipelines.voices import voice
from visavis.runtime.clock import Clock, MonotonicClock
from visavis.runtime.errors import ConfigError
from visavis.runtime.plugins import PLUGINS
from visavis.runtime.settings import EngineSettings, Settings, VoiceSettings


@pytest.mark.parametrize("name", ["fused", "echo"])
def test_ours_are_made_by_name_and_load_nothing_yet(name: str) -> None:
    pipeline = make_pipeline(Settings(engine=EngineSettings(pipeline=name)))
    assert pipeline.name == name
    assert pipeline.hints


def test_a_plugin_brings_a_pipeline() -> None:
    def build(settings: Settings, clock: Clock) -> Pipeline:
        return FakePipeline()

    PLUGINS.register("pipeline", "brought", build)
    assert make_pipeline(Settings(engine=EngineSettings(pipeline="brought"))).name == "fake"


def test_an_unknown_voice_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="espeak"):
        voice(VoiceSettings(engine="espeek"), MonotonicClock())
