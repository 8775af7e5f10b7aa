"""Scales pictures on a thread of the media process, so that only the model's own size travels."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from ...runtime.frames import Picture, VideoFrame
from ...runtime.protocols import Slot


class PictureScaler:
    """The newest picture of each conversation waits for the thread, which starts with the first."""

    def __init__(
        self,
        width: int,
        height: int,
        send: Callable[[Slot, VideoFrame, Picture], bool],
        failed: Callable[[Slot, Exception], None],
    ) -> None:
        """`send` and `failed` are called on the thread; `send` takes a [height, width, 3] picture,
        is quick, and says False where there was no room for it."""
        self.dropped = 0
        """Replaced by a newer one before the thread took them, or sent where there was no room."""
        self._width, self._height = width, height
        self._send, self._failed = send, failed
        self._waiting: dict[Slot, VideoFrame] = {}
        self._under_way: Slot | None = None
        self._is_stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """The thread has not ended."""
        return self._thread is not None and self._thread.is_alive()

    def put(self, slot: Slot, frame: VideoFrame) -> None:
        """The one that waits goes."""
        with self._changed:
            self.dropped += slot in self._waiting
            self._waiting[slot] = frame
            if self._thread is None:
                # A daemon: a picture that can't be converted must not keep the process.
                self._thread = threading.Thread(target=self._run, name="scale", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, slot: Slot) -> None:
        """Nothing of this conversation is sent after this call."""
        with self._changed:
            self._waiting.pop(slot, None)
            if self._under_way == slot:
                self._under_way = None

    def stop(self) -> None:
        """End the thread after its picture; nothing is sent after this call."""
        with self._changed:
            self._is_stopping = True
            self._under_way = None
            self._waiting.clear()
            self._changed.notify()

    def _is_wanted(self) -> bool:
        return self._under_way is not None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_stopping)
                if self._is_stopping:
                    return
                slot = next(iter(self._waiting))
                frame = self._waiting.pop(slot)
                self._under_way = slot
            try:
                picture = np.ascontiguousarray(frame.pixels.rgb(self._width, self._height))
                if picture.shape != (self._height, self._width, 3) or picture.dtype != np.uint8:
                    raise ValueError(
                        f"a picture came as {picture.dtype} {picture.shape}, not as uint8 "
                        f"({self._height}, {self._width}, 3)"
                    )
            except Exception as error:  # noqa: BLE001 - one bad picture ends no conversation
                self._failed(slot, error)
                continue
            with self._changed:
                if self._is_wanted():
                    self.dropped += not self._send(slot, frame, picture)
                    self._under_way = None
