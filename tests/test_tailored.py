"""A pipeline whose conversations have gates of one's own, and one that can't."""

from __future__ import annotations

import asyncio

import pytest
from server_fakes import FakePeer, FakePipeline

from visavis.pipelines.pipeline import Pipeline
from visavis.pipelines.tailored import Tailored
from visavis.runtime.errors import ConfigError
from visavis.runtime.settings import Settings
from visavis.runtime.speech_gate import SpeechGate


def test_it_is_the_pipeline_within() -> None:
    async def main() -> None:
        inner = FakePipeline()
        outer: Pipeline = Tailored(inner, Settings(), gate=SpeechGate)
        assert (outer.name, outer.hints, outer.totals) == ("fake", inner.hints, inner.totals)
        await outer.load()
        ended = asyncio.ensure_future(outer.ended())
        await asyncio.sleep(0)
        assert inner.death is not None
        inner.death.set_result("it died")
        assert await ended == "it died"
        await outer.close()
        assert inner.is_closed

    asyncio.run(main())


def test_a_pipeline_with_conversations_of_its_own_takes_no_gate() -> None:
    async def main() -> None:
        outer = Tailored(FakePipeline(), Settings(), gate=SpeechGate)
        with pytest.raises(ConfigError, match="'fake' brings its own conversations"):
            outer.converse(FakePeer())

    asyncio.run(main())
