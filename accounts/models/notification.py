"""What leaves is first a row: notices that something waits or has changed, and nothing about health."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import formatdate
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import now

from accounts.models.patient import Patient, PatientState
from accounts.notices import Notice, notice_words
from audit.context import SystemAgent
from audit.ids import uuid7
from audit.recorder import record_read
from audit.seals import SealBroken, unseal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models.contact import ContactChange
    from accounts.models.countersignature import Countersignature
    from accounts.models.reset import PasswordReset
    from accounts.models.user import User

NOTIFIER = SystemAgent("system:notifier")

# A worker that took a notice and died gives it back after this long. Longer than any mail conversation.
LEASE = timedelta(minutes=3)
BACKOFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
)
MOST_ATTEMPTS = 40  # about a week of a mail server that is down


class Channel(models.TextChoices):
    EMAIL = "email"


class NotificationQuerySet(models.QuerySet["Notification"]):
    def tell(
        self,
        people: Iterable[UUID],
        *,
        about: models.Model,
        notice: str,
        patient: Patient | None = None,
        once: str = "",
    ) -> None:
        """Line up one notice a person about one event, in the caller's transaction (NT4).

        The same event tells the same person once a channel, however often this runs. After commit the
        worker is nudged; when the broker is down the sweep finds the rows.
        """
        rows = [
            Notification(
                event_key=":".join(filter(None, [about._meta.label_lower, str(about.pk), notice, once])),
                person_id=person,
                patient=patient,
                channel=Channel.EMAIL,
                notice=notice,
            )
            for person in dict.fromkeys(people)
        ]
        if not rows:
            return
        made = Notification.objects.bulk_create(rows, ignore_conflicts=True)
        keys = [str(row.pk) for row in made]
        transaction.on_commit(lambda: _nudge(keys), robust=True)

    def warn(self, person: User, *, about: models.Model, notice: str, once: str = "") -> None:
        """Tell somebody that the way into her own account was changed, used or tried. Nobody can turn this off.

        `once` says how far apart two notices about the same thing are: the same text, the same notice.
        """
        self.tell([person.pk], about=about, notice=notice, once=once)

    def due(self) -> NotificationQuerySet:
        """Notices to send now, those whose worker died included."""
        moment = now()
        return self.filter(sent_at=None, given_up_at=None, due_at__lte=moment).filter(
            Q(claimed_at=None) | Q(claimed_at__lt=moment - LEASE)
        )

    def take(self, *, most: int, among: Iterable[str] | None = None) -> list[Notification]:
        """Claim up to `most` due notices for this worker; no two workers get the same one."""
        with transaction.atomic():
            due = self.due() if among is None else self.due().filter(pk__in=list(among))
            rows = list(due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "id")[:most])
            self.filter(pk__in=[row.pk for row in rows]).update(
                claimed_at=now(), attempts=models.F("attempts") + 1
            )
        return list(self.filter(pk__in=[row.pk for row in rows]).select_related("person"))


class Notification(models.Model):
    """One notice to one person on one channel about one event: outbox and proof of delivery in one row."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event_key = models.CharField(max_length=120)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Whose record it goes with; a notice about somebody's own account goes with none.
    patient = models.ForeignKey(Patient, null=True, on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    notice = models.CharField(max_length=24, choices=Notice.choices)
    created_at = models.DateTimeField(default=now)
    due_at = models.DateTimeField(default=now)
    claimed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    # The kind of failure, never the mail server's own words: those may quote an address.
    last_error = models.CharField(max_length=60, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event_key", "person", "channel"], name="one_notice_of_event"),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="notices_to_send", condition=Q(sent_at=None, given_up_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"notice {self.pk}"

    @property
    def is_wanted(self) -> bool:
        """Whether the person may still be told: who left is told of that alone, and nobody is told too late.

        Who has died is told nothing, whatever was lined up and whoever lines it up later.
        Who is told for a patient's sake must still be trusted with what it is about, at the moment of sending; who is
        told of work must still do it.
        """
        if Patient.objects.filter(user=self.person_id, state=PatientState.DECEASED).exists():
            return False
        if self.notice == Notice.ACCOUNT_CLOSED:
            return True
        if self.notice == Notice.ACCOUNT_REOPENS:
            return self._second().can_be_stopped
        if not self.person.is_active:
            return False
        if self.notice == Notice.RESET_LINK:
            return not self._reset().is_stale
        if self.notice == Notice.CONTACT_LINK:
            return self._change().is_worth_a_mail
        if self.notice == Notice.WORK_WAITING:
            return self.person.cares and self.person.team_memberships.current().exists()
        return self.patient_id is None or self._is_still_hers()

    def _is_still_hers(self) -> bool:
        from accounts.models.proxy import ProxyGrant
        from accounts.models.record_join import parted

        helps = ProxyGrant.objects.filter(patient=self.patient_id, proxy=self.person_id)
        if self.notice == Notice.REVIEW_DUE:
            return True
        if not helps.exists():
            return self.patient_id is None or not parted(self.patient_id, self.person_id)
        if not helps.current().exists():
            return False
        about, key = self.event_key.split(":")[:2]
        shown = _STILL_SHOWN.get(about)
        return shown is None or shown(UUID(key), self.person_id)

    def send(self) -> None:
        """Deliver a claimed notice, once. A failure puts it back for later; the last one gives up loudly.

        The mail's own id is made from the row, so the one repeat that cannot be ruled out (a crash between
        the server's yes and our commit) is the same mail to the reader's mail program. The address is
        opened under a recorded read by `system:notifier`.
        """
        if not self._still_ours():
            return
        if not self.is_wanted:
            self._settle(given_up_at=now(), last_error="not to be told any more")
            return
        try:
            self.as_email().send()
        except (OSError, SealBroken, ValueError) as failure:
            # smtplib's errors and broken connections are OSErrors; an address that cannot be opened or
            # encoded must not hold up the notices behind it.
            self._put_back(type(failure).__name__)
        else:
            self._settle(sent_at=now(), last_error="")

    def as_email(self) -> EmailMessage:
        """The mail: fixed words in the person's language, one recipient, one link to the sign-in page."""
        holder, field = self._addressed_to()
        receipt = record_read(
            reader=NOTIFIER, shown=[holder], category="contact", purpose="HOPERAT", subtype="send"
        )
        address = unseal(holder, field, receipt=receipt)
        with translation.override(self.person.preferred_language):
            subject, body = notice_words(Notice(self.notice), link=self._link())
        domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
        return EmailMessage(
            subject=subject,
            body=body,
            to=[address],
            headers={
                "Message-ID": f"<{self.pk}@{domain}>",
                "Date": formatdate(self.created_at.timestamp()),
                "Auto-Submitted": "auto-generated",
            },
        )

    def _link(self) -> str:
        """The address that this one mail carries; made now, so that it is nowhere before."""
        if self.notice == Notice.CONTACT_LINK:
            path = reverse("account-email-confirm", args=[self._change().new_token()])
            return f"{settings.PORTAL_URL}{path}"
        if self.notice == Notice.ACCOUNT_REOPENS:
            path = reverse("join-stop", args=[self._second().new_token()])
            return f"{settings.PORTAL_URL}{path}"
        if self.notice != Notice.RESET_LINK:
            return ""
        path = reverse("password-by-link", args=[self._reset().new_token()])
        return f"{settings.PORTAL_URL}{path}"

    def _addressed_to(self) -> tuple[models.Model, str]:
        """The sealed address this one goes to: her own, unless it is about an address that comes or goes.

        A link for a new password goes for a day to the address that was left (details 57).
        """
        from accounts.models.contact import ContactChange, Reach

        if self.notice == Notice.CONTACT_LINK:
            return self._change(), "address"
        if self.notice == Notice.CONTACT_LEFT:
            change = self._change()
            return change, "former" if change.undone_at is None else "address"
        if self.notice == Notice.RESET_LINK:
            held = ContactChange.objects.held().filter(user=self.person_id, kind=Reach.EMAIL).first()
            if held is not None:
                return held, "former"
        return self.person, "email"

    def _change(self) -> ContactChange:
        from accounts.models.contact import ContactChange

        return ContactChange.objects.get(pk=self.event_key.split(":")[1])

    def _second(self) -> Countersignature:
        from accounts.models.countersignature import Countersignature

        key = self.event_key.split(":")[1]
        return Countersignature.objects.select_related("invitation").get(pk=key)

    def _reset(self) -> PasswordReset:
        from accounts.models.reset import PasswordReset

        return PasswordReset.objects.get(pk=self.event_key.split(":")[1])

    def _still_ours(self) -> bool:
        """Whether our claim stands, and renew it. The rows before this one may have taken longer than the lease."""
        moment = now()
        ours = Notification.objects.filter(
            pk=self.pk, claimed_at=self.claimed_at, sent_at=None, given_up_at=None
        )
        if not ours.update(claimed_at=moment):
            return False
        self.claimed_at = moment
        return True

    def _put_back(self, failure: str) -> None:
        if self.attempts >= MOST_ATTEMPTS:
            self._settle(given_up_at=now(), last_error=failure)
            return
        wait = BACKOFF[min(self.attempts, len(BACKOFF)) - 1]
        self._settle(due_at=now() + wait, claimed_at=None, last_error=failure)

    def _settle(self, **columns: object) -> None:
        for name, value in columns.items():
            setattr(self, name, value)
        self.save(update_fields=list(columns))


# Kinds of things of which the app that has them says whether somebody on the patient's side may know of this one now.
_STILL_SHOWN: dict[str, Callable[[UUID, UUID], bool]] = {}


def ask_before_telling(model: type[models.Model], still_shown: Callable[[UUID, UUID], bool]) -> None:
    """Have `still_shown(key, person)` asked before a notice about such a thing leaves for a trusted person."""
    _STILL_SHOWN[model._meta.label_lower] = still_shown


def _nudge(keys: list[str]) -> None:
    """Ask a worker to deliver now. Losing the nudge costs seconds: the sweep finds the rows."""
    from accounts.tasks import deliver_notifications

    deliver_notifications.delay(keys)
