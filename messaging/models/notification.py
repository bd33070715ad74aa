"""What leaves is first a row: notices that something waits, and nothing about what it is."""

from __future__ import annotations

from datetime import timedelta
from email.utils import formatdate
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import CareTeamMembership, Patient, ProxyGrant
from audit.context import SystemAgent
from audit.ids import uuid7
from audit.prepared import Prepared
from audit.recorder import record_read
from audit.seals import SealBroken, unseal
from messaging.clock import now

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from messaging.models.pool import Pool

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


class Notice(models.TextChoices):
    """The fixed catalogue of what a notice can say. No sender, no subject, nothing about health (NT1)."""

    NEW_MESSAGE = "new_message"
    REFILL_DECIDED = "refill_decided"
    WORK_WAITING = "work_waiting"


class Channel(models.TextChoices):
    EMAIL = "email"


_members = Prepared(
    lambda *, team, at: (
        CareTeamMembership.objects.current(at).filter(team=team, user__is_active=True).values_list("user")
    )
)


class NotificationQuerySet(models.QuerySet["Notification"]):
    def tell(self, people: Iterable[UUID], *, about: models.Model, notice: str, patient: Patient) -> None:
        """Line up one notice a person about one event, in the caller's transaction (NT4).

        The same event tells the same person once a channel, however often this runs. After commit the
        worker is nudged; when the broker is down the sweep finds the rows.
        """
        rows = [
            Notification(
                event_key=f"{about._meta.label_lower}:{about.pk}:{notice}",
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

    def tell_patients_side(self, patient: Patient, *, about: models.Model, notice: str) -> None:
        """Tell the patient and the trusted people who may read."""
        people = [patient.user_id] if patient.user_id else []
        people += (
            ProxyGrant.objects.current()
            .filter(patient=patient, scopes__contains=["read"])
            .values_list("proxy", flat=True)
        )
        self.tell(people, about=about, notice=notice, patient=patient)

    def tell_pool(self, pool: Pool, *, about: models.Model, notice: str, owner: UUID | None) -> None:
        """Tell who holds the work, or else everybody who works the pool."""
        if owner is not None:
            people = [owner]
        else:
            people = [person for (person,) in _members(team=pool.team_id, at=now())]
        self.tell(people, about=about, notice=notice, patient=about.patient)  # type: ignore[attr-defined]

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
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
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
            models.UniqueConstraint(fields=["event_key", "person", "channel"], name="one_notice_per_event"),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="notices_due", condition=Q(sent_at=None, given_up_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"notice {self.pk}"

    @property
    def is_wanted(self) -> bool:
        """Whether the person may still be told: people who left are told nothing."""
        return self.person.is_active

    def send(self) -> None:
        """Deliver a claimed notice, once. A failure puts it back for later; the last one gives up loudly.

        The mail's own id is made from the row, so the one repeat that cannot be ruled out (a crash between
        the server's yes and our commit) is the same mail to the reader's mail program. The address is
        opened under a recorded read by `system:notifier`.
        """
        if not self._still_ours():
            return
        if not self.is_wanted:
            self._settle(given_up_at=now(), last_error="person not active")
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
        receipt = record_read(
            reader=NOTIFIER, shown=[self.person], category="contact", purpose="HOPERAT", subtype="send"
        )
        address = unseal(self.person, "email", receipt=receipt)
        with translation.override(self.person.preferred_language):
            clinic = settings.CLINIC_NAME
            subject, words = {
                Notice.NEW_MESSAGE: (
                    _("You have a message from %(clinic)s") % {"clinic": clinic},
                    _("You have a message from %(clinic)s.") % {"clinic": clinic},
                ),
                Notice.REFILL_DECIDED: (
                    _("You have news from %(clinic)s") % {"clinic": clinic},
                    _("You have news from %(clinic)s.") % {"clinic": clinic},
                ),
                Notice.WORK_WAITING: (
                    _("Something is waiting in the team inbox"),
                    _("Something is waiting in the team inbox of %(clinic)s.") % {"clinic": clinic},
                ),
            }[Notice(self.notice)]
            body = "\n\n".join(
                [
                    words,
                    _("To read it, sign in:"),
                    f"{settings.PORTAL_URL}/",
                    _("For your privacy, this e-mail does not say what it is about. Do not reply to it."),
                    _("Need help now? Do not wait for a reply. Call %(phone)s. In an emergency call 911.")
                    % {"phone": settings.CLINIC_PHONE},
                ]
            )
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


def _nudge(keys: list[str]) -> None:
    """Ask a worker to deliver now. Losing the nudge costs seconds: the sweep finds the rows."""
    from messaging.tasks import deliver_notifications

    deliver_notifications.delay(keys)
