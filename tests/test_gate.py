"""Who is let in, as whom, and what they may do then."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from visavis.pipelines.access import ANYONE, Access, AccessError, Scope, take_keys
from visavis.runtime.clock import LoopClock, VirtualClock, run_virtual
from visavis.runtime.errors import BadInput, ConfigError
from visavis.runtime.message_guard import MessageGuard
from visavis.runtime.settings import AccessSettings, Settings, WebrtcSettings

KEY, OTHER = "sk-visavis-first-key-of-tests", "sk-visavis-second-key-of-tests"
SIGNING = "a signing key of more than 32 characters"


class Wall:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def gate(
    wall: Wall | None = None, webrtc: WebrtcSettings | None = None, **access: object
) -> Access:
    chosen = AccessSettings(**{"api_keys": (KEY, OTHER), **access})  # type: ignore[arg-type]
    settings = Settings(access=chosen, webrtc=webrtc or WebrtcSettings())
    return Access(settings, clock=VirtualClock(), unix_time=wall or Wall())


def shown(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def code(access: Access, key: str | None, **more: object) -> tuple[int, str]:
    with pytest.raises(AccessError) as caught:
        access.admit({} if key is None else shown(key), **more)  # type: ignore[arg-type]
    if key is not None:
        assert key not in str(caught.value)
    return caught.value.status, caught.value.code


def test_a_key_is_let_in_under_a_name_that_does_not_tell_it() -> None:
    access = gate()
    grant = access.admit(shown(KEY), client_address="192.0.2.1")
    assert grant.key_id.startswith("key_") and KEY not in repr(grant)
    assert access.admit({}, {}, [f"openai-insecure-api-key.{KEY}"]).key_id == grant.key_id
    assert access.admit(shown(OTHER)).key_id != grant.key_id


def test_others_are_told_why_not_and_counted() -> None:
    access = gate()
    assert code(access, None) == (401, "missing_api_key")
    assert code(access, KEY[:-1]) == (401, "invalid_api_key")
    assert code(access, "ek_nonsense.nonsense") == (401, "invalid_client_secret")
    assert access.usage.refusals == {
        "missing_api_key": 1,
        "invalid_api_key": 1,
        "invalid_client_secret": 1,
    }


def test_without_keys_anyone_may_whatever_they_send() -> None:
    access = gate(api_keys=())
    assert not access.needs_key
    for headers in ({}, shown("sk-anything"), shown("ek_test")):
        assert access.admit(headers).key_id == ANYONE
    made = access.mint(access.admit({}), {"instructions": "be brief"}, 60)
    assert access.admit(shown(made.value)).session == {"instructions": "be brief"}


def test_a_client_secret_talks_as_its_key_and_mints_nothing() -> None:
    wall = Wall()
    access = gate(wall)
    owner = access.admit(shown(KEY))
    made = access.mint(owner, {"voice": "x"}, 60)
    grant = access.admit(shown(made.value))
    assert (grant.key_id, grant.session, grant.expires_at) == (
        owner.key_id,
        {"voice": "x"},
        made.expires_at,
    )
    with pytest.raises(AccessError) as caught:
        access.mint(grant, None, 60)
    assert (caught.value.status, caught.value.code) == (403, "insufficient_scope")
    assert code(access, made.value, scope=Scope.METRICS) == (403, "insufficient_scope")
    wall.now += 100
    assert code(access, made.value) == (401, "expired_client_secret")
    assert access.admit(shown(made.value), is_opening=False).key_id == owner.key_id
    wall.now += 7200
    assert code(access, made.value, is_opening=False) == (401, "expired_client_secret")


def test_of_two_processes_each_counts_for_itself_and_one_signing_key_serves_both() -> None:
    first, second = (gate(client_secret_key=SIGNING, sessions_per_key=1) for _ in range(2))
    secret = first.mint(first.admit(shown(KEY)), {"instructions": "x"})
    grant = second.admit(shown(secret.value))
    assert grant.session == {"instructions": "x"}
    leases = [access.begin(grant, "websocket") for access in (first, second)]
    for access in (first, second):
        with pytest.raises(AccessError, match="under way"):
            access.begin(grant, "websocket")
    for _ in range(100):
        first.refusals.charge("192.0.2.7", 400)
    assert first.refusals.are_spent("192.0.2.7") and not second.refusals.are_spent("192.0.2.7")
    for lease in leases:
        lease.end()


def test_a_withdrawn_key_takes_its_secrets_along() -> None:
    before = gate(client_secret_key=SIGNING)
    made = before.mint(before.admit(shown(OTHER)), None, 60)
    assert gate(client_secret_key=SIGNING).admit(shown(made.value)).key_id
    after = gate(client_secret_key=SIGNING, api_keys=(KEY,))
    assert code(after, made.value) == (401, "invalid_client_secret")
    open_again = gate(client_secret_key=SIGNING, api_keys=())
    assert code(open_again, made.value) == (401, "invalid_client_secret")


def test_a_signing_key_that_can_be_guessed() -> None:
    with pytest.raises(ConfigError, match="at least 32") as caught:
        gate(client_secret_key="short-secret")
    assert "short-secret" not in str(caught.value)


def test_turn_credentials_are_made_for_each_session() -> None:
    webrtc = WebrtcSettings(turn_urls=("turn:t",), turn_secret="north")
    access = gate(webrtc=webrtc)
    grant = access.admit(shown(KEY))
    first, second = access.ice_servers(grant)[0], access.ice_servers(grant)[0]
    assert grant.key_id in str(first["username"])
    assert first["credential"] != second["credential"] and "north" not in str(first)


def test_only_hashes_are_left_for_everybody_else() -> None:
    settings = Settings(access=AccessSettings(api_keys=(KEY,), client_secret_key=SIGNING))
    assert KEY not in repr(settings) and SIGNING not in repr(settings)
    access, bare = take_keys(settings)
    assert access.admit(shown(KEY)) and bare.access.api_keys == ()
    assert KEY not in str(vars(access)) and bare.access.client_secret_key == ""


class Peer:
    """Takes a guard."""

    guard: MessageGuard | None = None

    def guard_messages(self, guard: MessageGuard) -> None:
        self.guard = guard


class Call:
    """A conversation that ends when told."""

    def __init__(self, name: str = "rtc_1", raises: Exception | None = None) -> None:
        self.id = name
        self.peer = Peer()
        self.over = asyncio.Event()
        self.stopped: list[str] = []
        self._raises = raises
        self.task = asyncio.get_running_loop().create_task(self._talk())

    async def _talk(self) -> None:
        await self.over.wait()
        if self._raises is not None:
            raise self._raises

    async def stop(self, why: str) -> None:
        self.stopped.append(why)
        self.over.set()


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_conversation_is_counted_limited_owned_and_given_back() -> None:
    async def main() -> None:
        access = gate(sessions_per_key=1)
        mine, other = access.admit(shown(KEY)), access.admit(shown(OTHER))
        lease, call = access.begin(mine, "webrtc", "192.0.2.1"), Call()
        access.carry(lease, call, call.stop)
        assert call.peer.guard is lease.guard
        access.owned("rtc_1", mine)
        with pytest.raises(BadInput, match="no such call") as caught:
            access.owned("rtc_1", other)
        assert caught.value.code == "call_not_found"
        with pytest.raises(AccessError, match="under way"):
            access.begin(mine, "webrtc")
        call.over.set()
        await call.task
        await settle()
        access.owned("rtc_1", other)  # it is not there: the calls say so themselves
        lease.end()
        assert access.usage.sessions() == {mine.key_id: 0}
        access.begin(mine, "webrtc").end("refused")

    run_virtual(main())


def test_minutes_are_paid_as_they_pass_and_end_the_conversation() -> None:
    async def main() -> tuple[float, list[str], float]:
        chosen = AccessSettings(api_keys=(KEY,), minutes_per_day=1)
        clock = LoopClock()
        access = Access(Settings(access=chosen), clock=clock)
        grant = access.admit(shown(KEY))
        lease, call = access.begin(grant, "webrtc"), Call()
        access.carry(lease, call, call.stop)
        began = clock.now()
        await call.task
        lasted = clock.now() - began
        await settle()
        seconds = access.usage.of(grant, clock.now()).seconds
        assert seconds is not None
        return lasted, call.stopped, seconds.left(clock.now())

    lasted, stopped, left = run_virtual(main())
    assert 60 <= lasted <= 65
    assert stopped == ["the 1 minutes of the day of this API key are spent"]
    assert left < 5


def test_time_that_was_not_used_is_given_back() -> None:
    async def main() -> None:
        access = Access(
            Settings(access=AccessSettings(api_keys=(KEY,), minutes_per_day=1)), clock=LoopClock()
        )
        grant = access.admit(shown(KEY))
        for _ in range(40):
            lease = access.begin(grant, "webrtc")
            call = Call()
            access.carry(lease, call, call.stop)
            await asyncio.sleep(1)
            call.over.set()
            await settle()

    run_virtual(main())  # 40 conversations of a second fit a minute; 40 slices of 5 s would not


def test_the_audit_log_of_a_conversation(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    settings = Settings(access=AccessSettings(api_keys=(KEY,), audit_log=str(path)))
    access = Access(settings, clock=VirtualClock())

    async def main() -> None:
        made = access.mint(access.admit(shown(KEY)), {"instructions": "private words"}, 60)
        grant = access.admit(shown(made.value))
        call = Call(raises=ZeroDivisionError("private words"))
        lease = access.begin(grant, "webrtc", "192.0.2.9")
        access.carry(lease, call, call.stop)
        assert call.peer.guard is not None
        call.peer.guard.take(700)
        call.over.set()
        with pytest.raises(ZeroDivisionError):
            await call.task
        await settle()
        with pytest.raises(AccessError):
            access.admit(shown("sk-wrong-wrong-wrong-wrong"), client_address="192.0.2.9")

    asyncio.run(main())
    access.close()
    text = path.read_text()
    found = [json.loads(line) for line in text.splitlines()]
    assert [(each["what"], each["result"]) for each in found] == [
        ("mint", "ok"),
        ("begin", "ok"),
        ("end", "failed"),
        ("refuse", "invalid_api_key"),
    ]
    assert (found[2]["messages"], found[2]["bytes"], found[2]["call"]) == (1, 700, "rtc_1")
    for secret in (KEY, "private words", "sk-wrong", "ek_", "192.0.2.9"):
        assert secret not in text
