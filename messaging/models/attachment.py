"""A file that somebody added to what she writes: sealed under a key of its own, checked, and sent with the message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.utils.translation import gettext_lazy as _

from accounts import limits
from accounts.models import Patient, ProxyGrant
from accounts.models.patient import of_owner
from accounts.models.proxy import Scope
from accounts.models.user import Standing
from audit import blind_index
from audit.files import SealedFile
from audit.ids import uuid7
from audit.recorder import record
from audit.seals import Kind, SealedField, digest, seal
from audit.verbs import verb
from messaging import notices
from messaging.clock import now
from messaging.filing import store
from messaging.filing.intake import Washed, wash
from messaging.filing.kinds import MOST_FILES, MOST_TOGETHER
from messaging.filing.kinds import Kind as FileKind
from messaging.filing.names import kept_name
from messaging.models.message import Message, Side
from messaging.models.thread import Thread
from messaging.models.words import MessageWords
from messaging.models.writing import DraftState
from messaging.refusals import FileRefused, FileThere, MayNot, NoFilesForYou

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from accounts.models import User
    from audit.context import Agent
    from messaging.filing.uploads import SealedUpload
    from messaging.models.draft import Draft

# A file that nobody sends is forgotten with the words it was to go with.
UNSENT_FOR = timedelta(days=90)
# When a check that brought no verdict is made again. The first wait is longer than any check takes.
CHECK_AGAIN = (
    timedelta(minutes=3),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
)


class Scan(models.TextChoices):
    """What the clinic's virus scanner says of it. Unscanned: the clinic has none, and says so."""

    CHECKING = "checking", _("Checking for viruses")
    CLEAN = "clean", _("Checked for viruses")
    INFECTED = "infected", _("Did not pass our safety check")
    UNSCANNED = "unscanned", _("Not checked for viruses")


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is writing: in a conversation, from one side of it, or in her draft of a new message."""

    side: Side
    thread: Thread | None = None
    draft: Draft | None = None

    @property
    def patient_id(self) -> UUID:
        return (self.thread or self.draft).patient_id  # type: ignore[union-attr]  # it has one of them

    @property
    def columns(self) -> dict[str, Any]:
        return {"thread": self.thread, "draft": self.draft, "side": self.side}

    def lock(self) -> None:
        """Let two files that arrive at once be counted one after the other."""
        if self.thread is not None:
            Thread.objects.select_for_update(of=("self",)).get(pk=self.thread.pk)
        elif self.draft is not None:
            self.draft.refresh_from_db(from_queryset=type(self.draft).objects.select_for_update(of=("self",)))

    def check(self, by: User) -> None:
        """Raise `NoFilesForYou` for a trusted person without that scope, and whatever writing there would raise."""
        if self.thread is not None:
            if self.thread.side_of(by, door=self.side) != self.side:
                raise MayNot
            patient = self.thread.patient
        elif self.draft is not None:
            self.draft.check_writer(by)
            patient = self.draft.patient
        if self.side == Side.PATIENT and not may_have_files(by, patient, scope="write"):
            raise NoFilesForYou


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, user: User) -> Self:
        """Files whose content `user` may have now: sent ones of threads she may read, and her own unsent ones.

        Before the scanner's verdict only whoever sent it may; what the scanner stopped nobody may. A trusted
        person needs a grant that says files. What was taken back takes its files along.
        """
        hers = Q(thread__in=Thread.objects.of_patients_side(user).values("pk"))
        worked = Q(thread__in=Thread.objects.worked_by(user).values("pk"))
        sent = Q(message__isnull=False, message__withdrawal=None) & (hers & _trusted(user, "read") | worked)
        served = self.filter(sent | self._unsent_by(user)).exclude(scan=Scan.INFECTED)
        return served.filter(_cleared() | Q(uploaded_by=user.pk))

    def unsent_by(self, user: User) -> Self:
        """What she has added and not sent yet, in whatever state, as long as she may still write there."""
        return self.filter(self._unsent_by(user))

    def _unsent_by(self, user: User) -> Q:
        hers = Q(thread=None) | Q(thread__in=Thread.objects.of_patients_side(user).values("pk"))
        worked = Q(side=Side.TEAM, thread__in=Thread.objects.worked_by(user).values("pk"))
        writable = Q(side=Side.PATIENT) & hers & _trusted(user, "write")
        return Q(message=None, uploaded_by=user.pk) & (writable | worked)

    def waiting_at(self, place: Place, *, by: User) -> Self:
        """What goes with the message that she is writing there."""
        return self.filter(message=None, uploaded_by=by.pk, **place.columns)

    def take_in(
        self, upload: SealedUpload, *, by: User, at: Place, form_token: UUID | None = None
    ) -> Attachment:
        """Make an uploaded file safe, seal it, store it, and add it to what `by` is writing there.

        What was sent under the same `form_token` is that one: somebody pressed twice. Raises `FileThere` for a file
        that waits there already, `FileRefused` with the reason, `FileBusy`, `NoFilesForYou`, `DraftGone`,
        `OwnRecord`, `MayNot`.
        """
        at.check(by)
        fingerprint = digest(upload.sha256, purpose="file")
        if twin := self._twin(fingerprint, by=by, at=at, form_token=form_token):
            return twin
        self._check_room(by=by, at=at, more=0)
        limits.use("add-file", by.pk)
        row = Attachment(
            patient_id=at.patient_id,
            uploaded_by=by,
            form_token=form_token,
            upload_digest=fingerprint,
            scan=Scan.CHECKING if settings.SCANNER_URL else Scan.UNSCANNED,
            **at.columns,
        )
        washed = wash(upload)
        try:
            row.hold(washed, given_name=upload.given_name)
        finally:
            washed.content.close()
        # Stored before the row: what a crash leaves between the two has no key anywhere.
        try:
            return self._add(row, by=by, at=at)
        except BaseException:
            store.drop(row.stored_as)
            raise

    @verb(actor="by")
    def _add(self, row: Attachment, *, by: User, at: Place) -> Attachment:
        at.lock()
        at.check(by)
        if twin := self._twin(row.upload_digest, by=by, at=at, form_token=row.form_token):
            transaction.on_commit(lambda: store.drop(row.stored_as))
            return twin
        self._check_room(by=by, at=at, more=row.size)
        row.save(force_insert=True)
        if at.draft is not None:
            at.draft.touch()
        record(
            agent=by,
            type="record",
            subtype="attach",
            action="C",
            obj=row,
            patient_id=row.patient_id,
            category="attachment",
        )
        if row.scan == Scan.CHECKING:
            transaction.on_commit(lambda: _nudge(str(row.pk)), robust=True)
        return row

    def _twin(self, fingerprint: str, *, by: User, at: Place, form_token: UUID | None) -> Attachment | None:
        same = self.filter(uploaded_by=by, upload_digest=fingerprint)
        if there := same.filter(message=None, **at.columns).first():
            raise FileThere(there)
        if form_token is None:
            return None
        return same.filter(form_token=form_token, patient=at.patient_id, side=at.side).first()

    def _check_room(self, *, by: User, at: Place, more: int) -> None:
        waiting = [file.size for file in self.waiting_at(at, by=by)]
        if len(waiting) >= MOST_FILES:
            raise FileRefused("too_many")
        if sum(waiting) + more > MOST_TOGETHER:
            raise FileRefused("too_big_together")
        held = self.filter(patient=at.patient_id).aggregate(all=Sum("sealed_size"))["all"] or 0
        if held + more > settings.FILES_QUOTA:
            raise FileRefused("no_room")

    def go_with(self, message: Message) -> None:
        """Send along what the author of `message` has added where she wrote it. For the verbs that send."""
        waiting = self.filter(message=None, uploaded_by=message.author_id, side=message.side)
        files = list(waiting.select_for_update(of=("self",)))
        if files:
            MessageWords.add_names(message, files)
        for file in files:
            file.message, file.thread_id, file.draft, file.name_digests = message, message.thread_id, None, []
            file.save(update_fields=["message", "thread", "draft", "name_digests"])

    def give_up(self) -> None:
        """Erase those that are not sent. For the verb that discards what they were to go with."""
        for file in self.filter(message=None):
            file.erase()

    def take_for_checking(self, *, most: int, among: Iterable[str] | None = None) -> Sequence[Attachment]:
        """Files to check now. No two workers get the same one; without a verdict it comes round again, later."""
        if not settings.SCANNER_URL:
            return []
        due = self.filter(scan=Scan.CHECKING, check_due_at__lte=now())
        if among is not None:
            due = due.filter(pk__in=list(among))
        with transaction.atomic():
            rows = list(due.select_for_update(skip_locked=True, of=("self",)).order_by("check_due_at")[:most])
            for row in rows:
                row.check_due_at = now() + CHECK_AGAIN[min(row.checks, len(CHECK_AGAIN) - 1)]
                row.checks += 1
                row.save(update_fields=["check_due_at", "checks"])
        return rows

    @verb(actor="by")
    def check_what_never_was(self, *, by: Agent) -> None:
        """The clinic has a scanner now: what came before it is checked as well."""
        for row in self.filter(scan=Scan.UNSCANNED).select_for_update(skip_locked=True)[:500]:
            row.scan = Scan.CHECKING
            row.save(update_fields=["scan"])

    def abandoned(self, *, at: datetime) -> Self:
        """Unsent, and nobody came back for them, or what they were to go with is gone.

        What goes with words that are still kept stays as long as these do.
        """
        written = Q(
            thread__drafts__author=F("uploaded_by"),
            thread__drafts__state=DraftState.OPEN,
            thread__drafts__updated_at__gte=at - UNSENT_FOR,
        )
        kept = self.filter(written | Q(draft__state=DraftState.OPEN), message=None)
        left = Q(uploaded_at__lt=at - UNSENT_FOR) & ~Q(pk__in=kept.values("pk"))
        return self.filter(left | Q(thread=None, draft=None), message=None)

    @verb(actor="by")
    def forget(self, *, at: datetime, by: Agent) -> int:
        """Remove what was abandoned, row and key first. Says how many."""
        rows = list(self.abandoned(at=at).select_for_update(skip_locked=True))
        for row in rows:
            row.erase()
        return len(rows)


def _trusted(user: User, scope: str) -> Q:
    """The patient herself, or somebody whose grant says this, and files."""
    grants = ProxyGrant.objects.current().filter(
        proxy=user.pk, patient=OuterRef("patient"), scopes__contains=[scope, Scope.ATTACHMENTS]
    )
    return Q(of_owner(user.pk) | Q(Exists(grants)))


def _cleared() -> Q:
    """Where there is a scanner, nothing goes to others without its word."""
    return Q(scan=Scan.CLEAN) if settings.SCANNER_URL else ~Q(scan=Scan.INFECTED)


def may_have_files(user: User, patient: Patient, *, scope: str) -> bool:
    """Whether somebody on the patient's side may open files (`read`) or add them (`write`)."""
    if patient.is_own_of(user):
        return True
    scopes = [scope, Scope.ATTACHMENTS]
    grants = ProxyGrant.objects.current().filter(patient=patient, proxy=user.pk)
    return grants.filter(scopes__contains=scopes).exists()


