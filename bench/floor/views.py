"""Plain Django views: signed in, her rows, one template. What a capable developer writes without seal and audit."""

from __future__ import annotations

from itertools import groupby
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from bench.floor.models import Event, Message, Notice, Patient, Profile, Receipt, Thread, WorkItem
from messaging.models import RefillRequestItem

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

WAITING = Q(state__in=["requested", "accepted"])


class ReplyForm(forms.Form):
    body = forms.CharField(label=_("Your reply"), max_length=5000, widget=forms.Textarea(attrs={"rows": 5}))
    form_token = forms.UUIDField(required=False)
    seen = forms.UUIDField(required=False)


@login_required
def messages(request: HttpRequest) -> HttpResponse:
    patient = get_object_or_404(Patient, user=request.user)
    mine = Thread.objects.filter(patient=patient)
    unread = Q(last_side="team") & ~Exists(
        Receipt.objects.filter(message=OuterRef("last_message_id"), reader=request.user.pk)
    )
    read_by_team = Exists(
        Receipt.objects.filter(message=OuterRef("last_message_id")).exclude(reader=OuterRef("last_author"))
    )
    owed = WorkItem.objects.filter(WAITING, thread=OuterRef("pk")).values("due_at")[:1]
    counts = mine.annotate(fresh=unread).aggregate(
        open=Count("pk", filter=Q(state="open")),
        closed=Count("pk", filter=Q(state="closed")),
        new=Count("pk", filter=Q(fresh=True)),
    )
    threads = (
        mine.filter(state="open")
        .select_related("category", "pool__team", "last_author__profile")
        .annotate(is_new=unread, read_by_team=read_by_team, due_at=Subquery(owed))
        .order_by("-last_message_at", "-id")[:26]
    )
    rows = list(threads)
    context = {
        "rows": sorted(rows[:25], key=lambda row: not row.is_new),
        "counts": counts,
        "older": len(rows) > 25,
        "now": timezone.now(),
        "me": request.user.pk,
    }
    return render(request, "floor/messages.html", context, using="django")


@login_required
def thread(request: HttpRequest, ref: UUID) -> HttpResponse:
    found = get_object_or_404(
        Thread.objects.select_related("category", "pool__team"), pk=ref, patient__user=request.user
    )
    receipts = Receipt.objects.select_related("reader__profile").order_by("read_at")
    shown = list(
        found.messages.select_related("author__profile")
        .prefetch_related(Prefetch("receipts", queryset=receipts))
        .order_by("-sent_at", "-id")[:51]
    )
    page = shown[:50][::-1]
    item = found.items.filter(state__in=["requested", "accepted", "on_hold"]).first()
    unread = [
        m
        for m in page
        if m.author_id not in (None, request.user.pk)
        and all(r.reader_id != request.user.pk for r in m.receipts.all())
    ]
    if unread:
        Receipt.objects.bulk_create(
            [Receipt(message=m, reader=request.user) for m in unread], ignore_conflicts=True
        )
    sent = next((m for m in reversed(page) if m.side == "patient"), None)
    answer = next((m for m in page if sent and m.side == "team" and m.sent_at > sent.sent_at), None)
    context = {
        "thread": found,
        "messages": page,
        "first_new": unread[0] if unread else None,
        "earlier": page[0].pk if len(shown) > 50 else None,
        "sent": sent,
        "reader": next((r for r in sent.receipts.all() if r.reader.profile.side == "staff"), None)
        if sent
        else None,
        "answer": answer,
        "due_at": item.due_at if item and item.state != "on_hold" else None,
        "me": request.user.pk,
        "form": ReplyForm(initial={"seen": found.last_message_id, "form_token": uuid4()}),
    }
    return render(request, "floor/thread.html", context, using="django")


@login_required
@require_POST
def send(request: HttpRequest, ref: UUID) -> HttpResponse:
    """The same rows as the portal's reply: message, thread, work, notices, and the nudge after commit."""
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return thread(request, ref)
    with transaction.atomic():
        found, message = _post(request, ref, form.cleaned_data)
        now = timezone.now()
        found.items.filter(state="on_hold").update(state="accepted", due_at=now, waiting_since=now)
        members = found.pool.team.memberships.filter(ends_at=None, user__is_active=True)
        notices = Notice.objects.bulk_create(
            [
                Notice(event_key=f"floor:{message.pk}", person_id=person, notice="work_waiting")
                for person in members.values_list("user", flat=True)
            ]
        )
        keys = [str(row.pk) for row in notices]
        transaction.on_commit(lambda: _nudge(keys))
    return redirect("floor-thread", ref)


@login_required
@require_POST
def send_only(request: HttpRequest, ref: UUID) -> HttpResponse:
    """The message and its thread, and nothing else: nobody is told, no work is made."""
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return thread(request, ref)
    with transaction.atomic():
        _post(request, ref, form.cleaned_data)
    return redirect("floor-thread", ref)


