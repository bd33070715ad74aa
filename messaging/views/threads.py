"""The patient's side: her conversations, and one of them. A new one is begun in `drafts`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import acting_patient
from accounts.models import KeptForm
from accounts.models.kept import NOTHING_CAME_BACK, CameBack
from accounts.policy import policy, signed_in
from accounts.unsent import gives_back
from messaging.access import own_thread_for
from messaging.filing.uploads import takes_files
from messaging.forms import ReplyForm
from messaging.models import DraftKind, Place, PutAway, Side, Thread, ThreadState
from messaging.opened.apart import apart_for_patient
from messaging.opened.drafts import title_of, written_in
from messaging.opened.help import looked_at
from messaging.opened.paging import Position
from messaging.opened.threads import AWAY, open_thread, patient_inbox
from messaging.refusals import DraftMovedOn, Refusal, TooLongAgo
from messaging.views.jottings import in_one_line, keep_in, saved, saves_itself
from messaging.views.uploads import add_or_remove, asks_for_part, files_part, take_in

if TYPE_CHECKING:
    from accounts.models.kept import KeptText
    from accounts.requests import PortalRequest
    from messaging.models import Safety
    from messaging.opened.drafts import OpenDraft
    from messaging.opened.help import Help


@policy(get=signed_in("patient"))
def messages(request: PortalRequest) -> HttpResponse:
    """The list of conversations: open ones, finished ones with `?show=closed`, put away with `?show=away`."""
    state = request.GET.get("show", ThreadState.OPEN)
    if state not in (*ThreadState.values, AWAY):
        raise Http404
    inbox = patient_inbox(
        reader=request.user, patient=acting_patient(request), state=state, after=position_in(request)
    )
    return render(request, "messaging/messages.html", {"inbox": inbox, "done": request.GET.get("done", "")})


@policy(get=signed_in("patient"))
@gives_back
def thread(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = own_thread_for(request.user, ref)
    came_back = KeptForm.come_back(request.user, request.path)
    begun = written_in(found, reader=request.user, kind=DraftKind.REPLY)
    form, was_kept = reply_form_of(begun, came_back.text)
    return _show(request, found, form, was_kept=was_kept, draft=begun, came_back=came_back)


@policy(post=signed_in("patient"))
@takes_files
@require_http_methods(["POST"])
def replies(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = own_thread_for(request.user, ref)
    form = ReplyForm(request.POST)
    if not form.also_say(
        take_in(request, Place(Side.PATIENT, thread=found), token=form.token_sent, sends=True)
    ):
        return _show(request, found, form, status=422)
    looked = looked_at(form.cleaned_data["body"], helped=request.POST.get("helped", ""), pool=found.pool)
    if looked.help is not None:
        begun = written_in(found, reader=request.user, kind=DraftKind.REPLY)
        return _show(request, found, form, help=looked.help, status=422, draft=begun)
    try:
        found.post(author=request.user, side=Side.PATIENT, safety=looked.safety, **form.cleaned_data)
    except TooLongAgo:
        return _follow_up(request, found, form, safety=looked.safety)
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        begun = written_in(found, reader=request.user, kind=DraftKind.REPLY)
        return _show(request, found, form, status=refusal.status, draft=begun)
    return redirect(f"{found.get_absolute_url()}?sent=1#sent")


def _follow_up(
    request: PortalRequest, found: Thread, form: ReplyForm, *, safety: Safety | None
) -> HttpResponse:
    """What ended long ago goes on in a new conversation about the same (PT10)."""
    begun = written_in(found, reader=request.user, kind=DraftKind.REPLY)
    try:
        later = Thread.objects.start(
            by=request.user,
            patient=found.patient,
            category=found.category,
            subject=title_of(found, reader=request.user) or str(found.category.words),
            body=form.cleaned_data["body"],
            form_token=form.cleaned_data["form_token"],
            follows=found,
            from_reply=True,
            safety=safety,
        )
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        return _show(request, found, form, status=refusal.status, draft=begun)
    return redirect(f"{later.get_absolute_url()}?sent=1#sent")


@policy(post=signed_in("patient"))
@require_http_methods(["POST"])
def put_away(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = own_thread_for(request.user, ref)
    try:
        PutAway.objects.put(found, by=request.user)
    except Refusal as refusal:
        return _show(request, found, ReplyForm(), problem=str(refusal.words), status=refusal.status)
    return redirect(f"{reverse('messages')}?done=away")


@policy(post=signed_in("patient"))
@require_http_methods(["POST"])
def take_out(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = own_thread_for(request.user, ref)
    PutAway.objects.take_out(found, by=request.user)
    return redirect(f"{found.get_absolute_url()}?done=out")


@policy(post=signed_in("patient"))
@takes_files
@require_http_methods(["POST"])
def thread_files(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Add files to one's reply, or take one away again. What is typed beside them comes back with the page."""
    found = own_thread_for(request.user, ref)
    form = ReplyForm(request.POST)
    place = Place(Side.PATIENT, thread=found)
    problems = add_or_remove(request, place, token=form.token_sent)
    if asks_for_part(request):
        return files_part(request, place, problems)
    form.say_only(problems)
    return _show(request, found, form, status=422 if problems else 200)


@policy(post=signed_in("patient"))
@takes_files
@require_http_methods(["POST"])
def thread_draft(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Keep a reply that is being written."""
    found = own_thread_for(request.user, ref)
    form = ReplyForm(request.POST)
    try:
        kept, problems = keep_in(request, found, DraftKind.REPLY)
    except Refusal as refusal:
        if saves_itself(request):
            return in_one_line(refusal)
        form.refuse("body", refusal.words)
        moved = isinstance(refusal, DraftMovedOn)
        return _show(request, found, form, status=refusal.status, shows_other=moved)
    if saves_itself(request):
        return saved(request, kept)
    if problems:
        form.say_only(problems)
        return _show(request, found, form, status=422)
    return redirect(f"{found.get_absolute_url()}?saved=1#reply")


def _show(
    request: PortalRequest,
    found: Thread,
    form: ReplyForm,
    *,
    help: Help | None = None,
    status: int = 200,
    was_kept: bool = False,
    draft: OpenDraft | None = None,
    problem: str = "",
    shows_other: bool = False,
    came_back: CameBack = NOTHING_CAME_BACK,
) -> HttpResponse:
    if draft is None and form.is_bound:
        # The page that comes back saves by itself as well, and has to know on which state of the words it builds.
        draft = written_in(found, reader=request.user, kind=DraftKind.REPLY)
    opened = open_thread(found, reader=request.user, before=message_ref_in(request))
    context = {
        "thread": opened,
        "form": form,
        "help": help,
        "was_kept": was_kept,
        "came_back": came_back,
        "draft": draft,
        "other": draft if shows_other else None,
        "just_sent": "sent" in request.GET,
        "apart": apart_for_patient(found, reader=request.user),
        "done": request.GET.get("done", ""),
        "problem": problem,
    }
    return render(request, "messaging/thread.html", context, status=status)


def reply_form_of(begun: OpenDraft | None, kept: KeptText | None) -> tuple[ReplyForm, bool]:
    """The form with what was begun, or with what a session's end cut off, whichever is newer; and if it was that."""
    typed = kept.added_to(begun.body if begun else "") if kept else ""
    if kept and typed and (kept.was_offered or begun is None or kept.kept_at > begun.updated_at):
        return ReplyForm(initial={"body": typed}), True
    initial = {"body": begun.body, "form_token": begun.form_token} if begun else None
    # Of files that came alone, the page says that they are not here.
    return ReplyForm(initial=initial), bool(kept and kept.files)


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
