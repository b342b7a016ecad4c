"""Messages arrive whole, in order, with their descriptors, and nobody blocks."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeprun.launch.channel import Channel


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = (Channel(end) for end in socket.socketpair())
    yield one, other
    one.close()
    other.close()


def numbers(channel: Channel) -> list[int]:
    return [message["n"] for message, _ in channel.receive()]


def test_messages_arrive_in_order(ends: tuple[Channel, Channel]) -> None:
    for n in range(5):
        ends[0].send({"n": n})
    assert numbers(ends[1]) == [0, 1, 2, 3, 4]
    assert numbers(ends[1]) == []


def test_a_sender_that_nobody_hears_does_not_block_and_loses_nothing(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    for n in range(300):
        one.send({"n": n, "text": "x" * 10_000})
    assert one.wants_to_write
    heard: list[int] = []
    while one.wants_to_write:
        heard += numbers(other)
        one.flush()
    heard += numbers(other)
    assert heard == list(range(300))


def test_descriptors_arrive_with_their_own_message(ends: tuple[Channel, Channel], tmp_path: Path) -> None:
    one, other = ends
    fds = [os.open(tmp_path / str(n), os.O_RDWR | os.O_CREAT) for n in range(3)]
    one.send({"n": 0})
    one.send({"n": 1, "text": "x" * 150_000}, fds[:1])
    one.send({"n": 2}, fds[1:])
    one.send({"n": 3})
    received = []
    while len(received) < 4:
        one.flush()
        received += other.receive()
    names = [[os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) for fd in fds] for _, fds in received]
    assert names == [[], ["0"], ["1", "2"], []]
    assert not any(os.get_inheritable(fd) for _, beside in received for fd in beside)
    for fd in fds + [fd for _, beside in received for fd in beside]:
        os.close(fd)


def test_what_was_sent_before_the_end_is_still_read(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    one.send({"n": 1})
    one.close()
    assert numbers(other) == [1]
    assert other.closed


def test_half_a_message_at_the_end_is_dropped() -> None:
    raw, end = socket.socketpair()
    channel = Channel(end)
    raw.send(b'{"fds": 0, "n": 1}\n{"fds": 0, "n"')
    raw.close()
    assert numbers(channel) == [1]
    assert channel.closed
    channel.close()


def test_sending_to_nobody_is_found_when_receiving(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    other.close()
    one.send({"n": 1})
    assert (one.wants_to_write, one.closed) == (False, False)
    assert numbers(one) == []
    assert one.closed
