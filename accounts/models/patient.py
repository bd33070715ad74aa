"""The patient, and the one answer to who may see one."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts import ages
from accounts.notices import Notice
from accounts.record_refusals import JoinedAway, LetsMoreBeDone
from accounts.refusals import AccountClosed, MayNotSetState, PaperMissing, RecordNumberTaken, WorksHere
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, digest, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from uuid import UUID

    from django.contrib.auth.models import AnonymousUser

    from accounts.models.care import CareTeam
    from accounts.models.user import User
    from audit.context import Agent


class PatientState(models.TextChoices):
    """As staff read it. What the patient reads is said on her pages, in whole sentences."""

    ACTIVE = "active", _("Active")
    INACTIVE = "inactive", _("Not a patient here now")
    DISMISSED = "dismissed", _("Dismissed from care here")
    BLOCKED = "blocked", _("Messages paused")
    DECEASED = "deceased", _("Has died")


class Proof(models.TextChoices):
    """Which paper shows when somebody was born."""

    BIRTH_CERTIFICATE = "certificate", _("Birth certificate")
    PASSPORT = "passport", _("Passport or identity card")
    LICENCE = "licence", _("Driver’s license")
    COURT = "court", _("Paper of a court or an office")
    OTHER = "other", _("Another paper")


def record_number_digest(text: str) -> str:
    return digest(unicodedata.normalize("NFKC", text).strip().upper(), purpose="record-number")


def of_owner(person: UUID, *, through: str = "patient") -> Q:
    """The condition that a row is of the record of `person`, or of one that was joined into it.

    `through` is the row's column that names the patient; empty for the patient herself.
    """
    column = f"{through}__" if through else ""
    return Q(**{f"{column}user": person}) | Q(**{f"{column}joined_into__user": person})


class PatientQuerySet(models.QuerySet["Patient"]):
    def standing(self) -> Self:
        """Those in use: not joined into another record."""
        return self.filter(joined_into=None)

    def one_with(self, patient: Patient) -> Self:
        """All records of the person whose record this is."""
        return self.filter(Q(pk=patient.person_id) | Q(joined_into=patient.person_id))

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """The patients whose records `user` may open now: her own, those who trust her, those her teams care for.

        Power over accounts or over the audit trail is no sight of charts.
        """
        from accounts.models.care import CareRelationship, CareTeamMembership
        from accounts.models.proxy import ProxyGrant, Scope
        from accounts.models.role import CARING

        if not user.is_authenticated or not user.is_active:
            return self.none()
        mine = of_owner(user.pk, through="")
        trusts_me = Exists(
            ProxyGrant.objects.current().filter(
                proxy=user.pk, patient=OuterRef("pk"), scopes__contains=[Scope.READ]
            )
        )
        if not user.roles & CARING:
            return self.filter(mine | Q(trusts_me))
        my_teams = CareTeamMembership.objects.current().filter(user=user.pk).values("team")
        cared_for = Exists(
            CareRelationship.objects.current().filter(patient=OuterRef("pk"), team__in=my_teams)
        )
        return self.filter(mine | Q(trusts_me) | Q(cared_for))

    def at_desk_of(self, user: User) -> Self:
        """Whose trusted people this member of staff looks after: of those she works for; of all, for privacy officers.

        Nobody works here on a record that is near to her.
        """
        from accounts.models.family import near
        from accounts.models.role import Role

        everybody = Role.PRIVACY_OFFICER in user.roles
        reachable = self.standing() if everybody else self.looked_after_by(user)
        return reachable.exclude(near(user.pk, through="pk"))

    def with_accounts_for(self, user: User) -> Self:
        """Whose accounts `user` may look after: the desk those its teams care for, an administrator everybody's.

        It is no sight of a record: pages made from this show a record number and nothing else of her. Nobody looks
        after an account that is near to her.
        """
        from accounts.models.family import near

        if user.keeps_accounts:
            return self.standing().exclude(near(user.pk, through="pk"))
        return self.looked_after_by(user) if user.at_the_desk else self.none()

    def looked_after_by(self, user: User) -> Self:
        """The patients whom the teams of `user` look after now, and who are not near to her: whom she works for."""
        from accounts.models.care import CareRelationship, CareTeamMembership
        from accounts.models.family import near

        if not user.is_authenticated or not user.is_active or not user.cares:
            return self.none()
        my_teams = CareTeamMembership.objects.current().filter(user=user.pk).values("team")
        cared_for = CareRelationship.objects.current().filter(patient=OuterRef("pk"), team__in=my_teams)
        return self.standing().filter(Exists(cared_for)).exclude(near(user.pk, through="pk"))

    def by_record_number(self, text: str) -> Patient | None:
        """Whose number this is. That of a record which was joined away finds the one that stayed."""
        numbered = Patient.objects.filter(record_number_digest=record_number_digest(text))
        return self.filter(pk__in=numbered.values(stays=Coalesce("joined_into", "pk"))).first()


class PatientManager(models.Manager.from_queryset(PatientQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def register(
        self,
        *,
        name: str,
        birth_date: str,
        record_number: str,
        by: Agent,
        phone: str = "",
        user: User | None = None,
        language: str = "en",
    ) -> Patient:
        """Open a record. `birth_date` is an ISO date. A record number is somebody's for good."""
        from accounts.models.coming_of_age import ComingOfAge

        born = date.fromisoformat(birth_date)
        patient = Patient(
            user=user,
            language=language,
            record_number_digest=record_number_digest(record_number),
            age_table=ages.table_of(born),
        )
        patient.name = seal(name, into=patient, field="name")
        patient.birth_date = seal(birth_date, into=patient, field="birth_date")
        patient.phone = seal(phone, into=patient, field="phone")
        patient.record_number = seal(record_number, into=patient, field="record_number")
        try:
            with transaction.atomic():
                patient.save(force_insert=True)
        except IntegrityError as clash:
            if self.filter(record_number_digest=patient.record_number_digest).exists():
                raise RecordNumberTaken from clash
            raise
        if patient.age_table != ages.ADULT:
            ComingOfAge.objects.lay(patient, born)
        return patient

    @verb(actor="by")
    def register_with(
        self,
        *,
        team: CareTeam,
        name: str,
        birth_date: str,
        record_number: str,
        phone: str,
        language: str,
        by: User,
    ) -> Patient:
        """Open a record at the desk: `team` is her main one, and the teams of whoever registers her see it, too."""
        from accounts.models.care import CareTeam, CareTeamMembership

        patient: Patient = self.register(
            name=name,
            birth_date=birth_date,
            record_number=record_number,
            phone=phone,
            language=language,
            by=by,
        )
        team.care_for(patient=patient, is_primary=True, by=by)
        own = CareTeamMembership.objects.current().filter(user=by).values("team")
        for mine in CareTeam.objects.filter(pk__in=own).exclude(pk=team.pk):
            mine.care_for(patient=patient, by=by)
        return patient


