"""Collects the packets of coded pictures and hands a picture on with its last packet.

The marker bit says which packet is the last, so nobody waits for the next picture to begin. Plain
code: knows sequence numbers, timestamps and which pictures stand alone; decodes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

WAIT_S = 0.15
"""How long a missing packet may still come (it is asked for again) before pictures are dropped."""
MAX_PACKETS = 1024
"""Packets held at most; a picture of more than this is not a camera's."""
ASK_AGAIN_S = 0.5
"""Between two requests for a whole picture while none comes."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One coded picture. `timestamp` is RTP time, unwrapped; `arrived` of its last packet."""

    data: bytes
    timestamp: int
    arrived: float
    is_key: bool
    codec: str


@dataclass(frozen=True, slots=True)
class _Part:
    timestamp: int
    is_last: bool
    starts: bool
    data: bytes
    arrived: float
    codec: str


@dataclass(slots=True)
class PictureAssembly:
    """`push` packets, get the pictures that became complete and whether to ask for a whole one."""

    dropped: int = 0
    """Pictures given up."""
    _parts: dict[int, _Part] = field(default_factory=dict[int, _Part])
    _next: int | None = None
    _scanned: int = 0
    _highest_seq: int = 0
    _highest_ts: int = 0
    _hole_since: float | None = None
    _needs_key: bool = True
    _is_boundary: bool = False
    _asked: float = float("-inf")

    def push(
        self,
        seq: int,
        timestamp: int,
        *,
        is_last: bool,
        starts: bool,
        data: bytes,
        arrived: float,
        codec: str,
    ) -> tuple[list[CodedPicture], bool]:
        """One packet, already without the codec's RTP descriptor. `starts`: it certainly begins a
        picture. Empty `data` is padding."""
        if self._next is None:
            self._next = self._highest_seq = self._scanned = seq
            self._highest_ts = timestamp
            self._asked = max(self._asked, arrived - 0.8 * ASK_AGAIN_S)  # the first may be whole
        step = _signed(seq - self._highest_seq, 16)
        if abs(step) > 3000:
            self.lose()
            self._next = self._highest_seq = self._scanned = seq
            step = 0
        number = self._highest_seq + step
        assert self._next is not None
        if number < self._next or number in self._parts:
            return [], False
        self._highest_seq = max(self._highest_seq, number)
        unwrapped = self._highest_ts + _signed(timestamp - self._highest_ts, 32)
        self._highest_ts = max(self._highest_ts, unwrapped)
        self._parts[number] = _Part(unwrapped, is_last, starts, data, arrived, codec)
        pictures = self._complete()
        if self._is_stuck(arrived):
            self._skip()
            pictures += self._complete()
        return pictures, self._should_ask(arrived)

    def lose(self) -> None:
        """The decoder can't go on, or the stream broke: wait for a picture that stands alone."""
        self._needs_key = True
        self._parts.clear()
        self._hole_since = None
        self._is_boundary = False
        self._next = None

    def broken(self) -> None:
        """A complete picture could not be decoded: go on with the next that stands alone."""
        self._needs_key = True

    def _complete(self) -> list[CodedPicture]:
        """Cut whole pictures off the front."""
        pictures: list[CodedPicture] = []
        while (cut := self._front()) is not None:
            parts = [self._parts.pop(number) for number in range(cut[0], cut[1])]
            begins, self._is_boundary = parts[0].starts or self._is_boundary, True
            self._next = cut[1]
            self._hole_since = None
            data = b"".join(part.data for part in parts)
            if not data:
                continue
            codec = parts[-1].codec
            is_key = is_key_picture(codec, data)
            if self._needs_key and not (is_key and begins):
                self.dropped += 1
                continue
            self._needs_key = False
            pictures.append(
                CodedPicture(data, parts[0].timestamp, parts[-1].arrived, is_key, codec)
            )
        return pictures

    def _front(self) -> tuple[int, int] | None:
        """The numbers [first, end) of the picture at the front when all of it is here."""
        assert self._next is not None
        first = self._parts.get(self._next)
        if first is None:
            return None
        # Everything from _next up to _scanned belongs to one picture whose end is not here yet.
        number = max(self._next, self._scanned)
        while (part := self._parts.get(number)) is not None:
            if part.timestamp != first.timestamp:
                return self._next, number  # a sender that sets no marker
            number += 1
            if part.is_last:
                return self._next, number
        self._scanned = number
        return None

    def _is_stuck(self, now: float) -> bool:
        """A packet has been missing for too long."""
        assert self._next is not None
        has_hole = self._highest_seq - self._next + 1 > len(self._parts)
        if not has_hole:
            self._hole_since = None
        elif self._hole_since is None:
            self._hole_since = now
        elif now - self._hole_since > WAIT_S:
            return True
        return len(self._parts) > MAX_PACKETS

    def _skip(self) -> None:
        """Give up everything before the first later picture whose beginning is certain and which
        stands alone; everything held when there is none."""
        assert self._next is not None
        self.dropped += 1
        self._hole_since = None
        self._needs_key = True
        numbers = sorted(self._parts)
        for number in numbers:
            part = self._parts[number]
            before = self._parts.get(number - 1)
            begins = part.starts or (before is not None and before.is_last)
            if begins and number > self._next and is_key_picture(part.codec, part.data):
                for old in numbers:
                    if old < number:
                        del self._parts[old]
                self._next, self._is_boundary = number, True
                return
        last = self._parts.get(self._highest_seq)
        self._is_boundary = last is not None and last.is_last
        self._parts.clear()
        self._next = self._highest_seq + 1

    def _should_ask(self, now: float) -> bool:
        if not self._needs_key or now - self._asked < ASK_AGAIN_S:
            return False
        self._asked = now
        return True


def is_key_picture(codec: str, data: bytes) -> bool:
    """Whether a coded picture, or its first packet, stands alone."""
    if codec == "VP8":
        return bool(data) and not data[0] & 1  # RFC 6386, 9.1
    return any(kind in (5, 7) for kind in _nal_kinds(data))


def begins_picture(codec: str, payload: bytes) -> bool:
    """Whether an RTP payload certainly is the first of a picture."""
    if codec == "VP8":  # the S bit of partition 0 (RFC 7741, 4.2)
        return bool(payload) and bool(payload[0] & 0x10) and not payload[0] & 0x0F
    if len(payload) < 2:
        return False
    kind = payload[0] & 0x1F  # a parameter set or delimiter, alone or first in a STAP-A
    if kind == 24 and len(payload) > 3:
        kind = payload[3] & 0x1F
    return kind in (7, 9)


def vp8_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the header of a VP8 key picture (RFC 6386, 9.1)."""
    if len(data) < 10 or data[3:6] != b"\x9d\x01\x2a":
        return None
    return (
        int.from_bytes(data[6:8], "little") & 0x3FFF,
        int.from_bytes(data[8:10], "little") & 0x3FFF,
    )


def _nal_kinds(data: bytes) -> list[int]:
    kinds: list[int] = []
    start = data.find(b"\x00\x00\x01")
    while start >= 0 and start + 3 < len(data) and len(kinds) < 8:
        kinds.append(data[start + 3] & 0x1F)
        start = data.find(b"\x00\x00\x01", start + 3)
    return kinds


def _signed(difference: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
