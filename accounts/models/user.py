"""A person who can sign in. What she may do is in rows elsewhere, read live."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from accounts import leaving
from accounts.models import rights
from accounts.models.notification import Notification
from accounts.models.rights import Grant, Rights
from accounts.models.role import CARING, CLINICAL, KEEPERS, PRESCRIBERS, Role, RoleGrant, keep_one
from accounts.notices import Notice
from accounts.refusals import AccountClosed, LoginTaken, NotYourOwn
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, digest, seal
from audit.verbs import verb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from accounts.models.session import Session
    from audit.context import Agent


def fold(text: str) -> str:
    """One spelling for each login: "Ana@…", "ANA@…" and the same in full-width letters are one person."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())


def email_digest(text: str) -> str:
    return digest(fold(text), purpose="email")


def new_stamp() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Standing:
    """As whom the rules of access judge somebody, without her row: for statements prepared before she asks."""

    pk: UUID
    cares: bool = False


class UserManager(BaseUserManager["User"]):
    def staff(self) -> models.QuerySet[User]:
        """Everybody with a name on the door plate, those who have left included."""
        return self.filter(practitioner__isnull=False).select_related("practitioner")

    def by_email(self, text: str) -> User | None:
        return self.by_login(email_digest(text))

    def by_login(self, login: str) -> User | None:
        """Whoever signs in with this address; for a day also with the one she has just left."""
        from accounts.models.contact import ContactChange

        left = ContactChange.objects.left_within_a_day(login)
        return self.filter(models.Q(email_digest=login) | models.Q(pk__in=left.values("user"))).first()

    @verb(actor="by")
    def enrol(self, *, email: str, password: str | None, by: Agent, language: str = "en") -> User:
        """Give a person a login. A login once taken stays taken, also after its person has left (HSR-02)."""
        from accounts.models.contact import is_taken

        if is_taken(email_digest(email)):
            raise LoginTaken
        user = self.model(email_digest=email_digest(email), preferred_language=language)
        user.email = seal(unicodedata.normalize("NFC", email).strip(), into=user, field="email")
        user.set_password(password)
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as clash:
            raise LoginTaken from clash
        return user


