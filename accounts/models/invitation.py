"""An invitation: how somebody comes to a login, for her record, for her work here, or as somebody's trusted person.

It has two halves. A code of 60 bits is shown once to whoever invites and is handed over; a link of 256 bits is made
when the mail that carries it is sent. Neither is kept. Who joins opens the link, which shows that the e-mail is hers,
and shows one thing more: a patient her birth date, everybody else the code. Neither a letter nor a mail is enough.

The account is made when the link is used, and can do nothing: what it is for is given by the verb that finishes it,
when the second step and the recovery codes are set up (details 55, SC4).
"""

from __future__ import annotations

import hmac
import secrets
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import ages
from accounts.models.authority import may_still_invite
from accounts.models.care import CareTeam
from accounts.models.factor import ALPHABET
from accounts.models.joined import WHEN_JOINED, InvitationKind, leave_patients_side
from accounts.models.mailed import Mailed, link_digest, nudge
from accounts.models.notification import Notification
from accounts.models.patient import Patient
from accounts.models.role import KEEPERS, Role
from accounts.models.user import User, email_digest
from accounts.notices import Notice
from accounts.record_refusals import JoinedAway, TooYoungForAccount
from accounts.refusals import InvitationOver, NotYourOwn, PatientHasAccount, RecordNotActive
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import CLINIC_OWNER_ID, Kind, SealedField, digest, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from accounts.models.countersignature import Countersignature
    from audit.context import Agent

CODE_LENGTH = 12
# Who has chosen her password shall not lose her way because the hour strikes while she sets up her phone.
TO_FINISH = timedelta(hours=24)


class InvitationState(models.TextChoices):
    SECOND = "second", _("Waits for a second person")
    HELD = "held", _("Opens a day after it was agreed to")
    WAITING = "waiting", _("Waiting")
    BEGUN = "begun", _("Begun, not finished")
    USED = "used", _("Used")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Taken back")


class Issued(NamedTuple):
    """A new invitation and its code, which is known now and never again."""

    invitation: Invitation
    code: str


def code_digest(code: str) -> str:
    return digest(code, purpose="invitation-code")


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Those that still lead somewhere."""
        return self.filter(used_at=None, revoked_at=None, until__gt=timezone.now())

    def unfinished(self) -> Self:
        return self.filter(used_at=None, revoked_at=None)

    def by_code(self, code: str) -> Invitation | None:
        return self.open().filter(code_digest=code_digest(code)).select_related("patient").first()

    def by_token(self, token: str) -> Invitation | None:
        found = self.open().filter(link_digest=link_digest(token))
        return found.select_related("patient").first()

    def under_way(self, user: User) -> Invitation | None:
        """What this person has begun and not finished, also when it is over meanwhile."""
        last = self.filter(user=user.pk, taken_at__isnull=False).order_by("-taken_at", "-id").first()
        return last if last is not None and last.used_at is None else None

    def mails_due(self) -> Self:
        return self.open().filter(mail_due_at__lte=timezone.now())


class InvitationManager(models.Manager.from_queryset(InvitationQuerySet)):  # type: ignore[misc]  # built at run time
    @verb(actor="by")
    def issue(
        self,
        *,
        kind: InvitationKind,
        by: Agent,
        patient: Patient | None = None,
        birth_date: str = "",
        email: str = "",
        language: str = "en",
        name: str = "",
        title: str = "",
        roles: Sequence[str] = (),
        teams: Iterable[CareTeam] = (),
        returning: User | None = None,
    ) -> Issued:
        """Invite somebody. One that was open for the same record, or the same member of staff, opens nothing any more.

        `birth_date` is what a patient has to show beside the link; whoever has none shows the code. With `email` the
        link is mailed at once. `returning` is somebody whose account was closed: she gets it back, empty.
        """
        from accounts.models.countersignature import Countersignature

        if kind == InvitationKind.PATIENT:
            if patient is None or not birth_date:
                raise TypeError("A patient is invited to her record, and shows her birth date.")
            patient = Patient.objects.select_for_update().get(pk=patient.pk)
            if patient.joined_into_id is not None:
                raise JoinedAway
            if not patient.is_active:
                raise RecordNotActive
            returning = patient.user
            if returning is not None and returning.is_active and not _is_unfinished(returning):
                raise PatientHasAccount
            if not ages.may_have_account(date.fromisoformat(birth_date), timezone.now()):
                raise TooYoungForAccount(ages.table().own_account_from)
        for older in self._replaced(kind, patient=patient, email=email, returning=returning):
            older.revoke(by=by)
        code = "".join(secrets.choice(ALPHABET) for _letter in range(CODE_LENGTH))
        made: Invitation = self.model(
            kind=kind,
            patient=patient,
            user=returning,
            title=title,
            roles=sorted(roles),
            teams=[team.pk for team in teams],
            language=language,
            code_digest=code_digest(code),
            invited_by=by if isinstance(by, User) else None,
            until=timezone.now() + settings.INVITATION_AGE,
        )
        if birth_date:
            made.birth_digest = made.digest_of(birth_date)
        if name:
            made.name = seal(name, into=made, field="name")
        if email:
            made.email_digest = email_digest(email)
            made.email = seal(email.strip(), into=made, field="email")
        made.save(force_insert=True)
        Countersignature.objects.need(made)
        if email and made.second is None:
            made.open_from(timezone.now())
        record(
            agent=by, type="invitation", subtype="invite", action="C", obj=made, detail={"kind": str(kind)}
        )
        if email:
            transaction.on_commit(nudge, robust=True)
        return Issued(made, code)

    def _replaced(
        self, kind: str, *, patient: Patient | None, email: str, returning: User | None
    ) -> list[Invitation]:
        same = self.unfinished().filter(kind=kind).select_for_update()
        if kind == InvitationKind.PATIENT:
            return list(same.filter(patient=patient))
        if kind == InvitationKind.STAFF:
            hers = Q(user=returning.pk) if returning is not None else Q(pk__in=[])
            return list(same.filter(hers | Q(email_digest=email_digest(email)) if email else hers))
        return []

    @verb(actor="by")
    def finish(self, *, by: User) -> None:
        """Everything is set up: what the invitation was for becomes hers. Nothing to do for all who joined long ago."""
        begun = self.under_way(by)
        if begun is None:
            return
        row = self.select_for_update().get(pk=begun.pk)
        row.must_be_open()
        row._join(by)

    @verb(actor="by")
    def end_overdue(self, *, by: Agent) -> int:
        """Close what was begun and not finished in time, and forget where the mails went."""
        over = self.unfinished().filter(until__lte=timezone.now())
        over = over.filter(Q(email__isnull=False) | Q(user__is_active=True, taken_at__isnull=False))
        rows = list(over.select_for_update(of=("self",), skip_locked=True))
        for row in rows:
            row._give_up()
        return len(rows)

    def take_mails(self, *, most: int) -> list[Invitation]:
        """Claim mails that are due. One whose worker dies comes back after the claim's time."""
        with transaction.atomic():
            rows = list(self.mails_due().select_for_update(skip_locked=True).order_by("mail_due_at")[:most])
            for row in rows:
                row.claim_mail()
        return rows


