"""What its author does to a message that was sent: put it right, or take it back. From either side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import KeptForm
from accounts.models.kept import NOTHING_CAME_BACK, CameBack
from accounts.policy import policy, signed_in
from accounts.unsent import gives_back
from messaging.access import own_thread_for, worked_thread_for, written_message_for
from messaging.forms import CorrectionForm
from messaging.models import Amendment, Side, Withdrawal
from messaging.opened.corrections import open_own_message
from messaging.opened.help import Looked, looked_at
from messaging.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.requests import PortalRequest
    from messaging.models import Message, Thread
    from messaging.opened.help import Help


@policy(get=signed_in("patient"), post=signed_in("patient"))
@gives_back
@require_http_methods(["GET", "HEAD", "POST"])
def message_correct(request: PortalRequest, ref: UUID, message: UUID) -> HttpResponse:
    thread = own_thread_for(request.user, ref)
    return _correct(request, thread, message, side=Side.PATIENT)


@policy(post=signed_in("patient"))
@require_http_methods(["POST"])
def message_take_back(request: PortalRequest, ref: UUID, message: UUID) -> HttpResponse:
    thread = own_thread_for(request.user, ref)
    return _take_back(request, thread, message, side=Side.PATIENT)


@policy(get=signed_in("staff"), post=signed_in("staff"))
@gives_back
@require_http_methods(["GET", "HEAD", "POST"])
def inbox_correct(request: PortalRequest, ref: UUID, message: UUID) -> HttpResponse:
    thread = worked_thread_for(request.user, ref)
    return _correct(request, thread, message, side=Side.TEAM)


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def inbox_take_back(request: PortalRequest, ref: UUID, message: UUID) -> HttpResponse:
    thread = worked_thread_for(request.user, ref)
    return _take_back(request, thread, message, side=Side.TEAM)


def _correct(request: PortalRequest, thread: Thread, ref: UUID, *, side: Side) -> HttpResponse:
    message = written_message_for(request.user, thread, ref)
    if request.method != "POST":
        back = KeptForm.come_back(request.user, request.path)
        typed = back.text.data.get("body", "") if back.text else None
        return _show(request, message, side=side, typed=typed, came_back=back)
    form = CorrectionForm(request.POST)
    if not form.is_valid():
        return _show(request, message, side=side, form=form, status=422)
    looked = Looked()
    if side == Side.PATIENT:
        helped = request.POST.get("helped", "")
        looked = looked_at(form.cleaned_data["body"], helped=helped, pool=thread.pool)
    if looked.help is not None:
        return _show(request, message, side=side, form=form, help=looked.help, status=422)
    try:
        Amendment.objects.write(
            thread, message, by=request.user, side=side, safety=looked.safety, **form.cleaned_data
        )
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        return _show(request, message, side=side, form=form, status=refusal.status)
    return redirect(_page_of(thread, side, done="corrected", at=message))


def _take_back(request: PortalRequest, thread: Thread, ref: UUID, *, side: Side) -> HttpResponse:
    message = written_message_for(request.user, thread, ref)
    try:
        Withdrawal.objects.take_back(thread, message, by=request.user, side=side)
    except Refusal as refusal:
        problem = str(refusal.words)
        return _show(request, message, side=side, problem=problem, status=refusal.status)
    return redirect(_page_of(thread, side, done="taken-back", at=message))


def _page_of(thread: Thread, side: Side, *, done: str, at: Message) -> str:
    page = "thread" if side == Side.PATIENT else "inbox-thread"
    return f"{reverse(page, args=[thread.pk])}?done={done}#message-{at.pk}"


def _show(
    request: PortalRequest,
    message: Message,
    *,
    side: Side,
    form: CorrectionForm | None = None,
    typed: str | None = None,
    help: Help | None = None,
    problem: str = "",
    status: int = 200,
    came_back: CameBack = NOTHING_CAME_BACK,
) -> HttpResponse:
    opened = open_own_message(message, reader=request.user)
    context = {
        "message": opened,
        "form": form or CorrectionForm(initial={"body": opened.body if typed is None else typed}),
        "was_kept": typed is not None,
        "came_back": came_back,
        "help": help,
        "problem": problem,
    }
    page = "messaging/correct.html" if side == Side.PATIENT else "messaging/inbox_correct.html"
    return render(request, page, context, status=status)