class Patient(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="patient"
    )
    name = SealedField(kind=Kind.HEALTH)
    birth_date = SealedField(kind=Kind.HEALTH)
    phone = SealedField(kind=Kind.HEALTH)
    record_number = SealedField(kind=Kind.HEALTH)
    record_number_digest = models.CharField(max_length=64, unique=True)
    language = models.CharField(max_length=8, default="en")
    # From which age table the days of her coming of age were worked out (`ComingOfAge`). Empty: not yet.
    age_table = models.CharField(max_length=40, blank=True)
    # Written only by the verb that writes the row of it (`RecordState`).
    state = models.CharField(max_length=10, choices=PatientState.choices, default=PatientState.ACTIVE)
    # Of somebody well known, or of one of the staff: it opens at work only to whoever says why.
    asks_reason = models.BooleanField(default=False)
    # The record that stays, of those that are one person's, and since when this one belongs to it. Written only by the
    # verbs of `RecordJoin`; never that of a record which was itself joined away.
    joined_into = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="joined_records", db_index=False
    )
    joined_at = models.DateTimeField(null=True)

    objects = PatientManager()

    audit_hidden = ("age_table",)  # It tells who is a child.

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PatientState.values), name="patient_state_known"),
            models.CheckConstraint(
                condition=Q(joined_into=None, joined_at=None)
                | (Q(joined_into__isnull=False, joined_at__isnull=False) & ~Q(joined_into=F("id"))),
                name="joined_since_a_moment",
            ),
        ]
        indexes = [
            # Few records are joined: this one is small, and asked for often.
            models.Index(
                fields=["joined_into"], name="joined_records", condition=Q(joined_into__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"patient {self.pk}"

    def call_at(self, phone: str) -> None:
        """Another number. Inside the verb that changes it."""
        self.phone = seal(phone, into=self, field="phone")
        self.save(update_fields=["phone"])

    @verb(actor="by")
    def protect(self, *, asks_reason: bool, by: User) -> None:
        """Ask for a reason before this record opens at work, or stop asking. Raises `MayNotSetState`."""
        if not Patient.objects.looked_after_by(by).filter(pk=self.pk).exists():
            raise MayNotSetState
        self.asks_reason = asks_reason
        self.save(update_fields=["asks_reason"])
        for joined in self.joined_records.all():
            joined.asks_reason = asks_reason
            joined.save(update_fields=["asks_reason"])
        record(
            agent=by,
            type="record",
            subtype="protect",
            action="U",
            obj=self,
            category="patient",
            detail={"asks_reason": asks_reason},
        )

    @verb(actor="by")
    def close_account(self, *, by: User, why: str) -> None:
        """Shut the login that opens this record. Raises `WorksHere` for whoever is staff, too."""
        self._own_login().deactivate(by=by, why=why)

    @verb(actor="by")
    def sign_out(self, *, by: User) -> None:
        """End the sessions of whoever opens this record. Raises `WorksHere`."""
        self._own_login().sign_out_everywhere(by=by)

    def _own_login(self) -> User:
        """Her login, if it is a patient's and nothing else: of those who work here administrators take care."""
        from accounts.models.user import User

        if self.user_id is None:
            raise AccountClosed
        owner = User.objects.get(pk=self.user_id)
        if owner.works_here:
            raise WorksHere
        return owner

    def is_near_to(self, user: User) -> bool:
        """Whether `user` is this patient, helps her now, or is her family: she does no work here."""
        from accounts.models.family import near

        return Patient.objects.filter(near(user.pk, through="pk"), pk=self.pk).exists()

    @property
    def person_id(self) -> UUID:
        """The record that stands for this person now."""
        return self.joined_into_id or self.pk

    @property
    def stays(self) -> Patient:
        """The record that this one was joined into, or itself."""
        return self.joined_into or self

    @property
    def owner_id(self) -> UUID | None:
        """Whose account opens this record."""
        return self.stays.user_id

    @property
    def owners(self) -> set[UUID | None]:
        """Whose account opens it, and whose opened it before it was joined away: one person."""
        return {self.owner_id, self.user_id} - {None}

    def is_own_of(self, user: User) -> bool:
        return user.pk == self.owner_id

    @property
    def is_active(self) -> bool:
        return self.state == PatientState.ACTIVE

    @property
    def patient_id(self) -> UUID:
        return self.pk

    @property
    def seal_owner_id(self) -> UUID:
        return self.pk

    @verb(actor="by")
    def correct_birth_date(
        self, birth_date: date, *, by: Agent, proof: str = "", reason: str = "", lets_more: bool = False
    ) -> None:
        """Put another birth date in the record. Whatever goes by age is worked out again, in the same transaction.

        An invitation that asks for the former one is taken back, to whomever it went. The patient is told that
        something changed, and so is whoever may now do more or less for her. Of staff the desk that works for her
        does it, with a paper and a reason, and says by `lets_more` that somebody may do more then. Raises
        `MayNotSetState`, `JoinedAway`, `PaperMissing`, `LetsMoreBeDone`.
        """
        from accounts.models.coming_of_age import ComingOfAge
        from accounts.models.notification import Notification
        from accounts.models.trust import Trust
        from accounts.models.trusts import let_more_be_done, reckon_and_tell
        from accounts.models.user import User

        patient = Patient.objects.select_for_update().get(pk=self.pk)
        trusts = Trust.objects.standing().filter(patient__in=Patient.objects.one_with(patient))
        if isinstance(by, User):
            if patient.joined_into_id is not None:
                raise JoinedAway
            if not (by.at_the_desk and Patient.objects.looked_after_by(by).filter(pk=self.pk).exists()):
                raise MayNotSetState
            if not (proof in Proof.values and reason.strip()):
                raise PaperMissing
            if not lets_more and let_more_be_done(trusts, birth_date):
                raise LetsMoreBeDone
        self.birth_date = seal(birth_date.isoformat(), into=self, field="birth_date")
        self.age_table = ages.table_of(birth_date)
        self.save(update_fields=["birth_date", "age_table"])
        ComingOfAge.objects.lay(self, birth_date)
        for invitation in self.invitations.unfinished().exclude(birth_digest=""):
            invitation.revoke(by=by)
        for trust in trusts:
            reckon_and_tell(trust, by=by, born=birth_date)
        record(
            agent=by,
            type="record",
            subtype="birth-date",
            action="U",
            obj=self,
            category="patient",
            detail={"proof": proof} if proof else None,
            reason_text=reason,
        )
        if self.owner_id is not None and self.state != PatientState.DECEASED:
            Notification.objects.tell(
                [self.owner_id], about=self, notice=Notice.RECORD_CHANGED, patient=self, once=uuid7().hex
            )
