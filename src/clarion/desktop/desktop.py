"""The life of a client: it claims one delivery after another, shows it, and says what became of it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from clarion import clock, ids
from clarion.delivery import spread
from clarion.desktop.service import Away, Service
from clarion.desktop.showing import Screen, Showing
from clarion.desktop.stopping import Stopping
from clarion.desktop.toast import Toast
from clarion.errors import InvalidInput, LeaseLost, Reject, Retry

log = logging.getLogger(__name__)

_WAIT = 25  # seconds for which the service is asked to wait for something
_EARLY = 1.0  # an empty answer that comes sooner is followed by a rest
_LONGEST_REST = 30.0
_REMEMBERED = 10_000


class _Stopped(Exception):
    """There is no more time to show this."""


class _BackOff:
    """How long to rest after the nth time in a row that something was of no use: from a second to half a minute."""

    def __init__(self) -> None:
        self.times = 0

    def next(self, least: float = 0.0) -> float:
        self.times += 1
        return max(least, min(2.0 ** (self.times - 1), _LONGEST_REST) * spread(0.3))


class Desktop:
    """Runs until told to stop; or `once`, until nothing is due.

    `tell` is called with what each showing came to, once the service was told. What was shown is never shown again by this
    client: if it comes again, for the service did not hear of it, that is only said again.
    """

    def __init__(
        self,
        service: Service,
        screen: Screen,
        stopping: Stopping,
        *,
        lease: timedelta,
        timeout: timedelta,
        once: bool = False,
        tell: Callable[[Toast, Showing], None] = lambda _toast, _showing: None,
    ) -> None:
        self._service, self._screen, self._stopping = service, screen, stopping
        self._lease, self._timeout = int(lease.total_seconds()), timeout
        self._once, self._tell = once, tell
        self._shown: OrderedDict[UUID, str] = OrderedDict()
        self._away, self._busy, self._dark = _BackOff(), _BackOff(), _BackOff()
        self.unsettled = 0  # not shown, or the service did not hear of it

    def run(self) -> None:
        """Raises `NotAllowed`, `InvalidInput`, for which waiting is no use; `once`, `Away`; `OSError` of the screen."""
        while not self._stopping.asked:
            try:
                toast = self._claim()
            except Away as away:
                self._endure(away)
            else:
                if toast is not None:
                    self._take(toast)
                elif self._once:
                    return

    def cut(self) -> None:
        """End its waiting for something to show; for a signal, after `Stopping.stop`."""
        self._service.cut()

    def _endure(self, away: Away) -> None:
        if self._stopping.asked:  # its waiting was cut off, or it matters no more
            return
        if self._once:
            raise away
        self._rest(away)

    def _claim(self) -> Toast | None:
        began = clock.monotonic()
        toast = self._service.claim(lease=self._lease, wait=0 if self._once else _WAIT)
        self._answered()
        if toast is None and not self._once and clock.monotonic() - began < _EARLY:
            self._stopping.rest(_EARLY * spread(0.3))
        return toast

    def _take(self, toast: Toast) -> None:
        receipt = self._shown.get(toast.delivery)
        if receipt is not None:
            log.info("delivery %s was shown before, the service did not hear of it", toast.delivery)
            self._settle(lambda: self._service.sent(toast, receipt))
            return
        try:
            showing = self._show(toast)
        except (_Stopped, OSError) as error:
            self._settle(lambda: self._service.give_back(toast))
            if isinstance(error, OSError):
                raise
            return
        if showing.receipt is not None:
            self._settle_shown(toast, showing.receipt)
        else:
            self._settle_failed(toast, showing)
        self._tell(toast, showing)
        if showing.code is not None and not showing.permanent and not self._once:
            self._stopping.rest(self._dark.next())  # what waits meanwhile spends no attempt on a dark screen

    def _settle_shown(self, toast: Toast, receipt: str) -> None:
        self._dark.times = 0
        self._shown[toast.delivery] = receipt
        if len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)
        log.debug("delivery %s is shown as %s", toast.delivery, receipt)
        if not self._settle(lambda: self._service.sent(toast, receipt)):
            self.unsettled += 1

    def _settle_failed(self, toast: Toast, showing: Showing) -> None:
        code, permanent, detail = showing.code or "error", showing.permanent, showing.detail
        how = "for good" if permanent else "now"
        log.warning("delivery %s cannot be shown %s: %s: %s", toast.delivery, how, code, detail)
        self.unsettled += 1
        self._settle(lambda: self._service.failed(toast, code, permanent=permanent, detail=detail))

    # ── Showing ──────────────────────────────────────────────────────────────────────────────────────────

    def _show(self, toast: Toast) -> Showing:
        """Raises `_Stopped`; `OSError` of a screen that is gone for good."""
        if self._stopping.asked:
            raise _Stopped
        if toast.is_blank:
            return Showing(code="nothing_to_show", permanent=True, detail="it has neither a title nor a text")
        receipt = f"{self._screen.name}:{ids.uuid7()}"
        try:
            self._screen.show(toast, receipt, self._meanwhile(toast))
        except Retry as error:
            return Showing(code=error.code, detail=error.detail)
        except Reject as error:
            return Showing(code=error.code, permanent=True, detail=error.detail)
        return Showing(receipt=receipt)

    def _meanwhile(self, toast: Toast) -> Callable[[], None]:
        """What is seen to while it is being shown: that it takes not too long, that it stays ours, that it is still
        wanted. A lease that is lost all the same does not end it: it may be seen already."""
        began = clock.monotonic()
        ends, extends = began + self._timeout.total_seconds(), began + self._lease / 3

        def meanwhile() -> None:
            nonlocal extends
            now = clock.monotonic()
            if self._stopping.over:
                raise _Stopped
            if now >= ends:
                raise Retry("timed_out", f"{self._screen.name} took longer than {self._timeout}")
            if now < extends:
                return
            extends = now + self._lease / 3
            try:
                if self._service.extend(toast, self._lease):
                    raise Retry("withdrawn", "it was taken back while it was being shown")
                log.debug("delivery %s takes long: its lease is extended", toast.delivery)
            except (Away, LeaseLost, InvalidInput) as error:
                log.info("the lease of delivery %s is not extended: %s", toast.delivery, error)

        return meanwhile

    # ── Telling the service ──────────────────────────────────────────────────────────────────────────────

    def _settle(self, tell: Callable[[], None]) -> bool:
        """Whether it was heard: tried until the lease would have ended, or there is no more time."""
        ends = clock.monotonic() + self._lease
        while True:
            try:
                tell()
            except Away as away:
                if clock.monotonic() >= ends or not self._stopping.left:
                    log.warning(
                        "the service did not hear what became of a delivery, which comes again: %s", away
                    )
                    return False
                self._rest(away)
            except (LeaseLost, InvalidInput) as error:
                log.info("what became of a delivery came too late: %s", error)
                return False
            else:
                self._answered()
                return True

    def _rest(self, away: Away) -> None:
        """It is said once that it is away, and once that it is back."""
        if not away.busy and not self._away.times:
            log.warning("the service is away, trying again: %s", away)
        back_off = self._busy if away.busy else self._away
        self._stopping.rest(back_off.next(away.after))

    def _answered(self) -> None:
        if self._away.times:
            log.info("the service is back")
        self._away.times = self._busy.times = 0
