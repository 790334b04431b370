"""The service, as a client sees it: one connection that is kept, and what its answers mean."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

from clarion.desktop.toast import Toast, line, shortened
from clarion.errors import ClarionError, ConfigError, InvalidInput, LeaseLost, NotAllowed, NotFound, said

LARGEST = 8 * 1024 * 1024  # bytes of an answer
_PATIENCE = 10.0  # seconds, beyond those for which the service was asked to wait
_TO_CONNECT = 5.0
_LONGEST_REST = 300.0
_ENDED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_HERE = ("localhost", "127.0.0.1", "::1")
_PROBLEM = "urn:clarion:problem:"


class Away(ClarionError):
    """The service does not answer, or not now. `after`: seconds before which it need not be asked. `busy`: it is there."""

    def __init__(self, why: str, *, after: float = 0.0, busy: bool = False) -> None:
        super().__init__(why)
        self.after, self.busy = after, busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a service is; `path` without a slash at its end."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises `ConfigError`. Over http anybody could read the key, but on this machine."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ConfigError(f"the service's URL is none: {error}") from None
        if parts.username is not None or parts.password is not None:
            raise ConfigError("the service's URL holds no password: the key is said elsewhere")
        if parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment:
            raise ConfigError("the service's URL must be such as https://clarion.acme.test")
        if parts.scheme == "http" and host not in _HERE:
            raise ConfigError(f"{line(host)} is another machine: write https://, for the key goes there")
        if not (host + parts.path).isascii() or not (host + parts.path).isprintable() or " " in parts.path:
            raise ConfigError("the service's URL must be plain ASCII")
        secure = parts.scheme == "https"
        return cls(
            secure=secure, host=host, port=port or (443 if secure else 80), path=parts.path.rstrip("/")
        )

    def connection(self) -> http.client.HTTPConnection:
        """Not connected yet. No proxy of the environment's is asked: it could read the key."""
        if self.secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=_TO_CONNECT, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=_TO_CONNECT)


class Service:
    """One sink of the service. Everything raises `Away`, `NotAllowed`, `InvalidInput`; of a delivery, `LeaseLost`, too.

    `credential`: the key or token, asked for once, and again when it is refused. `left`: seconds that this
    program still has.
    """

    def __init__(
        self,
        place: Place,
        channel: str,
        credential: Callable[[], str],
        *,
        recipient: str | None = None,
        device: str | None = None,
        left: Callable[[], float] = lambda: float("inf"),
    ) -> None:
        self._path = f"{place.path}/v1/sinks/{quote(channel, safe='')}/claims"
        self._connection = place.connection()
        self._read_credential, self._credential = credential, credential()
        self._recipient, self._device, self._left = recipient, device, left
        self._waits = self._cut = False

    def claim(self, *, lease: int, wait: int) -> Toast | None:
        """One, for what ends this program should end one delivery; `None` if nothing came within `wait` seconds."""
        body: dict[str, Any] = {"limit": 1, "lease": lease, "wait": wait}
        if self._device is not None:
            body["address"] = self._device
        self._waits = True
        try:
            answer = self._ask("", body, wait)
        finally:
            self._waits = False
        try:
            found = [Toast.read(one) for one in answer["claims"]]
        except (KeyError, TypeError, ValueError) as error:
            raise Away(f"its answer cannot be read: {said(error)}") from error
        return found[0] if found else None

    def extend(self, toast: Toast, lease: int) -> bool:
        """Hold it for so many seconds from now; whether it was taken back meanwhile."""
        return bool(self._tell(toast, "extend", lease=lease).get("cancelled"))

    def sent(self, toast: Toast, receipt: str) -> None:
        self._tell(toast, "sent", receipt=receipt)

    def failed(self, toast: Toast, code: str, *, permanent: bool, detail: str) -> None:
        self._tell(toast, "failed", code=code, permanent=permanent, detail=detail)

    def give_back(self, toast: Toast) -> None:
        self._tell(toast, "give-back")

    def cut(self) -> None:
        """End waiting for something to show; it raises `Away` then. For a signal that comes at any point."""
        self._cut = True
        if self._waits and (connected := self._connection.sock) is not None:
            with suppress(OSError):
                # Not the method of a TLS socket, which takes it apart while it is being read from.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def close(self) -> None:
        self._connection.close()

    def _tell(self, toast: Toast, verb: str, **more: Any) -> dict[str, Any]:
        return self._ask(f"/{toast.delivery}/{verb}", {"claim": toast.claim, **more})

    # ── Requests ─────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, path: str, body: Mapping[str, Any], wait: float = 0.0) -> dict[str, Any]:
        status, headers, content = self._answer(path, body, wait)
        if status == 401 and (renewed := self._read_credential()) != self._credential:
            self._credential = renewed
            status, headers, content = self._answer(path, body, wait)
        return _read(status, headers, content)

    def _answer(
        self, path: str, body: Mapping[str, Any], wait: float
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """A connection that was kept may have been closed meanwhile: then once more, on a new one.

        Nothing of what is asked does harm twice: a claim of which nobody hears comes again.
        """
        kept = self._connection.sock is not None
        try:
            try:
                return self._exchange(path, body, wait)
            except _ENDED:
                if not kept or (self._waits and self._cut):
                    raise
                self._connection.close()
                return self._exchange(path, body, wait)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Away(said(error)) from error

    def _exchange(
        self, path: str, body: Mapping[str, Any], wait: float
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        seconds = wait + max(0.5, min(_PATIENCE, self._left()))
        connection = self._connection
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(seconds)
        if self._waits and self._cut:  # asked while there was no connection yet that could be cut
            raise ConnectionAbortedError("told to stop")
        headers = {"Authorization": f"Bearer {self._credential}", "Content-Type": "application/json"}
        if self._recipient is not None:
            headers["Clarion-Recipient"] = self._recipient
        connection.request("POST", self._path + path, json.dumps(body).encode(), headers)
        response = connection.getresponse()
        content = response.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise http.client.HTTPException(f"an answer of more than {LARGEST:,} bytes")
        return response.status, response.headers, content


def _read(status: int, headers: http.client.HTTPMessage, content: bytes) -> dict[str, Any]:
    """What was answered, as an object; raises what a refusal means."""
    try:
        answer = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        answer = None
    if 200 <= status < 300 and isinstance(answer, dict):
        return answer
    problem = answer if isinstance(answer, dict) else {}
    ours = str(problem.get("type", "")).startswith(_PROBLEM)
    detail = shortened(line(str(problem.get("detail", ""))), 500)
    if status == 429 or status >= 500:
        raise Away(f"it answers {status} {detail}".rstrip(), after=_rest(headers), busy=status == 429)
    if not ours:  # a proxy, or a hotel's page before one may go on
        raise Away(f"what answers there with {status} is not Clarion")
    errors = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 409: LeaseLost}
    raise errors.get(status, InvalidInput)(f"the service refuses: {detail}")


def _rest(headers: http.client.HTTPMessage) -> float:
    """Seconds, as Retry-After asks for; of a date, nothing is read."""
    asked = headers.get("Retry-After", "")
    return min(float(asked), _LONGEST_REST) if asked.isascii() and asked.isdigit() else 0.0
