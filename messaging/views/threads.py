"""The patient's side: her conversations, one of them, a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import acting_patient, acting_patient_as_written
from accounts.models import KeptForm
from accounts.policy import policy, signed_in
from accounts.refusals import AnotherPatient
from messaging.access import category_for, own_thread_for, pool_for
from messaging.forms import NewMessageForm, ReplyForm
from messaging.models import Side, Thread, ThreadState
from messaging.opened.choices import message_choices
from messaging.opened.paging import Position
from messaging.opened.threads import open_thread, patient_inbox
from messaging.refusals import Refusal

if TYPE_CHECKING:
    from accounts.requests import PortalRequest


@policy(get=signed_in("patient"))
def messages(request: PortalRequest) -> HttpResponse:
    """The list of conversations: open ones, or finished ones with `?show=closed`."""
    state = request.GET.get("show", ThreadState.OPEN)
    if state not in ThreadState.values:
        raise Http404
    inbox = patient_inbox(
        reader=request.user, patient=acting_patient(request), state=state, after=position_in(request)
    )
    return render(request, "messaging/messages.html", {"inbox": inbox})


@policy(get=signed_in("patient"))
def thread(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = own_thread_for(request.user, ref)
    kept = KeptForm.take(request.user, request.path)
    form = ReplyForm(initial={"body": kept.data.get("body", "")} if kept else None)
    return _show(request, found, form, was_kept=kept is not None)


@policy(post=signed_in("patient"))
@require_http_methods(["POST"])
def replies(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = own_thread_for(request.user, ref)
    form = ReplyForm(request.POST)
    if not form.is_valid():
        return _show(request, found, form, status=422)
    try:
        found.post(author=request.user, side=Side.PATIENT, **form.cleaned_data)
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        return _show(request, found, form, status=refusal.status)
    return redirect(f"{found.get_absolute_url()}?sent=1#sent")


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
def message_new(request: PortalRequest) -> HttpResponse:
    if request.method != "POST":
        kept = KeptForm.take(request.user, request.path)
        start = kept.data.dict() if kept else {"category": request.GET.get("about", "")}
        return _compose(request, NewMessageForm(initial=start), was_kept=kept is not None)
    form = NewMessageForm(request.POST)
    if not form.is_valid():
        return _compose(request, form, status=422)
    data = form.cleaned_data
    try:
        patient = acting_patient_as_written(request, written_for=data["patient"])
        begun = Thread.objects.start(
            by=request.user,
            patient=patient,
            category=category_for(request.user, data["category"]),
            pool=pool_for(request.user, patient, data["pool"]) if data["pool"] else None,
            subject=data["subject"],
            body=data["body"],
            form_token=data["form_token"],
        )
    except AnotherPatient as another:
        form.refuse("body", another.words)
        return _compose(request, form, status=another.status, was_for_another=True)
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        return _compose(request, form, status=refusal.status)
    return redirect(f"{begun.get_absolute_url()}?sent=1#sent")


def _show(
    request: PortalRequest, found: Thread, form: ReplyForm, *, status: int = 200, was_kept: bool = False
) -> HttpResponse:
    opened = open_thread(found, reader=request.user, before=message_ref_in(request))
    context = {"thread": opened, "form": form, "was_kept": was_kept, "just_sent": "sent" in request.GET}
    return render(request, "messaging/thread.html", context, status=status)


def _compose(
    request: PortalRequest,
    form: NewMessageForm,
    *,
    status: int = 200,
    was_kept: bool = False,
    was_for_another: bool = False,
) -> HttpResponse:
    patient = acting_patient(request)
    # What was written for somebody stays marked as hers, until its writer has been told that she switched.
    written_for = patient.pk if was_for_another else form["patient"].value() or patient.pk
    context = {
        "form": form,
        "choices": message_choices(patient, writer=request.user),
        "was_kept": was_kept,
        "written_for": written_for,
    }
    return render(request, "messaging/message_new.html", context, status=status)


def position_in(request: HttpRequest) -> Position | None:
    """Where the page asked for begins; a position nobody was given is a 404."""
    return Position.parse(request.GET.get("after", ""))


def message_ref_in(request: HttpRequest) -> UUID | None:
    """The message to page back from, if the address names one."""
    text = request.GET.get("before", "")
    try:
        return UUID(text) if text else None
    except ValueError as bad:
        raise Http404 from bad
