"""How many wrong tries a door takes, and how much somebody may do in a while.

A try is counted before it is looked at, and given back when it was right.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from accounts.models import TryCounter
from accounts.refusals import TooManyTries, TooMuch
from audit.context import current
from audit.seals import digest

if TYPE_CHECKING:
    from uuid import UUID

Tries = tuple[str, str]


def spend(*tries: Tries) -> None:
    """Count one try in each of these buckets, named by limit and by whose it is. Raise when any is used up."""
    now = timezone.now()
    stopped = []
    for name, whose in tries:
        most, within = settings.TRY_LIMITS[name]
        spent = TryCounter.objects.spend(_bucket(name, whose), within=within)
        if spent.used > most:
            stopped.append(spent.until)
    if stopped:
        until = max(stopped)
        raise TooManyTries(until, until - now)


def use(name: str, whose: UUID) -> None:
    """Count one more thing that somebody does, whichever page or program it comes by. Raises `TooMuch`.

    Within a transaction that is undone it was not done, and is not counted.
    """
    try:
        spend((name, str(whose)))
    except TooManyTries as stopped:
        raise TooMuch(stopped.seconds) from None


def give_back(*tries: Tries) -> None:
    """This try was right: it is not held against others who share the bucket."""
    for name, whose in tries:
        TryCounter.objects.give_back(_bucket(name, whose))


def forget(*tries: Tries) -> None:
    """This try was right and shows who it was: her earlier wrong ones no longer count."""
    for name, whose in tries:
        TryCounter.objects.forget(_bucket(name, whose))


def pile_up(name: str, whose: str, *, within: timedelta) -> int:
    """Count one more of these, and say how many there were lately: within this time, or up to a minute more.

    Counted by the minute, so that it does not matter when the first one came.
    """
    minute = int(timezone.now().timestamp()) // 60
    minutes = int(within.total_seconds()) // 60
    TryCounter.objects.spend(
        _bucket(f"pile-{name}", f"{whose}:{minute}"), within=within + timedelta(minutes=1)
    )
    lately = [_bucket(f"pile-{name}", f"{whose}:{minute - back}") for back in range(minutes + 1)]
    return TryCounter.objects.used_in(lately)


def is_first(name: str, whose: str, *, within: timedelta) -> bool:
    """Whether this has not been asked before within this time. Of many who ask at once one is the first."""
    return TryCounter.objects.spend(_bucket(f"first-{name}", whose), within=within).used == 1


def used(name: str, whose: str) -> int:
    """How many tries stand in this bucket now."""
    return TryCounter.objects.used(_bucket(name, whose))


def whence() -> str:
    """Where this request comes from, as one place: an IPv6 visitor owns a whole /64 and may not use each in turn."""
    address = current().address
    if not address:
        return "nowhere"
    parsed = ipaddress.ip_address(address)
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return str(parsed)


def _bucket(name: str, whose: str) -> str:
    return digest(f"{name}:{whose}", purpose="try-counter")
