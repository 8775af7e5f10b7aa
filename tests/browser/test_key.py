"""The page of a server that asks for a key, in a real Chromium."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from browser.browser import HAS_CHROMIUM, launch
from browser.servers import served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_CHROMIUM, reason="chromium is not installed"),
]

KEY = "sk-visavis-0123456789abcdef0123456789abcdef"
WRONG = "sk-visavis-ffffffffffffffffffffffffffffffff"


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    with served("echo", settings=[f"access.api_keys={KEY}"]) as address:
        yield address


def test_the_key_is_asked_for_until_it_is_right_and_then_kept(address: str) -> None:
    with launch(address) as demo:
        dialog, entry = demo.part("key-dialog"), demo.part("key-input")
        demo.press_start()
        dialog.wait_for(state="visible")
        assert not demo.part("key-why").is_visible()
        assert entry.get_attribute("type") == "password"
        entry.fill(WRONG)
        demo.part("key-submit").click()
        demo.part("key-why").wait_for(state="visible")
        assert "key" in demo.part("key-why").inner_text()
        assert WRONG not in demo.page.content() and entry.input_value() == ""
        entry.fill(KEY)
        entry.press("Enter")
        demo.wait_for(lambda: demo.line() == "live", 40, "the line to be up")
        assert not dialog.is_visible() and demo.notices() == []
        demo.toggle_mute()
        demo.ask("hello")
        demo.wait_for_answers(1)
        demo.wait_for_phase("listening")  # of an answer that nobody heard nothing would stay
        demo.page.reload()  # with the key of this tab
        demo.wait_for(lambda: demo.line() == "live", 40, "the line to be up again")
        demo.wait_for(lambda: len(demo.messages()) == 2, 20, "what was said before")
        assert demo.problems == []


def test_without_one_the_page_says_what_is_missing(address: str) -> None:
    with launch(address) as demo:
        demo.press_start()
        demo.part("key-dialog").wait_for(state="visible")
        demo.page.keyboard.press("Escape")
        notice = demo.wait_for_notice("line")
        assert notice.title == "This server asks for a key"
        assert notice.actions == ("Enter a key",)
        assert demo.line() == "ended"
        demo.part("notice-action").click()
        demo.part("key-dialog").wait_for(state="visible")
        demo.part("key-cancel").click()
        demo.wait_for_notice("line")


def test_a_key_in_the_address_is_taken_and_hidden(address: str) -> None:
    with launch(f"{address}#key={KEY}") as demo:
        demo.start(40)
        assert KEY not in demo.page.url
        assert not demo.part("key-dialog").is_visible()
