"""The transcriber a client chose, for one conversation: it hears what the engine hears.

One transcript is open for as long as the client wants the same language and expected words; while
none can be had, every utterance's transcript is told as failed, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable

from .effects import BeginTranscript, DropTranscript, EndTranscript
from .errors import BadInput
from .events import Transcribed, TranscriptionFailed
from .frames import AudioChunk
from .protocols import Transcriber

Wish = tuple[str | None, str]
"""Language (None: find out) and words that may be expected."""


class Scribe:
    """Used on the event loop. Without a transcriber it writes nothing."""

    def __init__(
        self,
        transcriber: Transcriber | None,
        deliver: Callable[[Transcribed | TranscriptionFailed], None],
    ) -> None:
        """`deliver` is called with what was written, on the event loop."""
        self._transcriber = transcriber
        self._deliver = deliver
        self._script: int | None = None
        self._wish: Wish | None = None
        self._problem = "no transcriber is there"

    def hear(self, chunk: AudioChunk, wish: Wish | None) -> None:
        """The person's audio, and what the client wants of it at present."""
        transcriber = self._transcriber
        if transcriber is None:
            return
        if wish != self._wish:
            self._wish = wish
            self._open(transcriber, wish)
        if self._script is not None:
            transcriber.hear(self._script, chunk)

    def carry_out(
        self, effect: BeginTranscript | EndTranscript | DropTranscript
    ) -> TranscriptionFailed | None:
        """Begin, end or drop an utterance; a transcript that nobody writes comes back as failed."""
        transcriber, script = self._transcriber, self._script
        if transcriber is None or script is None:
            if isinstance(effect, EndTranscript):
                return TranscriptionFailed(effect.item_id, self._problem)
            return None
        match effect:
            case BeginTranscript(item_id=item_id, start_pts=start_pts):
                transcriber.begin(script, item_id, start_pts)
            case EndTranscript(item_id=item_id, end_pts=end_pts):
                transcriber.end(script, item_id, end_pts)
            case DropTranscript(item_id=item_id):
                transcriber.drop(script, item_id)
        return None

    def close(self) -> None:
        """Nothing is written after this call. Idempotent."""
        script, self._script = self._script, None
        if script is not None and self._transcriber is not None:
            self._transcriber.close(script)

    def _open(self, transcriber: Transcriber, wish: Wish | None) -> None:
        self.close()
        if wish is None:
            return
        language, prompt = wish
        try:
            self._script = transcriber.open(self._deliver, language=language, prompt=prompt)
        except BadInput as error:
            self._problem = str(error)
