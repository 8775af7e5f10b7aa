"""Providers' doors on a real server: who gets in, who does not and why, and that nothing is left."""

from __future__ import annotations

import asyncio
import base64
import re
import runpy
import socket
import time
import urllib.request
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from server_fakes import FakePipeline
from telephone_fakes import encode
from telephone_site import TelephoneSite, telephone_site
from test_audiosocket import HELLO
from test_genesys import PCMU, SESSION, Client
from test_phone import CONNECTED, START, STOP, media
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_here

from visavis.pipelines.telephony import KIND, PhoneNews, Telephony
from visavis.runtime.errors import ConfigError
from visavis.runtime.plugins import PLUGINS
from visavis.runtime.settings import (
    AccessSettings,
    ServerSettings,
    Settings,
    TelephonySettings,
    load,
)
from visavis.transports.telephony.audiosocket import HANG_UP, frame
from visavis.transports.telephony.signatures import twilio_signature

KEY = "a-key-of-more-than-twenty-characters"
TOKEN = "twilio-auth-token"
EVERYBODY = ("twilio", "telnyx", "plivo", "vonage", "genesys", "asterisk", "audiosocket")
NEWS: list[PhoneNews] = []

PLUGINS.register(KIND, "test", NEWS.append)


def make_settings(
    telephony: Mapping[str, Any], keys: tuple[str, ...] = (), places: int = 2
) -> Settings:
    return Settings(
        server=ServerSettings(max_sessions=places),
        access=AccessSettings(api_keys=keys),
        telephony=TelephonySettings(audiosocket_port=0, listener="test", **telephony),
    )


@pytest.fixture(scope="module")
def site() -> Generator[TelephoneSite]:
    """One without keys, for two callers at once."""
    with telephone_site(make_settings({"providers": EVERYBODY}), FakePipeline()) as running:
        yield running


@pytest.fixture(scope="module")
def guarded() -> Generator[TelephoneSite]:
    """One with a key, Twilio's token and Genesys' key."""
    telephony = {
        "providers": EVERYBODY,
        "telnyx_token": "telnyx-token",
        "genesys_api_key": "genesys-key",
        "public_url": "wss://voice.example",
    }
    with telephone_site(make_settings(telephony, (KEY,)), FakePipeline()) as running:
        yield running


def settled(site: TelephoneSite) -> None:
    """Waits until every call of the site is over."""
    until = time.monotonic() + 20
    while site.tasks() or site.telephony.connections:
        assert time.monotonic() < until, site.tasks()
        time.sleep(0.01)


