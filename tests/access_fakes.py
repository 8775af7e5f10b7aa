"""A server with fake pipeline and peers behind its real door: for tests of who may come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import httpx
import msgspec
from server_fakes import FakePeer, FakePipeline, answerer

from visavis.pipelines import server
from visavis.pipelines.access import Access, take_keys
from visavis.runtime.settings import AccessSettings, ServerSettings, Settings

CALLS = "/v1/realtime/calls"
SECRETS = "/v1/realtime/client_secrets"
SDP = {"Content-Type": "application/sdp"}
KEY, OTHER_KEY = "sk-visavis-the-first-key-of-tests", "sk-visavis-the-second-key-of-tests"


def bearer(key: str = KEY, **more: str) -> dict[str, str]:
    """The header of a client with this key."""
    return {"Authorization": f"Bearer {key}", **more}


def settings_with_keys(settings: Settings | None = None, **access: object) -> Settings:
    """Two keys, and what else is asked for."""
    keys = msgspec.convert({"api_keys": (KEY, OTHER_KEY), **access}, AccessSettings)
    server_settings = ServerSettings(max_sessions=8, allowed_origins=("https://shop.example",))
    return msgspec.structs.replace(settings or Settings(server=server_settings), access=keys)


@dataclass
class Site:
    client: httpx.AsyncClient
    access: Access
    peers: list[FakePeer]
    app: server.Starlette

    async def metric(self, name: str) -> float | None:
        """One value of /metrics."""
        text = (await self.client.get("/metrics", headers=bearer())).text
        for line in text.splitlines():
            if line.rpartition(" ")[0] == name:
                return float(line.rpartition(" ")[2])
        return None


def run(scenario: Callable[[Site], Coroutine[None, None, None]], settings: Settings) -> None:
    """Play a scenario on a server of its own, started and stopped around it."""
    peers: list[FakePeer] = []
    access, bare = take_keys(settings)
    app = server.app(bare, FakePipeline(), answerer(peers), None, access=access)

    async def main() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with app.router.lifespan_context(app):
            await asyncio.sleep(0)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                await scenario(Site(client, access, peers, app))

    asyncio.run(main())