class User(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = SealedField(kind=Kind.HEALTH)
    email_digest = models.CharField(max_length=64, unique=True)
    is_active = models.BooleanField(default=True)
    # Every session carries a copy. When the two differ, the session is over: one write ends them all.
    security_stamp = models.CharField(max_length=32, default=new_stamp)
    preferred_language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(default=timezone.now)

    last_login = None
    USERNAME_FIELD = "email_digest"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._rights: Rights | None = None
        self._verified = False
        # In what state the records are on whose side she stands, unless they are active. For what a page says.
        self.states: dict[UUID, str] = {}
        # The session in which she asks, if a request brought her.
        self.session_id: UUID | None = None

    def __str__(self) -> str:
        return f"user {self.pk}"

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError(
            "A person is deactivated, never deleted: her id and her login must not be given again."
        )

    @property
    def seal_owner_id(self) -> UUID:
        return self.pk

    # What the session brought along with this person for one request. Elsewhere the rows are asked each time: a right
    # remembered in an object that lives longer would outlive the row.

    def primed(
        self,
        *,
        roles: frozenset[str],
        patient_id: UUID | None,
        grants: tuple[Grant, ...],
        verified: bool,
        agreed_to: frozenset[str] = frozenset(),
        joined: frozenset[UUID] = frozenset(),
    ) -> Self:
        self._rights = Rights(roles, patient_id, grants, agreed_to, joined)
        self._verified = verified
        return self

    @property
    def roles(self) -> frozenset[str]:
        """The roles held now."""
        if self._rights is not None:
            return self._rights.roles
        return rights.roles_of(self.pk)

    @property
    def patient_id(self) -> UUID | None:
        """The person's own record, when she is a patient here."""
        if self._rights is not None:
            return self._rights.patient_id
        return rights.own_record_of(self.pk)

    @property
    def records(self) -> frozenset[UUID]:
        """Her own record, and those that were joined into it."""
        own = self.patient_id
        if own is None:
            return frozenset()
        if self._rights is not None:
            return self._rights.joined | {own}
        from accounts.models.patient import Patient

        joined = Patient.objects.filter(joined_into=own)
        return frozenset({own, *joined.values_list("pk", flat=True)})

    def records_with(self, patient_id: UUID) -> list[UUID]:
        """This record, and those joined into it in which she may do anything on the patient's side."""
        if patient_id == self.patient_id:
            return [patient_id, *sorted(self.records - {patient_id})]
        return [patient_id, *(grant.patient_id for grant in self.grants if grant.joined_into == patient_id)]

    @property
    def sides(self) -> list[UUID]:
        """On whose side she may stand: her own, and those of whom she helps; nobody twice for having two records."""
        own = [self.patient_id] if self.patient_id else []
        helped = [grant.patient_id for grant in self.grants]
        joined = {grant.patient_id for grant in self.grants if grant.joined_into in helped}
        return own + [patient for patient in helped if patient not in joined]

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The proxy grants she holds now, oldest first."""
        if self._rights is not None:
            return self._rights.grants
        return rights.grants_of(self.pk)

    @property
    def agreed_to(self) -> frozenset[str]:
        """The versions of the terms she has agreed to."""
        if self._rights is not None:
            return self._rights.agreed_to
        from accounts.models.agreement import Agreement

        return frozenset(Agreement.objects.filter(user=self.pk).values_list("version", flat=True))

    def scopes_for(self, patient_id: UUID) -> frozenset[str]:
        """What she may do on the patient's side of this record: everything on her own, what a grant says elsewhere."""
        from accounts.models.proxy import Scope

        if patient_id in self.records:
            return frozenset(Scope.values)
        return next((grant.scopes for grant in self.grants if grant.patient_id == patient_id), frozenset())

    def takes_in(self, topic: str, *, of: UUID) -> bool:
        """Whether conversations about this topic are hers to take part in, on the patient's side of this record."""
        if of in self.records:
            return True
        return any(
            not grant.topics or topic in grant.topics for grant in self.grants if grant.patient_id == of
        )

    @property
    def is_clinical(self) -> bool:
        return bool(self.roles & CLINICAL)

    @property
    def may_prescribe(self) -> bool:
        return bool(self.roles & PRESCRIBERS)

    @property
    def works_here(self) -> bool:
        return bool(self.roles)

    @property
    def cares(self) -> bool:
        """Works with patients: clinicians and the front desk."""
        return bool(self.roles & CARING)

    @property
    def at_the_desk(self) -> bool:
        return Role.FRONT_DESK in self.roles

    @property
    def keeps_accounts(self) -> bool:
        """Administers accounts, and can sign in."""
        return self.is_active and Role.ACCOUNT_ADMIN in self.roles

    @property
    def needs_passkey(self) -> bool:
        """Whose account would open everybody's: a code that can be asked for on the phone is not enough for it."""
        return bool(settings.PASSKEYS_REQUIRED and self.roles & KEEPERS)

    @property
    def agent_role(self) -> str:
        """As whom the audit trail knows her."""
        held = sorted(self.roles)
        held += ["patient"] if self.patient_id else []
        held += ["proxy"] if self.grants else []
        return "+".join(held)

    def is_verified(self) -> bool:
        """Came through both steps of sign-in, in the session this request belongs to."""
        return self._verified

    def forget_rights(self) -> None:
        """Ask the rows again from now on."""
        self._rights = None

    def rights_changed(self) -> None:
        """End every session of this person that was opened before now. Call inside the verb that changed the right."""
        self.security_stamp = new_stamp()
        self.forget_rights()
        self.save(update_fields=["security_stamp"])

    @verb(actor="by")
    def change_password(self, password: str, *, by: User, browser: UUID | None = None) -> None:
        """Every session opened with the old one ends, and every browser is a stranger, but this one."""
        from accounts.models.device import KnownDevice

        KnownDevice.objects.forget_all(of=self, by=by, but=browser)
        self.set_password(password)
        self.save(update_fields=["password"])
        self.rights_changed()
        record(agent=by, type="account", subtype="password-change", action="U", obj=self)

    def sign_in_as(self, email: str) -> None:
        """From now on this is her login and where her mail goes. Inside the verb that proved it."""
        self.email = seal(email, into=self, field="email")
        self.email_digest = email_digest(email)
        self.save(update_fields=["email", "email_digest"])

    @verb(actor="by")
    def prefer_language(self, language: str, *, by: Agent) -> None:
        self.preferred_language = language
        self.save(update_fields=["preferred_language"])

    @verb(actor="by")
    def sign_out_everywhere(self, *, by: Agent) -> int:
        """End her sessions for her: a lost laptop, a doubt. How many there were. She may sign in again."""
        from accounts.models.device import KnownDevice
        from accounts.models.session import End, Session

        KnownDevice.objects.forget_all(of=self, by=by)
        alive = Session.objects.alive().filter(user=self).select_related("user")
        ended = sum(session.end(by=by, reason=End.ENDED_BY_ADMIN) for session in alive)
        if ended:
            self._was_signed_out(by, ended)
        return ended

    @verb(actor="by")
    def sign_out_of(self, session: Session, *, by: Agent) -> None:
        """End one of her sessions for her."""
        from accounts.models.session import End

        if session.user_id == self.pk and session.end(by=by, reason=End.ENDED_BY_ADMIN):
            self._was_signed_out(by, 1)

    def _was_signed_out(self, by: Agent, sessions: int) -> None:
        detail = {"sessions": sessions}
        record(agent=by, type="account", subtype="sign-out", action="U", obj=self, detail=detail)
        minute = timezone.now().strftime("%Y%m%d%H%M")
        Notification.objects.warn(self, about=self, notice=Notice.SESSIONS_ENDED, once=minute)

    @verb(actor="by")
    def deactivate(
        self,
        *,
        by: Agent,
        why: str | None = None,
        leads: Mapping[UUID, User] | None = None,
        quietly: bool = False,
    ) -> None:
        """Shut the person out at once: the next request of any of her sessions finds no one (HSR-13).

        Her roles, her places in teams and what other apps hold for her end in the same transaction. It needs one
        person and no second, also for a keeper of accounts: a danger cannot wait. Coming back is by invitation.

        `leads` says for each team who leads the care of her patients there from now on; nobody alone, else. `quietly`
        tells nobody, where there is nobody left to tell.
        """
        from accounts.models.care import CareTeamMembership
        from accounts.models.device import KnownDevice
        from accounts.models.lead import hand_over

        if getattr(by, "pk", None) == self.pk:
            raise NotYourOwn
        leaving.alone()
        row = User.objects.select_for_update().get(pk=self.pk)
        if not row.is_active:
            raise AccountClosed
        keep_one(Role.ACCOUNT_ADMIN, without=row)
        hand_over(self, leads or {}, by=by)
        self.shut()
        KnownDevice.objects.forget_all(of=self, by=by)
        for grant in RoleGrant.objects.current().filter(user=self).select_related("user"):
            grant.end_with_account(by=by)
        record(agent=by, type="account", subtype="deactivate", action="U", obj=self, reason_text=why)
        leaving.settle(leaving.Leaving(by=by, people=(self,)))
        # After what hangs on her is settled, and by hand: a login can always be closed, also that of the last reader.
        for place in CareTeamMembership.objects.current().filter(user=self):
            place.ends_at = timezone.now()
            place.save(update_fields=["ends_at"])
        if not quietly:
            Notification.objects.warn(
                self, about=self, notice=Notice.ACCOUNT_CLOSED, once=self.security_stamp[:8]
            )

    def shut(self) -> None:
        """Nobody comes in by this account from now on. Inside the verb that says why."""
        from accounts.models.session import End, Session

        self.is_active = False
        self.rights_changed()
        self.save(update_fields=["is_active"])
        Session.objects.filter(user=self).finish(reason=End.DEACTIVATED)

    @verb(actor="by")
    def start_over(self, *, email: str, password: str, by: Agent) -> None:
        """Begin again by an invitation, with nothing of what opened this account before. Its id stays hers."""
        from accounts.models.device import KnownDevice
        from accounts.models.factor import RecoverySheet, second_steps_of

        self.email = seal(unicodedata.normalize("NFC", email).strip(), into=self, field="email")
        self.email_digest = email_digest(email)
        self.set_password(password)
        self.is_active = True
        try:
            with transaction.atomic():
                self.save(update_fields=["email", "email_digest", "password", "is_active"])
        except IntegrityError as clash:
            raise LoginTaken from clash
        for step in second_steps_of(self):
            step.delete()
        for sheet in RecoverySheet.objects.filter(user=self):
            sheet.tear_up()
        KnownDevice.objects.forget_all(of=self, by=by)
        self.rights_changed()
        record(agent=by, type="account", subtype="start-over", action="U", obj=self)

    @verb(actor="by")
    def reopen(self, *, by: Agent) -> None:
        """It was shut by mistake. What she had to show before, she has to show again."""
        self.is_active = True
        self.rights_changed()
        self.save(update_fields=["is_active"])
        record(agent=by, type="account", subtype="reopen", action="U", obj=self)
