"""The size of H.264 pictures, read from their sequence parameter set before anything is decoded.

Rec. ITU-T H.264, 7.3.2.1.1. Plain code on bytes.
"""

from __future__ import annotations

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_CHROMA_STEPS = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}


def h264_size(data: bytes) -> tuple[int, int] | None:
    """Width and height a coded picture declares; None when it carries no readable parameter set."""
    start = data.find(b"\x00\x00\x01")
    while start >= 0 and start + 3 < len(data):
        if data[start + 3] & 0x1F == 7:
            end = data.find(b"\x00\x00\x01", start + 4)
            try:
                return _parse(data[start + 4 : end if end >= 0 else None])
            except IndexError:  # the set ends too early
                return None
        start = data.find(b"\x00\x00\x01", start + 3)
    return None


class _Bits:
    """Reads bits; raises IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data.replace(b"\x00\x00\x03", b"\x00\x00")  # emulation prevention
        self._at = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - self._at & 7) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """Exp-Golomb, at most 32 bits."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise IndexError("an Exp-Golomb code without end")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _parse(data: bytes) -> tuple[int, int]:
    bits = _Bits(data)
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    bits.unsigned()  # id
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = bits.unsigned()
        if chroma == 3:
            bits.take(1)
        bits.unsigned()  # luma depth
        bits.unsigned()  # chroma depth
        bits.take(1)
        if bits.take(1):
            for index in range(8 if chroma != 3 else 12):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    bits.unsigned()  # frame number bits
    match bits.unsigned():  # picture order count type
        case 0:
            bits.unsigned()
        case 1:
            bits.take(1)
            bits.signed()
            bits.signed()
            for _ in range(min(bits.unsigned(), 255)):
                bits.signed()
        case _:
            pass
    bits.unsigned()  # reference frames
    bits.take(1)
    width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
    is_progressive = bits.take(1)
    if not is_progressive:
        height *= 2
        bits.take(1)
    bits.take(1)
    if bits.take(1):  # cropping
        step_x, step_y = _CHROMA_STEPS.get(chroma, (1, 1))
        step_y *= 2 - is_progressive
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= step_x * (left + right)
        height -= step_y * (top + bottom)
    return width, height


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