class Attachment(models.Model):
    """One file. Unsent it is its uploader's alone; sent it belongs to its message, and its content never changes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    thread = models.ForeignKey(Thread, null=True, on_delete=models.PROTECT, related_name="attachments")
    draft = models.ForeignKey(
        "messaging.Draft", null=True, on_delete=models.SET_NULL, related_name="attachments"
    )
    message = models.ForeignKey(Message, null=True, on_delete=models.PROTECT, related_name="attachments")
    side = models.CharField(max_length=8, choices=Side.choices)
    name = SealedField(kind=Kind.HEALTH)
    # Of its words, until it is sent: nothing looks for them here, and whoever sends it need not open the name.
    name_digests = ArrayField(models.BigIntegerField(), default=list)
    name_rules = models.PositiveSmallIntegerField(default=0)
    # Of what was taken in, and sealed: whoever has a file could otherwise find out whose record has it, too.
    content_hash = SealedField(kind=Kind.HEALTH)
    # The same as data for other programs names it; none for what came before it was kept.
    content_sha1 = SealedField(kind=Kind.HEALTH, null=True)
    key = SealedField(kind=Kind.FILE)
    kind = models.CharField(max_length=4, choices=FileKind.choices)
    size = models.PositiveIntegerField()
    sealed_size = models.PositiveIntegerField()
    sealed_digest = models.CharField(max_length=64)
    # Tells a second press of the same button from a second file; keyed, like every digest of ours.
    upload_digest = models.CharField(max_length=64)
    form_token = models.UUIDField(null=True)
    stored_as = models.CharField(max_length=64, unique=True)
    taken_out = models.BooleanField(default=False)
    scan = models.CharField(max_length=9, choices=Scan.choices)
    checks = models.PositiveSmallIntegerField(default=0)
    check_due_at = models.DateTimeField(default=now)
    checked_at = models.DateTimeField(null=True)
    uploaded_at = models.DateTimeField(default=now)

    objects = AttachmentQuerySet.as_manager()

    # Where it lies is nobody's business, and when it is checked again is no event.
    audit_hidden = ("stored_as", "form_token", "checks", "check_due_at", "name_digests", "name_rules")

    class Meta:
        ordering = ["uploaded_at", "id"]
        indexes = [
            models.Index(fields=["uploaded_by", "thread"], name="files_not_sent", condition=Q(message=None)),
            models.Index(fields=["check_due_at"], name="files_to_check", condition=Q(scan="checking")),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(side__in=["patient", "team"]), name="file_side_known"),
            models.CheckConstraint(condition=Q(scan__in=Scan.values), name="file_scan_known"),
            models.CheckConstraint(condition=Q(kind__in=FileKind.values), name="file_kind_known"),
        ]

    def __str__(self) -> str:
        return f"attachment {self.pk}"

    @property
    def seal_owner_id(self) -> UUID:
        return self.patient_id

    def hold(self, washed: Washed, *, given_name: str) -> None:
        """Seal the file to this row and store it."""
        sealed = SealedFile(washed.content.chunks(), into=self, field="key")
        with sealed.file:
            self.kind, self.taken_out = washed.kind, washed.taken_out
            self.key, self.sealed_digest = sealed.key, sealed.sealed_sha256
            self.size, self.sealed_size = sealed.size, sealed.sealed_size
            name = kept_name(given_name, washed.kind)
            self.name = seal(name, into=self, field="name")
            self.name_digests = blind_index.digests([], owner_id=self.patient_id, aside=[name])
            self.name_rules = blind_index.RULES
            self.content_hash = seal(sealed.sha256, into=self, field="content_hash")
            self.content_sha1 = seal(sealed.sha1, into=self, field="content_sha1")
            self.stored_as = store.put(sealed.file)

    @verb(actor="by")
    def remove(self, *, by: User) -> None:
        """Take it away again before it is sent. Taking it away twice is no harm. Raises `MayNot`."""
        row = Attachment.objects.select_for_update(of=("self",)).filter(pk=self.pk).first()
        if row is None:
            return
        if row.uploaded_by_id != by.pk or row.message_id is not None:
            raise MayNot
        record(
            agent=by,
            type="record",
            subtype="detach",
            action="D",
            obj=row,
            patient_id=row.patient_id,
            category="attachment",
        )
        row.erase()

    @verb(actor="by")
    def settle(self, *, finding: str, by: Agent) -> None:
        """Write down the scanner's verdict, once. What it stopped nobody gets, and whoever added it is told."""
        row = (
            Attachment.objects.select_for_update(of=("self",)).filter(pk=self.pk, scan=Scan.CHECKING).first()
        )
        if row is None:
            return
        row.scan = Scan.INFECTED if finding else Scan.CLEAN
        row.checked_at = now()
        row.save(update_fields=["scan", "checked_at"])
        if finding:
            record(
                agent=by,
                type="security",
                subtype="infected-file",
                outcome="8",
                outcome_reason="infected-file",
                obj=row,
                patient_id=row.patient_id,
                category="attachment",
                detail={"finding": finding},
            )
            notices.tell_who_sent(row)

    def erase(self) -> None:
        """Row and key go first; the bytes, which nobody can read then, after commit or in the night."""
        stored_as = self.stored_as
        self.delete()
        transaction.on_commit(lambda: store.drop(stored_as), robust=True)


def may_still_be_told(file: UUID, person: UUID) -> bool:
    """Whether a notice of this file may leave for somebody on the patient's side now: not of what is kept from her."""
    hers = Thread.objects.of_patients_side(Standing(person)).values("pk")
    return Attachment.objects.filter(Q(thread=None) | Q(thread__in=hers), pk=file).exists()


def _nudge(key: str) -> None:
    """Ask a worker to check it now. Losing the nudge costs seconds: the sweep finds the row."""
    from messaging.tasks import check_files

    check_files.delay([key])
