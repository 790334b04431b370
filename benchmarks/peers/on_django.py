"""django-notifications on PostgreSQL: people told in-app, by one `notify.send` in one transaction. Prints the seconds."""

from __future__ import annotations

import os
import time

import django
from django.conf import settings
from django.db import transaction

ROUNDS = 2


def set_up() -> None:
    host, _, name = os.environ["PEERS_URL"].rpartition(" ")
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "notifications"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": host,
                "USER": "clarion",
                "NAME": name,
            }
        },
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()


def tell(count: int) -> None:
    set_up()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from notifications.models import Notification
    from notifications.signals import notify

    call_command("migrate", verbosity=0)
    actor = User.objects.create(username="actor")
    User.objects.bulk_create([User(username=f"person-{n}") for n in range(count)], batch_size=1000)
    people = User.objects.exclude(pk=actor.pk)
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        with transaction.atomic():
            notify.send(actor, recipient=people.all(), verb="released", description="Version 1.0")
        taken.append(time.perf_counter() - begun)
    assert Notification.objects.count() == ROUNDS * count
    print(min(taken))