def _post(request: HttpRequest, ref: UUID, data: dict[str, Any]) -> tuple[Thread, Message]:
    threads = Thread.objects.select_for_update(of=("self",)).select_related("pool__team")
    found = get_object_or_404(threads, pk=ref, patient__user=request.user)
    message = Message.objects.create(
        thread=found, author=request.user, side="patient", body=data["body"], form_token=data["form_token"]
    )
    found.preview = " ".join(data["body"].split())[:160]
    found.last_message_id, found.last_message_at = message.pk, message.sent_at
    found.last_author, found.last_side = request.user, "patient"
    found.message_count = F("message_count") + 1
    found.save(
        update_fields=[
            "preview", "last_message_id", "last_message_at", "last_author", "last_side", "message_count",
        ]
    )  # fmt: skip
    return found, message


def _nudge(keys: list[str]) -> None:
    from accounts.tasks import deliver_notifications

    deliver_notifications.delay(keys)


@login_required
def inbox(request: HttpRequest, ref: UUID | None = None) -> HttpResponse:
    items = WorkItem.objects.filter(
        pool__team__memberships__user=request.user, pool__team__memberships__ends_at=None
    )
    now = timezone.now()
    counts = items.aggregate(
        team=Count("pk", filter=WAITING),
        unclaimed=Count("pk", filter=WAITING & Q(owner=None)),
        mine=Count("pk", filter=WAITING & Q(owner=request.user)),
        with_patient=Count("pk", filter=Q(state="on_hold")),
        late=Count("pk", filter=WAITING & Q(due_at__lt=now)),
    )
    seen = Exists(Receipt.objects.filter(message=OuterRef("thread__last_message_id"), reader=request.user.pk))
    rows = list(
        items.filter(WAITING)
        .select_related("thread__category", "patient", "owner__profile", "thread__last_author__profile")
        .annotate(seen=seen)
        .order_by("priority", "due_at", "id")[:26]
    )
    today = timezone.localdate()
    for row in rows:
        row.is_mine = row.owner_id == request.user.pk
        row.from_proxy = None
        if row.owner_id:
            row.owner.given_name = row.owner.profile.given_name

    def heading(row: WorkItem) -> str:
        if row.priority < 3:
            return "urgent"
        return "today" if row.due_at.date() <= today else "later"

    words = {"urgent": _("Urgent"), "today": _("Due today"), "later": _("Later")}
    groups = []
    for key, members in groupby(rows[:25], key=heading):
        found = list(members)
        groups.append(
            SimpleNamespace(
                key=key,
                words=words[key],
                rows=found,
                late=sum(row.is_late for row in found),
                oldest_wait=min(row.waiting_since for row in found),
            )
        )
    refills = RefillRequestItem.objects.filter(
        pool__team__memberships__user=request.user, state__in=["received", "in_review"]
    )
    context = {
        "queue": SimpleNamespace(view="team", groups=groups, late=counts["late"]),
        **counts,
        "older": len(rows) > 25,
        "refills_waiting": refills.count(),
        "list_link": "floor-inbox",
        "row_link": "floor-inbox-thread",
    }
    return render(request, "floor/inbox.html", context, using="django")


class EventFilter(forms.Form):
    person = forms.ChoiceField(label=_("Who"), required=False)
    patient = forms.CharField(label=_("Patient’s record number"), required=False, max_length=60)
    sort = forms.ChoiceField(
        label=_("What they did"),
        required=False,
        choices=[("", _("Anything")), ("read", _("Opened or listed")), ("changed", _("Changed")),
                 ("did", _("Wrote or decided")), ("signed-in", _("Sign-in and second step")),
                 ("refused", _("Was refused")), ("security", _("Security of the records"))],
    )  # fmt: skip
    outcome = forms.ChoiceField(
        label=_("How it ended"),
        required=False,
        choices=[("", _("Any way")), ("0", _("Done")), ("4", _("Failed")), ("8", _("Refused"))],
    )
    since = forms.DateField(
        label=_("From day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(label=_("To day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = Profile.objects.filter(side="staff").order_by("name")
        self.fields["person"].choices = [
            ("", _("Anybody")),
            *((str(one.user_id), f"{one.name}, {one.role_words}") for one in staff),
        ]


@login_required
def events(request: HttpRequest, ref: UUID | None = None) -> HttpResponse:
    form = EventFilter(request.GET)
    form.is_valid()
    found = Event.objects.all()
    rows = list(found.select_related("actor__profile", "patient").order_by("-recorded_at", "-id")[:51])
    total = found.order_by()[:10_001].count()
    context = {
        "form": form,
        "rows": rows[:50],
        "total": min(total, 10_000),
        "all": total <= 10_000,
        "older": len(rows) > 50,
    }
    return render(request, "floor/events.html", context, using="django")
