"""What one response took in and gave out, in tokens: counted, never guessed from the other side.

In: positions of the model's context, as the engine counts them; where it does not, the words and
pictures that were handed to it. Out: tokens decoded, and the voice in the published unit of one
token for each 50 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import TokensTaken
from .frames import SPEAKING_RATE

VOICE_TOKEN = SPEAKING_RATE // 20
"""Samples of voice that count as one token."""


@dataclass(slots=True)
class Usage:
    """One response's count."""

    taken: TokensTaken = field(default_factory=TokensTaken)
    cached: TokensTaken = field(default_factory=TokensTaken)
    """What of it the context had taken in for an earlier response."""
    tokens: int = 0
    """Decoded."""
    voiced: int = 0
    """Samples at SPEAKING_RATE."""

    def as_message(self) -> dict[str, object]:
        """The `usage` object of response.done."""
        audio = -(-self.voiced // VOICE_TOKEN)
        output = self.tokens + audio
        taken, cached = self.taken, self.cached
        return {
            "total_tokens": taken.total + output,
            "input_tokens": taken.total,
            "output_tokens": output,
            "input_token_details": {
                "text_tokens": taken.text,
                "audio_tokens": taken.audio,
                "image_tokens": taken.image,
                "cached_tokens": cached.total,
                "cached_tokens_details": {
                    "text_tokens": cached.text,
                    "audio_tokens": cached.audio,
                    "image_tokens": cached.image,
                },
            },
            "output_token_details": {"text_tokens": self.tokens, "audio_tokens": audio},
        }


def still_there(before: TokensTaken, now: TokensTaken) -> TokensTaken:
    """What of the earlier context can be in the present one: it only grows, or begins again."""
    return TokensTaken(
        min(before.text, now.text), min(before.audio, now.audio), min(before.image, now.image)
    )