async def refused(url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as error:
        async with connect(url, additional_headers=headers):
            pass
    response = error.value.response
    return response.status_code, (response.body or b"").decode()


async def closed(url: str, *messages: Mapping[str, object]) -> tuple[int, str]:
    async with connect(url) as client:
        for message in messages:
            await client.send(encode(message))
        with pytest.raises(ConnectionClosed):
            while True:
                await client.recv()
        return client.close_code or 0, client.close_reason or ""


def test_a_call_lasts_until_the_caller_hangs_up_and_leaves_nothing(site: TelephoneSite) -> None:
    NEWS.clear()

    async def main() -> None:
        async with connect(f"{site.url}/twilio") as client:
            for message in (CONNECTED, START, media(b"\xff" * 160)):
                await client.send(encode(message))
            while not any(name.startswith("call tel_") for name in site.tasks()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await client.send(encode(STOP))
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1000

    asyncio.run(main())
    settled(site)
    kinds = [news.message["type"] for news in NEWS]
    assert kinds[0] == "visavis.call.started" and kinds[-1] == "visavis.call.ended"
    assert {news.stream_id for news in NEWS} == {"MZ1"}
    assert {news.provider for news in NEWS} == {"twilio"}


def test_more_callers_than_places_are_told_to_come_again(site: TelephoneSite) -> None:
    async def main() -> None:
        async with connect(f"{site.url}/twilio") as one, connect(f"{site.url}/twilio") as two:
            for client in (one, two):
                await client.send(encode(START))
            while len([n for n in site.tasks() if n.startswith("call tel_")]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            code, reason = await closed(f"{site.url}/twilio", START)
            assert code == 1013 and "all 2 places are taken" in reason

    asyncio.run(main())
    settled(site)


def test_nonsense_is_closed_with_the_reason(site: TelephoneSite) -> None:
    async def main() -> None:
        assert (await closed(f"{site.url}/twilio", {"event": 4}))[0] == 1007
        assert (await closed(f"{site.url}/telnyx", {"event": "media"}))[0] == 1002
        assert (
            await closed(
                f"{site.url}/vonage", {"event": "websocket:connected", "content-type": "x"}
            )
        )[0] == 1003

    asyncio.run(main())
    settled(site)
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/metrics", timeout=20) as answer:
        metrics = answer.read().decode()
    for code in ("broken_message", "protocol_error", "unsupported_media"):
        assert f'"{code}"' in metrics


def test_the_documentation_is_as_it_is_written(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "telephony.md").read_text(encoding="utf-8")
    (toml,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    written = tmp_path / "visavis.toml"
    written.write_text(toml.replace("sha256:…", KEY), encoding="utf-8")
    loaded = load(written)
    assert Telephony(loaded) and loaded.telephony.providers == ("twilio", "asterisk")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    example = tmp_path / "example.py"
    example.write_text(code, encoding="utf-8")
    runpy.run_path(str(example))["listen"](
        PhoneNews("twilio", "MZ1", {"type": "visavis.call.ended", "why": "x"})
    )


def test_a_provider_that_is_not_answered_is_told(site: TelephoneSite) -> None:
    status, body = asyncio.run(refused(f"{site.url}/acme"))
    assert status == 404 and "telephony.providers" in body


def test_a_probe_takes_no_place(site: TelephoneSite) -> None:
    async def main() -> None:
        client = Client()
        headers = {"Audiohook-Session-Id": SESSION}
        async with connect(f"{site.url}/genesys", additional_headers=headers) as socket:
            null = "00000000-0000-0000-0000-000000000000"
            await socket.send(encode(client.open(conversationId=null)))
            opened = client.hear(await socket.recv())
            assert opened["parameters"] == {"media": [PCMU]}
            assert not any(name.startswith("call tel_") for name in site.tasks())
            await socket.send(encode(client.say("close", reason="end")))
            assert client.hear(await socket.recv())["type"] == "closed"

    asyncio.run(main())
    settled(site)


def test_asterisk_gets_its_subprotocol(site: TelephoneSite) -> None:
    async def main() -> None:
        async with connect(f"{site.url}/asterisk", subprotocols=["media"]) as client:  # type: ignore[list-item]
            assert client.subprotocol == "media"
            await client.send("MEDIA_START format:ulaw optimal_frame_size:160")
            await client.send(b"\xff" * 160)

    asyncio.run(main())
    settled(site)


def test_an_audiosocket_call_comes_and_goes(site: TelephoneSite) -> None:
    address = site.telephony.audiosocket_address
    assert address is not None
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(HELLO + frame(0x10, bytes(320)))
        until = time.monotonic() + 20
        while not any(name.startswith("call tel_") for name in site.tasks()):
            assert time.monotonic() < until
            time.sleep(0.01)
        client.sendall(frame(HANG_UP))
        assert client.recv(100) == b""
    settled(site)
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(frame(0x10, bytes(320)))  # before the id
        assert client.recv(3) == frame(HANG_UP)
        assert client.recv(3) == b""
    settled(site)


def test_a_key_comes_in_a_header_or_as_a_parameter(guarded: TelephoneSite) -> None:
    async def main() -> None:
        start: dict[str, Any] = {**START, "start": {**START["start"], "customParameters": {}}}  # type: ignore[dict-item]
        code, reason = await closed(f"{guarded.url}/twilio", start)
        assert code == 1008 and "no API key" in reason
        start["start"]["customParameters"] = {"key": "wrong" * 5}
        assert (await closed(f"{guarded.url}/twilio", start))[0] == 1008
        start["start"]["customParameters"] = {"key": KEY}
        for headers, message in (({}, start), ({"Authorization": f"Bearer {KEY}"}, START)):
            async with connect(f"{guarded.url}/twilio", additional_headers=headers) as client:
                await client.send(encode(message))
                while not any(n.startswith("call tel_") for n in guarded.tasks()):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            while guarded.tasks():  # noqa: ASYNC110 - another thread's loop
                await asyncio.sleep(0.01)

    asyncio.run(main())
    settled(guarded)


def test_whoever_shows_nothing_is_refused_the_upgrade(guarded: TelephoneSite) -> None:
    async def main() -> None:
        assert (await refused(f"{guarded.url}/asterisk"))[0] == 401
        assert (await refused(f"{guarded.url}/telnyx"))[0] == 403
        status, body = await refused(f"{guarded.url}/genesys", {"X-API-KEY": "other"})
        assert status == 403 and "X-API-KEY" in body
        basic = base64.b64encode(f"visavis:{KEY}".encode()).decode()
        for provider, headers in (
            ("asterisk", {"Authorization": f"Basic {basic}"}),
            ("telnyx", {"x-telnyx-streaming-auth-token": "telnyx-token"}),
            ("genesys", {"X-API-KEY": "genesys-key"}),
        ):
            async with connect(f"{guarded.url}/{provider}", additional_headers=headers):
                pass

    asyncio.run(main())
    settled(guarded)


def test_twilios_signature_is_checked_for_the_public_address() -> None:
    settings = make_settings(
        {
            "providers": ("twilio",),
            "twilio_auth_token": TOKEN,
            "public_url": "wss://voice.example",
        },
        (KEY,),
    )
    url = "wss://voice.example/v1/telephony/twilio"
    with telephone_site(settings, FakePipeline()) as site:

        async def main() -> None:
            wrong = {"X-Twilio-Signature": twilio_signature("other", url)}
            for headers in (None, wrong):
                status, body = await refused(f"{site.url}/twilio", headers)
                assert status == 403 and "X-Twilio-Signature" in body
            right = {"X-Twilio-Signature": twilio_signature(TOKEN, url)}
            async with connect(f"{site.url}/twilio", additional_headers=right) as client:
                await client.send(encode(START))
                while not any(n.startswith("call tel_") for n in site.tasks()):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert (await refused(f"{site.url}/plivo"))[0] == 404

        asyncio.run(main())
        settled(site)


def test_networks_that_may_not_bring_audiosocket_calls_are_refused() -> None:
    telephony = {"providers": ("audiosocket",), "audiosocket_from": ("10.0.0.0/8",)}
    with telephone_site(make_settings(telephony), FakePipeline()) as site:
        address = site.telephony.audiosocket_address
        assert address is not None
        with socket.create_connection(address, timeout=20) as client:
            assert client.recv(3) == b""
        settled(site)


def test_a_call_ends_when_the_server_does() -> None:
    with telephone_site(make_settings({"providers": ("twilio",)}), FakePipeline()) as site:
        client = connect_here(f"{site.url}/twilio")
        client.send(encode(START))
        until = time.monotonic() + 20
        while not any(name.startswith("call tel_") for name in site.tasks()):
            assert time.monotonic() < until
            time.sleep(0.01)
    with pytest.raises(ConnectionClosed):
        client.recv(20)
    assert client.protocol.close_code in (1000, 1012)
    client.close()


@pytest.mark.parametrize(
    ("telephony", "why"),
    [
        ({"providers": ("acme",)}, "known are twilio"),
        ({"listener": "nobody"}, "no phone named"),
    ],
)
def test_settings_that_cannot_be_used_are_told(telephony: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Telephony(Settings(telephony=TelephonySettings(**telephony)))
