"""npm packages that tests use: installed from their lock file when a test first needs them."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL_LIMIT_S = 300.0
IS_PROMISED = "CI" in os.environ
"""Where Node is promised (CI installs it), its absence fails the tests instead of skipping."""


@functools.cache
def installed(folder: Path) -> Path:
    """`folder`/node_modules, as `folder`/package-lock.json has it.

    Where it is missing or older than the lock, `npm ci` brings it. What cannot be had skips the
    test that asks, or fails it where Node is promised.
    """
    modules = folder / "node_modules"
    done = modules / ".package-lock.json"  # npm writes it last
    if shutil.which("node") is None:
        _cannot("node is not installed; on Debian: apt-get install nodejs npm")
    if done.exists() and done.stat().st_mtime >= (folder / "package-lock.json").stat().st_mtime:
        return modules
    npm = shutil.which("npm")
    if npm is None:
        _cannot("npm is not installed; on Debian: apt-get install npm")
    command = [str(npm), "ci", "--no-audit", "--no-fund"]
    try:
        ran = subprocess.run(
            command,
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        _cannot(f"`npm ci` in {folder} took over {INSTALL_LIMIT_S:g} s")
    if ran.returncode:
        _cannot(f"`npm ci` failed in {folder}: {ran.stderr[-2000:]}")
    return modules


def _cannot(reason: str) -> NoReturn:
    if IS_PROMISED:
        pytest.fail(reason)
    pytest.skip(reason)
