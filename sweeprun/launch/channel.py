"""Messages between a worker and its launcher: a JSON object a line, descriptors beside it, neither side ever blocks."""

from __future__ import annotations

import array
import json
import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence

TYPE_CHECKING = False  # as in typing, which costs a launcher 0.8 MB
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]
else:
    Message = dict
MOST_BYTES = 1 << 17  # of a packet: what is larger is not sent
_MOST_FDS = 253  # SCM_MAX_FD: what the kernel takes in one message
_ANCILLARY_BYTES = socket.CMSG_SPACE(_MOST_FDS * array.array("i").itemsize)


def packets(end: socket.socket) -> Iterator[bytes]:
    """What has come through a socket that keeps packets apart and never blocks; an empty one at last where nobody is at
    the other end any more."""
    while True:
        try:
            data = end.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        yield data
        if not data:
            return


class Channel:
    """One end of a stream socket pair. `closed` turns true when the other end is gone, by whatever way."""

    def __init__(self, end: socket.socket):
        end.setblocking(False)
        self._socket = end
        self._outgoing: deque[tuple[memoryview, Sequence[int]]] = deque()
        self._incoming = bytearray()
        self._batches: deque[list[int]] = deque()
        self.closed = False

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def wants_to_write(self) -> bool:
        return bool(self._outgoing) and not self.closed

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Queues a message and sends what the socket takes now. `fds` must stay open until the other side answers."""
        line = json.dumps(message | {"fds": len(fds)}).encode() + b"\n"
        self._outgoing.append((memoryview(line), fds))
        self.flush()

    def flush(self) -> None:
        while self.wants_to_write:
            rest, fds = self._outgoing[0]
            beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            try:
                sent = self._socket.sendmsg([rest], beside, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                self._outgoing.clear()  # `closed` stays for `receive` to find: what was sent before can still be read
                return
            self._outgoing.popleft()
            if sent < len(rest):
                self._outgoing.appendleft((rest[sent:], ()))

    def receive(self) -> list[tuple[Message, list[int]]]:
        """The complete messages that are there. Fewer descriptors than the message's `fds` says: no room for them."""
        while not self.closed and self._receive_some():
            pass
        *lines, rest = self._incoming.split(b"\n")
        self._incoming = rest
        return [self._with_fds(json.loads(line)) for line in lines]

    def _receive_some(self) -> bool:
        try:
            data, ancillary, flags, _ = self._socket.recvmsg(1 << 16, _ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data, ancillary, flags = b"", [], 0
        fds = array.array("i")
        for _, _, payload in ancillary:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
        # The descriptors of one message arrive in one call, before its last byte. A process that is out of
        # descriptors gets fewer, or none and MSG_CTRUNC; the batch is kept all the same so that later ones match.
        if fds or flags & socket.MSG_CTRUNC:
            self._batches.append(fds.tolist())
        self._incoming += data
        self.closed = not data
        return not self.closed

    def _with_fds(self, message: Message) -> tuple[Message, list[int]]:
        return message, self._batches.popleft() if message["fds"] else []

    def close(self) -> None:
        self.closed = True
        for fd in (fd for batch in self._batches for fd in batch):
            os.close(fd)
        self._batches.clear()
        self._socket.close()
