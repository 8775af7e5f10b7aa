"""A worker finds this package, and leaves: by itself when its input closes, else it is made to."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from visavis.models import worker_process
from visavis.models.worker_process import end, environment


def test_a_worker_finds_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = environment()
    assert found["PYTHONPATH"].endswith(":/elsewhere")
    code = "import visavis.models.worker_process"
    assert subprocess.run([sys.executable, "-c", code], env=found, check=False).returncode == 0


@pytest.mark.parametrize(
    ("program", "status"),
    [("import sys; sys.stdin.read(); sys.exit(7)", 7), ("import time; time.sleep(60)", -9)],
)
def test_a_worker_leaves_by_itself_or_is_made_to(
    program: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "GOODBYE_S", 5.0 if status == 7 else 0.05)

    async def leave() -> int | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=subprocess.PIPE
        )
        await end(process)
        return process.returncode

    assert asyncio.run(leave()) == status
