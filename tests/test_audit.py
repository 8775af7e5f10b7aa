"""The audit log: one line per happening, written beside the loop, bounded, without whole addresses."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from visavis.pipelines.access import audit
from visavis.pipelines.access.audit import Audit, network
from visavis.runtime.errors import ConfigError

AT = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_who_when_what_and_what_came_of_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = Audit(path, now=lambda: AT)

    async def main() -> None:  # on a loop: the guard of the tests would catch a write
        log.note("begin", "key_1", "192.0.2.77", kind="webrtc", call="rtc_1")
        log.note("refuse", "unknown", None, result="invalid_api_key", call=None)

    asyncio.run(main())
    log.close()
    log.close()
    assert lines(path) == [
        {
            "at": "2030-01-02T03:04:05.678+00:00",
            "who": "key_1",
            "address": "192.0.2.0/24",
            "what": "begin",
            "result": "ok",
            "kind": "webrtc",
            "call": "rtc_1",
        },
        {
            "at": "2030-01-02T03:04:05.678+00:00",
            "who": "unknown",
            "address": None,
            "what": "refuse",
            "result": "invalid_api_key",
        },
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_whole_addresses_when_asked_for(tmp_path: Path) -> None:
    log = Audit(tmp_path / "a", has_addresses=True)
    log.note("mint", "key_1", "192.0.2.77")
    log.close()
    assert lines(tmp_path / "a")[0]["address"] == "192.0.2.77"
    assert network("2001:db8:1:2::3") == "2001:db8:1::/48" and network("x") is None


def test_a_file_that_is_rotated_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    log = Audit(path)
    path.rename(tmp_path / "a.1")
    log.note("begin", "key_1", None)
    log.close()
    assert len(lines(path)) == 1


def test_more_than_the_disk_takes_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_slow, may_write = threading.Event(), threading.Event()

    def slow(path: Path) -> IO[bytes]:
        is_slow.set()
        may_write.wait(60)
        return path.open("ab")

    monkeypatch.setattr(audit, "WAITING", 5)
    log = Audit(tmp_path / "a")
    monkeypatch.setattr(audit, "_open", slow)
    log.note("begin", "key_1", None)
    assert is_slow.wait(60)  # the thread has the first line and waits for the disk
    for _ in range(100):
        log.note("begin", "key_1", None)
    assert log.dropped == 95
    may_write.set()
    log.close()
    assert len(lines(tmp_path / "a")) == 6


def test_a_folder_that_is_gone_is_told_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = Audit(folder / "a")
    (folder / "a").unlink()
    folder.rmdir()
    for _ in range(3):
        log.note("begin", "key_1", None)
    log.close()
    assert log.failed == 3
    assert caplog.text.count("can't be written") == 1


def test_a_path_that_can_not_be_written_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="access.audit_log .* can't be written"):
        Audit(tmp_path / "nowhere" / "a")


def test_nothing_is_written_without_a_path() -> None:
    log = Audit()
    log.note("begin", "key_1", None)
    log.close()
    assert log.dropped == 0
