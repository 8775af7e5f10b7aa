"""The Unix socket over which two processes meet: messages with descriptors, and the address.

A message is one packet; the end of the stream tells that the other process is gone, however it went.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...runtime.errors import ConfigError
from .wire import MAX_MESSAGE, Message, encode, message

MAX_DESCRIPTORS = 7
"""Two rings of three, and the free places."""
LONGEST = 100
"""Bytes of an address; Linux takes 107."""
_SEQPACKET = (socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends; one is for a process that is to be started."""
    one, other = socket.socketpair(*_SEQPACKET)
    return one, other


def send(sock: socket.socket, told: Message, descriptors: Sequence[int] = ()) -> None:
    """Raises `OSError` where the other side is gone."""
    socket.send_fds(sock, [encode(told)], list(descriptors))


def receive(sock: socket.socket) -> tuple[Message | None, list[int]]:
    """A message and the descriptors with it, which are the caller's; None at the end. Raises
    `BlockingIOError` while there is none, `BadRecord` for nonsense."""
    try:
        try:
            data, descriptors, _, _ = socket.recv_fds(sock, MAX_MESSAGE, MAX_DESCRIPTORS)
        except ConnectionResetError:
            # It left something of ours unread; what it sent is still there.
            data, descriptors, _, _ = socket.recv_fds(sock, MAX_MESSAGE, MAX_DESCRIPTORS)
    except ConnectionError:
        return None, []
    try:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return (message(data) if data else None), descriptors
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def connect(address: Path) -> socket.socket:
    """Raises `OSError` where nobody listens."""
    sock = socket.socket(*_SEQPACKET)
    try:
        sock.connect(str(address))
    except BaseException:
        sock.close()
        raise
    return sock


@contextmanager
def listening(address: Path) -> Generator[socket.socket]:
    """A socket that only this user's processes can connect to. The file of an engine that was killed
    is replaced; ours is removed in the end. Raises `ConfigError`."""
    if len(os.fsencode(address)) > LONGEST:
        raise ConfigError(
            f"engine.address has more than {LONGEST} bytes ({address}): choose a shorter path"
        )
    with socket.socket(*_SEQPACKET) as sock:
        try:
            _remove_stale(address)
            mask = os.umask(0o177)
            try:
                sock.bind(str(address))
            finally:
                os.umask(mask)
            sock.listen(64)
        except OSError as error:
            raise ConfigError(
                f"can't listen at engine.address {address} ({error.strerror}): name a file in a "
                "folder that exists and that you may write to"
            ) from error
        ours = address.stat().st_ino
        try:
            yield sock
        finally:
            with contextlib.suppress(OSError):
                if address.stat().st_ino == ours:
                    address.unlink()


def _remove_stale(address: Path) -> None:
    if not address.is_socket():
        return
    try:
        connect(address).close()
    except ConnectionRefusedError:
        address.unlink()
    else:
        raise ConfigError(
            f"an engine listens at {address} already: stop it, or give this one another "
            "engine.address"
        )


def is_trusted(sock: socket.socket) -> bool:
    """The process at the other end runs for this user (or is the system's)."""
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", told)
    return user in (0, os.getuid())
