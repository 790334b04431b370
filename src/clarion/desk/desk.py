"""`Desk`: all that an operator calls, bound to who they are and to one tenant."""

from __future__ import annotations

from clarion.desk import acting, asking, looking, providers, selecting
from clarion.desk.bound import Bound


class Desk(Bound):
    """An operator at work, from `Clarion.desk`."""

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────────────

    events = looking.find_events
    notifications = looking.find_notifications
    deliveries = looking.find_deliveries
    count = looking.count
    look_up = asking.look_up
    delivery = looking.delivery
    why = looking.why
    person = looking.person
    showing = looking.showing
    audit = looking.audit

    # ── Choosing many ────────────────────────────────────────────────────────────────────────────────────

    preview_replay = selecting.preview_replay
    preview_cancel = selecting.preview_cancel
    apply = selecting.apply
    selection = selecting.selection
    selections = selecting.selections

    # ── Acting ───────────────────────────────────────────────────────────────────────────────────────────

    cancel_event = acting.cancel_event
    resolve = acting.resolve
    withdraw = acting.withdraw
    silences = acting.find_silences
    silence = acting.silence
    end_silence = acting.end_silence
    addresses = acting.find_addresses
    revive = acting.revive
    keys = acting.keys
    issue_key = acting.issue_key
    revoke_key = acting.revoke_key
    export = acting.export
    erase = acting.erase

    # ── Providers ────────────────────────────────────────────────────────────────────────────────────────

    channels = providers.channels
    pauses = providers.pauses
    pause = providers.pause
    resume = providers.resume
    examine = providers.examine
    try_out = providers.try_out
