"""Which trusts stand, have lapsed, or have to be looked at again."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts import ages
from accounts.ages import Stretch
from accounts.models.freeze import Freeze
from accounts.models.ground import Ended
from accounts.models.notification import Notification
from accounts.models.patient import Patient
from accounts.models.proxy import ProxyGrant, Scope
from accounts.notices import Notice
from audit.ids import uuid7

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from accounts.models.trust import Trust
    from accounts.models.user import User
    from audit.context import Agent


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


def now(trust: Trust) -> Stretch | None:
    """What its person may do at this moment."""
    runs = trust.grants.current().first()
    if runs is None:
        return None
    return Stretch(
        runs.starts_at, runs.ends_at, tuple(runs.scopes), tuple(runs.categories), runs.keeps_new_apart
    )


def under(trust: Trust, born: date) -> Stretch | None:
    """What its person might do at this moment if the patient were born then. Nothing is written."""
    trial, moment = copy(trust), timezone.now()
    trial._measure(born, anew=True)
    laid = trial._stretches(moment)
    return laid[0] if laid and laid[0].starts_at <= moment else None


def differs(one: Stretch | None, other: Stretch | None) -> bool:
    """Whether another thing may be done, or until another moment."""
    if one is None or other is None:
        return one is not other
    return replace(one, starts_at=other.starts_at) != other


def is_more(then: Stretch | None, now: Stretch | None) -> bool:
    """Whether `then` lets anything be done that `now` does not, or the same for longer."""
    if then is None or now is None:
        return then is not None
    topics = bool(now.categories) and not (then.categories and set(then.categories) <= set(now.categories))
    unkept = now.keeps_new_apart and not then.keeps_new_apart
    if topics or unkept or not set(then.scopes) <= set(now.scopes):
        return True
    same = (then.scopes, then.categories) == (now.scopes, now.categories)
    return same and now.ends_at is not None and (then.ends_at is None or then.ends_at > now.ends_at)


def let_more_be_done(trusts: TrustQuerySet, born: date) -> bool:
    paused = Freeze.objects.filter(trust=OuterRef("pk"), lifted_at=None)
    going = trusts.filter(~Exists(paused), proxy__isnull=False)
    return any(is_more(under(trust, born), now(trust)) for trust in going)


def reckon_and_tell(trust: Trust, *, by: Agent, born: date) -> None:
    """Work it out again, and tell both if something else may be done from now on. An end tells of itself."""
    before = now(trust)
    trust.reckon(by=by, born=born)
    stands = type(trust).objects.standing().filter(pk=trust.pk).exists()
    if stands and differs(now(trust), before):
        tell_both(trust)
