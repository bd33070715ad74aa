"""That somebody of a team is away, from when to when, and who reads in her place (TR7)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.models import CareRelationship, CareTeamMembership, Notification, RoleGrant, User
from accounts.models.role import CARING, CLINICAL
from accounts.notices import Notice
from audit.ids import uuid7
from audit.verbs import verb
from messaging.clock import clinic_date, now
from messaging.refusals import Incomplete, MayNot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from uuid import UUID

LONGEST = timedelta(days=370)


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def visible_to(self, user: User) -> Self:
        """Her own."""
        return self.filter(user=user.pk)

    def at(self, moment: datetime) -> Self:
        return self.filter(starts_at__lte=moment, ends_at__gt=moment)

    def overlapping(self, starts_at: datetime, ends_at: datetime) -> Self:
        real = self.filter(ends_at__gt=F("starts_at"))  # one that was taken back has no length
        return real.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)

    def ahead(self) -> Self:
        """Those that run or are still to come, of people who work in a team."""
        works = CareTeamMembership.objects.current().filter(user=OuterRef("user"))
        found = self.filter(Exists(works), user__is_active=True, ends_at__gt=now())
        return found.filter(ends_at__gt=F("starts_at")).select_related("user")

    def coverable_by(self, user: User) -> Self:
        """Those for which `user` may choose who reads: her own, and those of her teams."""
        teams = CareTeamMembership.objects.current().filter(user=user.pk).values("team")
        mates = CareTeamMembership.objects.current().filter(team__in=teams).values("user")
        return self.ahead().filter(Q(user=user.pk) | Q(user__in=mates)) if user.cares else self.none()

    def tell_of_uncovered(self) -> None:
        """Ask the teams of whoever is away, and herself, for another cover where hers cannot read any more. Once."""
        for absence in self.ahead():
            if absence.is_covered:
                continue
            teams = CareTeamMembership.objects.current().filter(user=absence.user).values("team")
            mates = CareTeamMembership.objects.current().filter(team__in=teams, user__is_active=True)
            clinical = RoleGrant.objects.current().filter(role__in=sorted(CLINICAL)).values("user")
            people = [absence.user_id, *mates.filter(user__in=clinical).values_list("user", flat=True)]
            Notification.objects.tell(
                people, about=absence, notice=Notice.COVER_MISSING, once=str(absence.cover_id)
            )

    def covers_of(self, people: Iterable[UUID], *, at: datetime) -> dict[UUID, Absence]:
        """Of these people, who is away at that moment, with the absence that names who reads instead."""
        return {absence.user_id: absence for absence in self.at(at).filter(user__in=list(people))}

    @verb(actor="by")
    def plan(self, *, by: User, cover: UUID | None, first_day: date, last_day: date) -> Absence:
        """Be away on these days of the clinic's calendar, both included. Nobody is away without cover.

        Whoever covers works every team in which somebody has `by` as the own clinician, is there herself all
        the time, and is not covered by her. Raises `Incomplete` with the field that must be changed, `MayNot`.
        """
        if not by.cares:
            raise MayNot
        if last_day < first_day:
            raise Incomplete("last_day", _("The last day must be on or after the first day"))
        if last_day < clinic_date():
            raise Incomplete("last_day", _("The last day must be today or later"))
        if last_day - clinic_date() > LONGEST or last_day - first_day > LONGEST:
            raise Incomplete("last_day", _("The last day must be within a year"))
        if cover is None or cover == by.pk:
            raise Incomplete("cover", _("Choose a colleague who reads in your place"))
        # Two who name each other at the same moment wait for each other here.
        list(User.objects.select_for_update(no_key=True).filter(pk__in=[by.pk, cover]).order_by("pk"))
        if not colleagues_of(by).filter(pk=cover).exists():
            raise Incomplete("cover", _("Choose a colleague who works in the same team"))
        starts_at, ends_at = _midnight(first_day), _midnight(last_day + timedelta(days=1))
        others = self.overlapping(starts_at, ends_at)
        if others.filter(user=by).exists():
            raise Incomplete("first_day", _("You are away on some of these days already"))
        if others.filter(user=cover).exists():
            raise Incomplete("cover", _("This colleague is away on some of these days"))
        if others.filter(cover=by).exists():
            raise Incomplete("first_day", _("You read for a colleague on some of these days"))
        return self.create(user=by, cover_id=cover, starts_at=starts_at, ends_at=ends_at)


class Absence(models.Model):
    """One stretch of days. `cover` is told of new work in place of `user`, and patients are told her name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="absences")
    cover = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="covers")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    planned_at = models.DateTimeField(default=now)

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at"]
        indexes = [models.Index(fields=["user", "ends_at"], name="absence_of")]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="absence_ends_after_start"),
            models.CheckConstraint(condition=~Q(user=F("cover")), name="absence_has_another_cover"),
        ]

    def __str__(self) -> str:
        return f"absence {self.pk}"

    @property
    def is_covered(self) -> bool:
        """Whether whoever was named can read in her place now: is here, works the same teams, is not away herself."""
        moment = max(now(), self.starts_at)
        away = Absence.objects.at(moment).filter(user=self.cover_id)
        return colleagues_of(self.user).filter(pk=self.cover_id).exists() and not away.exists()

    @verb(actor="by")
    def be_covered(self, *, cover: UUID | None, by: User) -> None:
        """Let another colleague read from now on, the one who chooses among them. Raises `Incomplete`, `MayNot`."""
        list(User.objects.select_for_update(no_key=True).filter(pk__in=[self.user_id, cover]).order_by("pk"))
        absence = Absence.objects.select_for_update(of=("self",)).get(pk=self.pk)
        if not Absence.objects.coverable_by(by).filter(pk=self.pk).exists():
            raise MayNot
        if cover is None or not colleagues_of(absence.user).filter(pk=cover).exists():
            raise Incomplete("cover", _("Choose a colleague who works in the same team"))
        others = Absence.objects.overlapping(max(now(), absence.starts_at), absence.ends_at)
        if others.filter(user=cover).exists():
            raise Incomplete("cover", _("This colleague is away on some of these days"))
        absence.cover_id = self.cover_id = cover
        absence.save(update_fields=["cover"])

    @verb(actor="by")
    def end(self, *, by: User) -> None:
        """Be back from now on; one that has not begun is taken back. Ending it twice is no harm."""
        absence = Absence.objects.select_for_update(of=("self",)).get(pk=self.pk)
        if absence.user_id != by.pk:
            raise MayNot
        moment = max(now(), absence.starts_at)
        if absence.ends_at > moment:
            absence.ends_at = moment
            absence.save(update_fields=["ends_at"])


def colleagues_of(user: User) -> models.QuerySet[User]:
    """Who could cover for `user`: whoever works all her teams that have patients of her own, and one at least."""
    memberships = CareTeamMembership.objects.current()
    teams = set(memberships.filter(user=user).values_list("team", flat=True))
    led = set(
        CareRelationship.objects.current().filter(lead=user, team__in=teams).values_list("team", flat=True)
    )
    caring = RoleGrant.objects.current().filter(role__in=CARING).values("user")
    found = User.objects.filter(is_active=True, pk__in=caring).exclude(pk=user.pk)
    if not led:
        return found.filter(pk__in=memberships.filter(team__in=teams).values("user"))
    for team in led:
        found = found.filter(pk__in=memberships.filter(team=team).values("user"))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.CLINIC_TIME_ZONE))
