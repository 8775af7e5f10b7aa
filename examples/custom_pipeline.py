"""Speech to text, a function of your own, a voice: nothing but the function is written here.

`settings` may name another transcriber, for example {"transcription.engine": "faster-whisper"}.
"""

from collections.abc import AsyncGenerator

from visavis import Agent

agent = Agent()


@agent.answer
async def answer(text: str) -> AsyncGenerator[str, None]:
    """What the agent says to `text`, piece by piece: the first is spoken while the next is made."""
    yield f"You said: {text}. "
    yield f"That was {len(text.split())} words."


if __name__ == "__main__":
    raise SystemExit(agent.run())
