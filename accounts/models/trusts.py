"""Which trusts stand, have lapsed, or have to be looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts import ages
from accounts.models.freeze import Freeze
from accounts.models.ground import Ended
from accounts.models.notification import Notification
from accounts.models.patient import Patient
from accounts.models.proxy import ProxyGrant, Scope
from accounts.notices import Notice
from audit.ids import uuid7

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from accounts.models.trust import Trust
    from accounts.models.user import User


class TrustQuerySet(models.QuerySet["Trust"]):
    def standing(self) -> Self:
        """Not ended by anybody: those who wait for their person, and paused ones, too."""
        return self.filter(ended_at=None)

    def barring(self, *, patient: Patient, user: User) -> bool:
        """Whether a court order, or the like, keeps this person from this record."""
        together = Patient.objects.one_with(patient)
        return self.filter(patient__in=together, proxy=user.pk, ended_because=Ended.BARRED).exists()

    def lapsed(self, moment: datetime) -> Self:
        """Standing, neither waiting nor paused, and nothing is left of what was granted."""
        left = ProxyGrant.objects.filter(Q(ends_at=None) | Q(ends_at__gt=moment), trust=OuterRef("pk"))
        paused = Freeze.objects.filter(trust=OuterRef("pk"), lifted_at=None)
        return self.standing().filter(~Exists(left), ~Exists(paused), proxy__isnull=False)

    def narrowed(self) -> Self:
        """Something began since they were last told."""
        begun = ProxyGrant.objects.current().filter(trust=OuterRef("pk"), announced_at=None)
        return self.standing().filter(Exists(begun))

    def outdated(self) -> Self:
        """Worked out from an age table that is not the one in force, or of a child and from none."""
        paused = Freeze.objects.filter(trust=OuterRef("pk"), lifted_at=None)
        going = self.standing().filter(~Exists(paused), proxy__isnull=False)
        by_age = ~Q(age_table="") | ~Q(patient__age_table=ages.ADULT)
        return going.filter(by_age).exclude(age_table=ages.table().version)


def joined_before(trust: Trust) -> models.QuerySet[Patient]:
    """The records that were this patient's, too, when she agreed on this trust: it reaches what she knew of."""
    joined = Patient.objects.filter(joined_into=trust.patient_id, joined_at__lte=trust.offered_at)
    paused = Freeze.objects.filter(
        lifted_at=None, patient=OuterRef("pk"), trust__proxy=trust.proxy_id, trust__ended_at=None
    )
    return joined.exclude(Exists(paused))


def in_order(scopes: Iterable[str]) -> list[str]:
    """Each scope once, in the order they are shown in. Raises `ValueError` for one that does not exist."""
    wanted = {str(Scope(scope)) for scope in scopes}
    return [scope for scope in Scope.values if scope in wanted]


def tell_both(trust: Trust, *, proxy: bool = True) -> None:
    """Tell both sides that something about it changed, and no more."""
    once = uuid7().hex
    if (owner := trust.patient.owner_id) is not None:
        Notification.objects.tell(
            [owner],
            about=trust,
            notice=Notice.TRUST_CHANGED,
            patient=trust.patient,
            once=once,
        )
    if proxy and trust.proxy_id is not None:
        Notification.objects.tell([trust.proxy_id], about=trust, notice=Notice.HELP_CHANGED, once=once)
