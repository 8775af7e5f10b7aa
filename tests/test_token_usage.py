"""What a response took in and gave out."""

from __future__ import annotations

from openai.types.realtime import RealtimeResponseUsage

from visavis.runtime.events import TokensTaken
from visavis.runtime.token_usage import VOICE_TOKEN, Usage, still_there


def test_usage_adds_up_in_the_published_shape() -> None:
    usage = Usage(TokensTaken(3, 5, 16), TokensTaken(1, 0, 16), tokens=7, voiced=VOICE_TOKEN + 1)
    shown = RealtimeResponseUsage.model_validate(usage.as_message(), strict=True)
    assert (shown.input_tokens, shown.output_tokens, shown.total_tokens) == (24, 9, 33)
    assert shown.input_token_details is not None
    assert shown.input_token_details.cached_tokens == 17
    assert shown.output_token_details is not None
    assert shown.output_token_details.audio_tokens == 2  # a part of 50 ms is one more


def test_what_was_there_before_can_have_been_forgotten() -> None:
    assert still_there(TokensTaken(9, 2, 16), TokensTaken(4, 5, 0)) == TokensTaken(4, 2, 0)
