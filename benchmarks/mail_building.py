"""How many mails of text and HTML can be built in a second: python -m benchmarks.mail_building

Floor: the standard library's `EmailMessage`, made anew for each recipient, as bytes. All in one process and one run,
interleaved; medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID, uuid4

from benchmarks import latest
from benchmarks.comparison import Comparison
from clarion.channels import addresses, mail
from clarion.message import Content

FLOOR = "EmailMessage each time"
SENDER = mail.Sender.of("Acme <hello@acme.test>")
WORDS = "Alice commented on your merge request: this looks good, but see line 42. "


def content(number: int = 0) -> Content:
    text = f"Hello,\n\n{WORDS * 4}\n\nNumber {number}\n"
    html = "".join(f'<p style="margin: 0">{WORDS}</p>\n' for _ in range(6)) + f"<p>Number {number}</p>"
    return Content(title="Alice commented on cl/42", text=text, html=html)


def standard_library(words: Content, to: str, id: UUID, date: datetime) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Acme <hello@acme.test>"
    message["To"] = to
    message["Subject"] = words.title
    message["Date"] = format_datetime(date)
    message["Message-ID"] = f"<{id}@acme.test>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text)
    message.add_alternative(words.html, subtype="html")
    return message.as_bytes()


def rate(build: Callable[[int], bytes], count: int) -> float:
    begun = time.perf_counter()
    for number in range(count):
        build(number)
    return count / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    now = datetime.now(UTC)
    shared = content()
    unlike = [content(number) for number in range(2000)]  # more than are kept
    people = [f"person-{number}@b.test" for number in range(4000)]
    ids = [uuid4() for _ in people]

    def ours(words: Callable[[int], Content], name: str | None) -> Callable[[int], bytes]:
        def build(number: int) -> bytes:
            at = number % len(people)
            return mail.compose(words(number), SENDER).complete(
                addresses.parse(people[at]), name, ids[at], now
            )

        return build

    ways: dict[str, tuple[Callable[[int], bytes], int]] = {
        FLOOR: (lambda n: standard_library(shared, people[n], ids[n], now), 300),
        "composed each time (no two contents alike)": (ours(lambda n: unlike[n], None), 2000),
        "composed once, then completed": (ours(lambda _: shared, None), 50_000),
        "the same, with a name in To": (ours(lambda _: shared, "Bob Dylan"), 50_000),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (build, count) in ways.items():
            found[name].append(rate(build, count))
    floor = statistics.median(found[FLOOR])
    print(f"a mail of {len(ways['composed once, then completed'][0](0)):,} bytes; one core")
    for name, rates in found.items():
        print(f"{statistics.median(rates):>10,.0f}/s {statistics.median(rates) / floor:>7.1f}x  {name}")
    latest.record(
        "mail_building",
        [
            Comparison(
                name=f"mail_building: {name}",
                ours=statistics.median(rates),
                other=floor,
                other_name=FLOOR,
                unit="mails a second",
            )
            for name, rates in found.items()
            if name != FLOOR
        ],
    )


if __name__ == "__main__":
    main()
