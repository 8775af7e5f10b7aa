"""A gate of your own: what counts as speech. This one is deaf to the tones a call begins with."""

from visavis import Agent, SpeechGate

DEAF_S = 1.5
RATE = 16_000
"""Audio is counted in samples at this rate."""


class AfterTheTone(SpeechGate):
    """`feed` is told how probable speech is in every 32 ms; the rest of the gate is as it was."""

    def feed(self, pts: int, probability: float, *, is_playing: bool = False) -> bool:
        """Returns True where speech begins. `pts` is the end of the window."""
        if pts < DEAF_S * RATE:
            probability = 0.0
        return super().feed(pts, probability, is_playing=is_playing)


agent = Agent(pipeline="echo", gate=AfterTheTone)

if __name__ == "__main__":
    raise SystemExit(agent.run())
