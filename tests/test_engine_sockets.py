"""Where processes meet: one engine at an address, for its own user, and nothing left behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from visavis.models.engine_process.sockets import (
    connect,
    is_trusted,
    listening,
    pair,
    receive,
    send,
)
from visavis.models.engine_process.wire import BadRecord, Goodbye, Hello
from visavis.runtime.errors import ConfigError


def test_the_address_is_for_its_user_only_and_removed_at_the_end(tmp_path: Path) -> None:
    address = tmp_path / "engine.sock"
    with listening(address) as sock:
        assert address.stat().st_mode & 0o777 == 0o600
        ours = connect(address)
        theirs, _ = sock.accept()
        assert is_trusted(theirs)
        ours.close()
        theirs.close()
    assert not address.exists()


def test_one_engine_listens_at_an_address(tmp_path: Path) -> None:
    address = tmp_path / "engine.sock"
    with listening(address):
        with pytest.raises(ConfigError, match="listens at .* already: stop it"), listening(address):
            pass
        connect(address).close()


def test_what_a_killed_engine_left_is_replaced(tmp_path: Path) -> None:
    address = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as killed:
        killed.bind(str(address))
    with listening(address):
        connect(address).close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    address = tmp_path / "notes.txt"
    address.write_text("dear diary")
    with pytest.raises(ConfigError, match="name a file in a folder"), listening(address):
        pass
    assert address.read_text() == "dear diary"


@pytest.mark.parametrize(
    ("name", "why"), [("x" * 200, "choose a shorter path"), ("missing/e", "folder that exists")]
)
def test_an_address_that_cant_be_used_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why), listening(tmp_path / name):
        pass


def test_descriptors_travel_and_are_not_inherited() -> None:
    one, other = pair()
    read, write = os.pipe()
    send(one, Hello("fused"), [write])
    told, (copy,) = receive(other)
    assert told == Hello("fused")
    assert not os.get_inheritable(copy)
    os.write(copy, b"x")
    assert os.read(read, 1) == b"x"
    for descriptor in (read, write, copy):
        os.close(descriptor)
    with pytest.raises(BlockingIOError):
        receive(other)
    send(one, Goodbye("enough"))
    one.close()
    assert receive(other) == (Goodbye("enough"), [])
    assert receive(other) == (None, [])
    other.close()


def test_descriptors_with_nonsense_are_closed() -> None:
    one, other = pair()
    before = len(os.listdir("/proc/self/fd"))
    socket.send_fds(one, [b"nonsense"], [one.fileno(), one.fileno()])
    with pytest.raises(BadRecord):
        receive(other)
    assert len(os.listdir("/proc/self/fd")) == before
    one.close()
    other.close()