class Invitation(Mailed):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=InvitationKind.choices)
    # Whose record, or who trusts.
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="invitations")
    # Who joins by it: known before where somebody comes back, else when the account is begun.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="invitations"
    )
    language = models.CharField(max_length=8, default="en")
    # Of a member of staff: as it will stand on the door plate.
    name = SealedField(kind=Kind.DIRECTORY, null=True)
    title = models.CharField(max_length=20, blank=True)
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list)
    teams = ArrayField(models.UUIDField(), default=list)

    code_digest = models.CharField(max_length=64, unique=True)
    birth_digest = models.CharField(max_length=64, blank=True)

    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    invited_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = InvitationManager()
    audit_hidden: tuple[str, ...] = ("mail_attempts", "mail_due_at")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=InvitationKind.values), name="invitation_kind_known"),
            models.CheckConstraint(
                condition=Q(kind=InvitationKind.STAFF) | Q(patient__isnull=False),
                name="invitation_names_whom_it_is_about",
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(revoked_at=None, user__isnull=False),
                name="invitation_used_or_taken_back",
            ),
            models.UniqueConstraint(
                fields=["patient"],
                condition=Q(kind=InvitationKind.PATIENT, used_at=None, revoked_at=None),
                name="one_invitation_of_a_record",
            ),
        ]
        indexes = [
            models.Index(
                fields=["mail_due_at"],
                name="invitations_to_mail",
                condition=Q(mail_due_at__isnull=False, used_at=None, revoked_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id or CLINIC_OWNER_ID

    @property
    def state(self) -> InvitationState:
        if self.used_at is not None:
            return InvitationState.USED
        if self.revoked_at is not None:
            return InvitationState.REVOKED
        if timezone.now() >= self.until:
            return InvitationState.EXPIRED
        if self.taken_at is not None:
            return InvitationState.BEGUN
        if self.second is None or self.second.is_open:
            return InvitationState.WAITING
        return InvitationState.HELD if self.second.is_signed else InvitationState.SECOND

    @property
    def second(self) -> Countersignature | None:
        """What a second person has to say to it; nothing where one is enough."""
        if self.kind == InvitationKind.STAFF:
            return None
        return getattr(self, "countersignature", None)

    @property
    def is_open(self) -> bool:
        return self.used_at is None and self.revoked_at is None and timezone.now() < self.until

    def must_not_be_over(self) -> None:
        if not self.is_open or not may_still_invite(self):
            raise InvitationOver

    def must_be_open(self) -> None:
        """Raises `InvitationOver`; `InvitationWaits` before a second person agreed, or on the day after."""
        self.must_not_be_over()
        if self.second is not None:
            self.second.must_be_open()

    def open_from(self, moment: datetime) -> None:
        """From then on it can be used, for as long as any other; its mail leaves then."""
        self.until = max(self.until, moment + settings.INVITATION_AGE)
        self.mail_due_at = moment if self.email is not None else None
        self.save(update_fields=["until", "mail_due_at"])

    def digest_of(self, birth_date: str) -> str:
        # Keyed, and salted by the row: without our key a stolen table is no use even for trying every day of a century.
        return digest(f"{self.pk}:{birth_date}", purpose="invitation-birth-date")

    def was_born(self, birth_date: str) -> bool:
        """Whether this is the birth date to show. The same work where none would be right."""
        return hmac.compare_digest(self.birth_digest or "-" * 64, self.digest_of(birth_date))

    def has_code(self, code: str) -> bool:
        return hmac.compare_digest(self.code_digest, code_digest(code))

    # Mail

    @verb(actor="by")
    def mail_to(self, email: str, *, by: Agent) -> None:
        """Send a link there, in place of any sent before."""
        row = Invitation.objects.select_for_update().get(pk=self.pk)
        row.must_be_open()
        row.email = seal(email.strip(), into=row, field="email")
        row.email_digest = email_digest(email)
        row.link_digest, row.mail_attempts, row.mail_due_at = None, 0, timezone.now()
        row.save(update_fields=["email", "email_digest", "link_digest", "mail_attempts", "mail_due_at"])
        record(agent=by, type="invitation", subtype="link-asked", obj=row)
        transaction.on_commit(nudge, robust=True)

    # What becomes of it

    @verb(actor="by")
    def revoke(self, *, by: Agent) -> None:
        """Take it back. What somebody had begun by it and not finished is closed with it."""
        row = Invitation.objects.select_for_update().get(pk=self.pk)
        if row.used_at is not None or row.revoked_at is not None:
            raise InvitationOver
        row.revoked_at = self.revoked_at = timezone.now()
        row.revoked_by = by if isinstance(by, User) else None
        row.save(update_fields=["revoked_at", "revoked_by"])
        row._give_up()
        record(agent=by, type="invitation", subtype="revoke", obj=row)

    @verb(actor="by")
    def take(self, *, email: str, password: str, by: Agent) -> User:
        """Use the link up, once: a login and a password, which can do nothing until all is set up.

        Who began before, by this invitation or an older one, begins again with the same account.
        """
        row = Invitation.objects.select_for_update().get(pk=self.pk)
        row.must_be_open()
        if row.link_digest is None or row.link_digest != self.link_digest:
            raise InvitationOver
        user = row.user or row._begun_before(email)
        if user is None:
            user = User.objects.enrol(email=email, password=password, by=by, language=row.language)
        else:
            user.start_over(email=email, password=password, by=by)
            if row.kind == InvitationKind.STAFF and row.invited_by is not None:
                leave_patients_side(user, invited_by=row.invited_by, by=by)
        row.user, row.taken_at, row.link_digest = user, timezone.now(), None
        row.until = max(row.until, row.taken_at + TO_FINISH)
        row.save(update_fields=["user", "taken_at", "link_digest", "until"])
        record(agent=by, type="invitation", subtype="take", obj=row)
        return user

    @verb(actor="by")
    def redeem(self, *, by: User) -> None:
        """Somebody who is signed in takes it with the account she has."""
        row = Invitation.objects.select_for_update().get(pk=self.pk)
        row.must_be_open()
        if row.user_id not in (None, by.pk):
            raise InvitationOver
        row.user, row.taken_at = by, timezone.now()
        row._join(by)

    def _join(self, user: User) -> None:
        if self.invited_by_id == user.pk or (self.second is not None and self.second.signed_by_id == user.pk):
            raise NotYourOwn
        self.user, self.used_at = user, timezone.now()
        self.link_digest = self.email = self.mail_due_at = None
        self.save(update_fields=["user", "taken_at", "used_at", "link_digest", "email", "mail_due_at"])
        WHEN_JOINED[self.kind](self, user)
        user.rights_changed()
        record(agent=user, type="invitation", subtype="join", obj=self, detail={"kind": self.kind})
        Notification.objects.warn(user, about=self, notice=Notice.JOINED)

    def _begun_before(self, email: str) -> User | None:
        """The account of this e-mail, where it is one that somebody began for the same purpose and never finished."""
        user = User.objects.by_email(email)
        if user is None or not _is_unfinished(user):
            return None
        same = Invitation.objects.filter(user=user, kind=self.kind, patient=self.patient_id)
        return user if same.exists() else None

    def _give_up(self) -> None:
        self.link_digest = self.email = self.mail_due_at = None
        self.save(update_fields=["link_digest", "email", "mail_due_at"])
        if self.taken_at is not None and self.user is not None and self.user.is_active:
            self.user.shut()


def _is_unfinished(user: User) -> bool:
    """Whether this account was begun by an invitation and cannot do anything yet."""
    return Invitation.objects.under_way(user) is not None


def joins_as_keeper(user: User) -> bool:
    """Whether what she is joining for will need a passkey."""
    begun = Invitation.objects.under_way(user)
    return begun is not None and bool(KEEPERS & set(begun.roles))
