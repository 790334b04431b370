"""HTTP/1.1 as uvicorn speaks it with httptools, which would keep the head of a request however long it grows."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_MOST = 32 * 1024  # bytes


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection whose head has not come to its end by then."""

    _head = 0
    _complete = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._complete:
            self._head += len(data)
            if self._head > HEAD_MOST and not self.transport.is_closing():
                self.send_400_response(f"The head of this request has more than {HEAD_MOST} bytes.")

    def on_headers_complete(self) -> Any:
        self._complete = True
        return super().on_headers_complete()

    def on_message_complete(self) -> Any:
        self._complete, self._head = False, 0
        return super().on_message_complete()
