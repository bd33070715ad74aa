"""Many failures within minutes: an event, a line for the operator, a word to those who keep the house (HSR-11)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts import limits
from accounts.models import Notification, RoleGrant
from accounts.models.role import KEEPERS
from accounts.notices import Notice
from audit.context import SystemAgent
from audit.recorder import record

if TYPE_CHECKING:
    from accounts.models import User

WATCH = SystemAgent("system:sign-in-watch")
MANY = 10
WITHIN = timedelta(minutes=10)
logger = logging.getLogger("accounts.alarms")


def failed(*, login: str, account: User | None) -> None:
    """A sign-in failed, on whichever road. `login` is the digest of what was typed, also where nobody has it.

    The same work for every login: the time must not tell which of them exist.
    """
    heaps = [("account", login)] if login else []
    for of, whose in (*heaps, ("network", limits.whence())):
        if limits.pile_up(of, whose, within=WITHIN) >= MANY and limits.is_first(of, whose, within=WITHIN):
            _raise(of, account if of == "account" else None)


def _raise(of: str, account: User | None) -> None:
    with transaction.atomic():
        record(
            agent=WATCH,
            type="security",
            subtype="many-failures",
            outcome="4",
            outcome_reason=f"many-failures:{of}",
            obj=account,
            category="sign-in",
            detail={"of": of, "failures": MANY, "minutes": int(WITHIN.total_seconds() // 60)},
        )
        # Once an hour, however many accounts and networks are tried: a mailbox that is full is read by nobody.
        once = timezone.now().strftime("%Y%m%d%H")
        for grant in RoleGrant.objects.current().filter(role__in=KEEPERS).select_related("user"):
            Notification.objects.warn(grant.user, about=grant.user, notice=Notice.SIGN_INS_FAILED, once=once)
    # What they have in common stands in the trail, under the same number of the request.
    logger.warning("many sign-ins failed", extra={"facts": {"of": of, "failures": MANY}})
