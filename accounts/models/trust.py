"""That a patient trusts somebody: on what ground, how far, until when, and whether it is paused."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts import ages
from accounts.models.freeze import Freeze
from accounts.models.ground import BY_AGE, ON_PAPER, Basis, Ended
from accounts.models.invitation import Invitation
from accounts.models.patient import Patient
from accounts.models.proxy import ProxyGrant, Relationship, Scope
from accounts.models.trusts import TrustQuerySet, in_order, joined_before, tell_both
from accounts.models.user import User
from accounts.record_refusals import JoinedAway
from accounts.refusals import NotAChild, NothingAtThisAge, PaperMissing, TrustedAlready, TrustOver
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

    from accounts.models.record_state import RecordState
    from audit.context import Agent


class TrustManager(models.Manager.from_queryset(TrustQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def give(
        self,
        *,
        patient: Patient,
        proxy: User,
        relationship: str,
        scopes: Iterable[str],
        by: Agent,
        categories: Iterable[str] = (),
        basis: str = Basis.PERMISSION,
        ground: str = "",
        document: str = "",
        ends_at: datetime | None = None,
        born: date | None = None,
        quietly: bool = False,
    ) -> Trust:
        """Let `proxy` help from now on: `offer`, and `accept` at once, with what both ask for and raise.

        `quietly` tells nobody: for what is brought over from elsewhere.
        """
        trust: Trust = self.offer(
            patient=patient,
            relationship=relationship,
            scopes=scopes,
            categories=categories,
            basis=basis,
            ground=ground,
            document=document,
            ends_at=ends_at,
            born=born,
            by=by,
        )
        trust.accept(by=by, proxy=proxy, quietly=quietly)
        return trust

    @verb(actor="by")
    def offer(
        self,
        *,
        patient: Patient,
        relationship: str,
        scopes: Iterable[str],
        by: Agent,
        categories: Iterable[str] = (),
        basis: str = Basis.PERMISSION,
        ground: str = "",
        document: str = "",
        ends_at: datetime | None = None,
        born: date | None = None,
        name: str = "",
        email: str = "",
        invitation: Invitation | None = None,
    ) -> Trust:
        """Write down what is agreed. Nothing can be done with it until its person has come.

        Of a child, and for a ground that ends with age, `born` is needed. Raises `PaperMissing`, `NotAChild`,
        `NothingAtThisAge`.
        """
        if patient.joined_into_id is not None:
            raise JoinedAway
        at_the_desk = isinstance(by, User) and by.pk != patient.user_id
        if (at_the_desk or Basis(basis) in ON_PAPER) and not document.strip():
            raise PaperMissing
        trust = Trust(
            patient=patient,
            relationship=Relationship(relationship),
            scopes=in_order(scopes),
            categories=sorted(set(categories)),
            basis=Basis(basis),
            ends_at=ends_at,
            invitation=invitation,
        )
        for field, text in (("ground", ground), ("document", document), ("name", name), ("email", email)):
            if text.strip():
                setattr(trust, field, seal(text.strip(), into=trust, field=field))
        trust._measure(born)
        if trust.edges and not trust._stretches(timezone.now()):
            raise NothingAtThisAge
        trust.save(force_insert=True)
        trust._remember("offer", by=by)
        if at_the_desk:
            tell_both(trust)
        return trust


class Trust(models.Model):
    """What was agreed about one person. What may be done right now is in its grants, laid by the verbs below."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="trusts")
    # Nobody while the invitation waits.
    proxy = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="trusts"
    )
    name = SealedField(kind=Kind.HEALTH, null=True)
    email = SealedField(kind=Kind.HEALTH, null=True)
    # What its person comes by. Each new one takes the place of the one before.
    invitation = models.OneToOneField(Invitation, null=True, on_delete=models.PROTECT, related_name="trust")
    relationship = models.CharField(max_length=20, choices=Relationship.choices)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    categories = ArrayField(models.CharField(max_length=32), default=list)
    basis = models.CharField(max_length=12, choices=Basis.choices)
    ground = SealedField(kind=Kind.HEALTH, null=True)
    document = SealedField(kind=Kind.HEALTH, null=True)
    offered_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    # Which version of the age table its grants were worked out from, and the moments at which the tiers begin and
    # the last one ends; empty where age changes nothing.
    age_table = models.CharField(max_length=40, blank=True)
    edges = ArrayField(models.DateTimeField(), default=list)
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=12, choices=Ended.choices, blank=True)
    # The death that ended it: when that was a mistake, it goes on.
    ended_with = models.ForeignKey(
        "accounts.RecordState", null=True, on_delete=models.PROTECT, related_name="ended_trusts"
    )

    objects = TrustManager()

    audit_hidden = ("edges",)  # They tell a young person's birthday.

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "proxy"], condition=Q(ended_at=None), name="one_trust_a_person"
            ),
            models.CheckConstraint(condition=Q(basis__in=Basis.values), name="trust_basis_known"),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_because="")
                | (Q(ended_at__isnull=False) & Q(ended_because__in=Ended.values)),
                name="trust_end_has_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"trust {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    @verb(actor="by")
    def accept(self, *, by: Agent, proxy: User, quietly: bool = False) -> None:
        """The person has come, and may from now on what was agreed.

        Raises `TrustOver` when it is ended, paused or taken up; `TrustedAlready`; `NotAChild`.
        """
        trust = self._locked()
        if trust.proxy_id is not None or trust._is_frozen():
            raise TrustOver
        before = Trust.objects.standing().filter(patient=trust.patient_id, proxy=proxy.pk)
        for over in before & Trust.objects.lapsed(timezone.now()):
            over.finish(by=by)
        reached = ProxyGrant.objects.current().filter(patient=trust.patient_id, proxy=proxy.pk)
        if before.exists() or reached.exists() or trust.patient.is_own_of(proxy):
            raise TrustedAlready
        moment = timezone.now()
        trust.proxy, trust.accepted_at = proxy, moment
        trust.save(update_fields=["proxy", "accepted_at"])
        for older in Trust.objects.standing().filter(patient__in=joined_before(trust), proxy=proxy.pk):
            # Given anew for all of her, which takes in what it reached.
            older.end(by=by)
        if not trust._lay(moment):
            raise NotAChild
        trust._remember("accept", by=by)
        if not quietly:
            tell_both(trust)
        self.__dict__.update(trust.__dict__)

    @verb(actor="by")
    def invite_anew(self, *, by: Agent, invitation: Invitation) -> None:
        """Wait for the person with another code and another mail. Raises `TrustOver` when she has come."""
        trust = self._locked()
        if trust.proxy_id is not None:
            raise TrustOver
        if trust.invitation is not None and trust.invitation.is_open:
            trust.invitation.revoke(by=by)
        trust.invitation = invitation
        trust.save(update_fields=["invitation"])
        trust._remember("offer", by=by)

    @verb(actor="by")
    def change(
        self,
        *,
        by: Agent,
        scopes: Iterable[str],
        categories: Iterable[str] = (),
        ends_at: datetime | None = None,
    ) -> None:
        """Agree on something else, from this moment on. What is paused stays paused. Raises `TrustOver`."""
        trust = self._locked()
        trust.scopes, trust.categories = in_order(scopes), sorted(set(categories))
        trust.ends_at = ends_at
        trust.save(update_fields=["scopes", "categories", "ends_at"])
        trust._lay_again()
        trust._remember("change", by=by)
        tell_both(trust)

    @verb(actor="by")
    def reckon(self, *, by: Agent, born: date) -> None:
        """Work the grants out again: the age table or the birth date is another one. Of who is grown up they end."""
        trust = self._locked()
        trust._measure(born, anew=True)
        trust.save(update_fields=["age_table", "edges"])
        trust._lay_again()
        trust._remember("reckon", by=by)
        if trust.proxy_id is not None and not trust._is_frozen() and trust._is_of_age():
            trust.end(by=by, because=Ended.OF_AGE)

    @verb(actor="by")
    def end(
        self,
        *,
        by: Agent,
        because: str = Ended.STOPPED,
        quietly: bool = False,
        death: RecordState | None = None,
    ) -> None:
        """Over from this moment on, on every road. Ending it twice ends it once. A barred person is told nothing.

        `quietly` tells nobody: for a death, of which no letter speaks.
        """
        trust = _rows().get(pk=self.pk)
        if trust.ended_at is not None:
            return
        moment = timezone.now()
        trust._stop(moment)
        if trust.invitation is not None and trust.invitation.is_open:
            trust.invitation.revoke(by=by)
        trust.ended_at, trust.ended_because, trust.ended_with = moment, Ended(because), death
        trust.save(update_fields=["ended_at", "ended_because", "ended_with"])
        trust._remember("end", by=by, because=str(because))
        if not quietly:
            tell_both(trust, proxy=because != Ended.BARRED)

    @verb(actor="by")
    def go_on(self, *, by: Agent) -> None:
        """The death that ended it was a mistake: what was agreed holds again, as far as time and age still allow.

        Who was given it anew meanwhile keeps that. Whoever had not come yet has to be invited again.
        """
        trust = _rows().get(pk=self.pk)
        anew = Trust.objects.standing().filter(patient=trust.patient_id, proxy=trust.proxy_id)
        if trust.ended_with_id is None or trust.proxy_id is None or anew.exists():
            return
        trust.ended_at, trust.ended_because, trust.ended_with = None, "", None
        trust.save(update_fields=["ended_at", "ended_because", "ended_with"])
        trust._remember("go-on", by=by)
        if not trust._is_frozen() and not trust._lay(timezone.now()):
            trust.end(by=by, because=Ended.OF_AGE if trust._is_of_age() else Ended.RUN_OUT)
            return
        tell_both(trust)

    @verb(actor="by")
    def finish(self, *, by: Agent) -> None:
        """Write down that its time is over: the rights ended by themselves, at their moment."""
        last = self.grants.order_by("-ends_at").values_list("ends_at", flat=True).first()
        by_age = self.age_table and last != self.ends_at
        self.end(by=by, because=Ended.OF_AGE if by_age else Ended.RUN_OUT)

    @verb(actor="by")
    def freeze(self, *, by: User, reason: str) -> Freeze:
        """Stop it for now, while a dispute lasts. The person learns that it is paused, and not why.

        Raises `TrustOver`.
        """
        trust = self._locked()
        standing = Freeze.objects.filter(trust=trust, lifted_at=None).first()
        if standing is not None:
            return standing
        freeze = Freeze(trust=trust, patient_id=trust.patient_id, frozen_by=by)
        freeze.reason = seal(reason.strip(), into=freeze, field="reason")
        freeze.save(force_insert=True)
        trust._stop(timezone.now())
        trust._remember("freeze", by=by)
        tell_both(trust)
        return freeze

    @verb(actor="by")
    def unfreeze(self, *, by: User) -> None:
        """Go on as agreed; where age or the agreed time has meanwhile ended it, it ends now. Raises `TrustOver`."""
        trust = self._locked()
        standing = Freeze.objects.filter(trust=trust, lifted_at=None).first()
        if standing is None:
            return
        standing.lifted_at, standing.lifted_by = timezone.now(), by
        standing.save(update_fields=["lifted_at", "lifted_by"])
        trust._remember("unfreeze", by=by)
        if trust.proxy_id is not None and not trust._lay(timezone.now()):
            trust.end(by=by, because=Ended.OF_AGE if trust._is_of_age() else Ended.RUN_OUT)
            return
        tell_both(trust)

    @verb(actor="by")
    def announce(self, *, by: Agent) -> None:
        """Tell both that a birthday has changed what may be done. The change itself came at its moment."""
        begun = list(self.grants.current().filter(announced_at=None))
        for grant in begun:
            grant.announced_at = timezone.now()
            grant.save(update_fields=["announced_at"])
        if begun:
            self._remember("narrow", by=by)
            tell_both(self)

    def _locked(self) -> Trust:
        trust: Trust = _rows().get(pk=self.pk)
        if trust.ended_at is not None:
            raise TrustOver
        return trust

    def _is_frozen(self) -> bool:
        return Freeze.objects.filter(trust=self.pk, lifted_at=None).exists()

    def _measure(self, born: date | None, *, anew: bool = False) -> None:
        """Note when age changes what may be done. Raises `NotAChild` for a parent of an adult, but not `anew`."""
        went_by_age, self.age_table, self.edges = bool(self.age_table), "", []
        if born is None:
            if self.basis in BY_AGE or self.patient.age_table != ages.ADULT:
                raise TypeError("What may be done for a child is worked out from her birth date.")
            return
        grown_up = ages.is_adult(born, timezone.now())
        if grown_up and self.basis == Basis.PARENT and not anew:
            raise NotAChild
        if not grown_up or self.basis == Basis.PARENT or went_by_age:
            self.age_table, self.edges = ages.table().version, ages.edges(born)

    def _is_of_age(self) -> bool:
        return bool(self.edges) and self.edges[-1] <= timezone.now()

    def _lay_again(self) -> None:
        if self.proxy_id is None or self._is_frozen():
            return
        moment = timezone.now()
        self._stop(moment)
        self._lay(moment)

    def _lay(self, moment: datetime) -> bool:
        """Write the grants from `moment` on. Whether there was anything to grant."""
        laid = self._stretches(moment)
        records = [self.patient_id, *joined_before(self).values_list("pk", flat=True)] if laid else []
        for record_id, stretch in product(records, laid):
            ProxyGrant.objects.create(
                trust=self,
                patient_id=record_id,
                proxy_id=self.proxy_id,
                relationship=self.relationship,
                scopes=list(stretch.scopes),
                categories=list(stretch.categories),
                keeps_new_apart=stretch.keeps_new_apart,
                starts_at=stretch.starts_at,
                ends_at=stretch.ends_at,
                announced_at=moment if stretch.starts_at <= moment else None,
            )
        return bool(laid)

    def _stretches(self, moment: datetime) -> list[ages.Stretch]:
        if self.ends_at is not None and self.ends_at <= moment:
            return []
        if self.edges:
            return ages.stretches(
                self.edges,
                version=self.age_table,
                scopes=self.scopes,
                categories=self.categories,
                since=moment,
                until=self.ends_at,
            )
        return [ages.Stretch(moment, self.ends_at, tuple(self.scopes), tuple(self.categories))]

    def _stop(self, moment: datetime) -> None:
        """End what runs and what is still to come. A row is ended, never deleted: the latter ends as it begins."""
        for grant in self.grants.filter(Q(ends_at=None) | Q(ends_at__gt=moment)):
            grant.ends_at = max(moment, grant.starts_at)
            grant.save(update_fields=["ends_at"])

    def _remember(self, what: str, *, by: Agent, **detail: str) -> None:
        record(
            agent=by,
            type="trust",
            subtype=what,
            action="C" if what == "offer" else "U",
            obj=self,
            patient_id=self.patient_id,
            detail=detail or None,
        )


def _rows() -> models.QuerySet[Trust]:
    return Trust.objects.select_for_update(of=("self",)).select_related("patient", "invitation")
