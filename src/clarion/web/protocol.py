"""HTTP/1.1 as uvicorn speaks it with httptools, which would keep the head of a request however long it grows."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MOST = 32 * 1024  # bytes


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection whose head has not come to its end by then. Bodies, which come by here as well, do not count."""

    # Beside the dictionary, which has room for uvicorn's own attributes and no more: past thirty it costs a KiB.
    __slots__ = ("_head", "_in_body", "_only_head")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0
        self._in_body = False
        self._only_head = False  # whether all of what is being read belongs to a head that goes on

    def data_received(self, data: bytes) -> None:
        self._only_head = not self._in_body
        super().data_received(data)
        if self._only_head:
            self._head += len(data)
            if self._head > HEAD_MOST and not self.transport.is_closing():
                self.send_400_response(f"The head of this request has more than {HEAD_MOST} bytes.")

    def on_headers_complete(self) -> Any:
        self._in_body, self._only_head, self._head = True, False, 0
        return super().on_headers_complete()

    def on_message_complete(self) -> Any:
        self._in_body = False
        return super().on_message_complete()
