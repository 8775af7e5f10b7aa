"""Keys become an entry at `#`, after a pause, or when there are too many."""

from __future__ import annotations

import asyncio

from visavis.runtime.clock import run_virtual
from visavis.transports.telephony.keypad import MAX_DIGITS, PAUSE_S, Keypad


def test_entries() -> None:
    entered: list[str] = []

    async def main() -> None:
        keypad = Keypad(asyncio.get_running_loop(), entered.append)
        for digit in "123#":
            keypad.press(digit)
        assert entered == ["123"]
        keypad.press("#")
        assert entered == ["123"]  # nothing was entered
        keypad.press("4")
        await asyncio.sleep(PAUSE_S * 0.9)
        keypad.press("5")
        await asyncio.sleep(PAUSE_S * 0.9)
        assert entered == ["123"]
        await asyncio.sleep(PAUSE_S * 0.2)
        assert entered == ["123", "45"]
        for _ in range(MAX_DIGITS):
            keypad.press("9")
        assert entered[-1] == "9" * MAX_DIGITS
        keypad.press("1")
        keypad.close()
        await asyncio.sleep(2 * PAUSE_S)
        assert len(entered) == 3

    run_virtual(main())
