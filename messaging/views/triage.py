"""The team's side: the inbox beside one conversation, and what can be done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import KeptForm
from accounts.models.kept import NOTHING_CAME_BACK, CameBack
from accounts.policy import policy, signed_in
from accounts.unsent import gives_back
from messaging.access import worked_item_for, worked_thread_for
from messaging.filing.uploads import takes_files
from messaging.forms import CloseForm, NoteForm, ReachedForm, ReplyForm
from messaging.models import ENDINGS, DraftKind, Place, Side, Thread, UnreadAlarm
from messaging.opened.apart import apart_for_team
from messaging.opened.conversations import open_conversation
from messaging.opened.drafts import all_written_in
from messaging.opened.medicines import refill_count
from messaging.opened.panels import open_panel
from messaging.opened.queue import View, queue_version, team_queue
from messaging.refusals import DraftMovedOn, Refusal
from messaging.views.jottings import in_one_line, keep_in, saved, saves_itself
from messaging.views.threads import message_ref_in, position_in, reply_form_of
from messaging.views.uploads import add_or_remove, asks_for_part, files_part, take_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.requests import PortalRequest


@policy(get=signed_in("staff"))
def inbox(request: PortalRequest) -> HttpResponse:
    """The team inbox in one of its views, without a conversation open."""
    return render(request, "messaging/inbox.html", {**_queue(request), "conversation": None})


@policy(get=signed_in("staff"))
def inbox_version(request: PortalRequest) -> HttpResponse:
    """A short text that changes when the inbox does, for pages that wait. Names nobody, so it is no read."""
    return HttpResponse(queue_version(request.user), content_type="text/plain")


@policy(get=signed_in("staff"))
@gives_back
def inbox_thread(request: PortalRequest, ref: UUID) -> HttpResponse:
    thread = worked_thread_for(request.user, ref)
    came_back = KeptForm.come_back(request.user, request.path)
    kept = came_back.text
    is_note = kept is not None and (
        kept.action.endswith("/notes/") or kept.data.get("kind") == DraftKind.NOTE
    )
    return _show(request, thread, mode="note" if is_note else "", came_back=came_back, kept_is_note=is_note)


@policy(post=signed_in("staff"))
@takes_files
@require_http_methods(["POST"])
def inbox_draft(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Keep an answer or a note that is being written: one of each for each of us."""
    thread = worked_thread_for(request.user, ref)
    kind = DraftKind.NOTE if request.POST.get("kind") == DraftKind.NOTE else DraftKind.ANSWER
    form = NoteForm(request.POST) if kind == DraftKind.NOTE else ReplyForm(request.POST)
    try:
        kept, problems = keep_in(request, thread, kind)
    except Refusal as refusal:
        if saves_itself(request):
            return in_one_line(refusal)
        form.refuse("body", refusal.words)
        return _show_again(
            request, thread, form, status=refusal.status, shows_other=isinstance(refusal, DraftMovedOn)
        )
    if saves_itself(request):
        return saved(request, kept)
    if problems and isinstance(form, ReplyForm):
        form.say_only(problems)
        return _show_again(request, thread, form, status=422)
    return redirect(f"{reverse('inbox-thread', args=[thread.pk])}?saved=1#reply")


@policy(post=signed_in("staff"))
@takes_files
@require_http_methods(["POST"])
def inbox_replies(request: PortalRequest, ref: UUID) -> HttpResponse:
    thread = worked_thread_for(request.user, ref)
    form = ReplyForm(request.POST)
    if not form.also_say(
        take_in(request, Place(Side.TEAM, thread=thread), token=form.token_sent, sends=True)
    ):
        return _show(request, thread, reply=form, status=422)
    try:
        thread.post(author=request.user, side=Side.TEAM, **form.cleaned_data)
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        return _show(request, thread, reply=form, status=refusal.status)
    return _back(request, ref, done="sent")


@policy(post=signed_in("staff"))
@takes_files
@require_http_methods(["POST"])
def inbox_files(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Add files to one's reply, or take one away again. What is typed beside them comes back with the page."""
    thread = worked_thread_for(request.user, ref)
    form = ReplyForm(request.POST)
    place = Place(Side.TEAM, thread=thread)
    problems = add_or_remove(request, place, token=form.token_sent)
    if asks_for_part(request):
        return files_part(request, place, problems)
    form.say_only(problems)
    return _show(request, thread, reply=form, status=422 if problems else 200)


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def inbox_notes(request: PortalRequest, ref: UUID) -> HttpResponse:
    thread = worked_thread_for(request.user, ref)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _show(request, thread, note=form, mode="note", status=422)
    try:
        thread.note(author=request.user, **form.cleaned_data)
    except Refusal as refusal:
        form.refuse("body", refusal.words)
        return _show(request, thread, note=form, mode="note", status=refusal.status)
    return _back(request, ref, done="noted")


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def inbox_claim(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _act(
        request, ref, lambda: worked_item_for(request.user, ref).claim(by=request.user), done="claimed"
    )


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def inbox_release(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _act(
        request, ref, lambda: worked_item_for(request.user, ref).release(by=request.user), done="released"
    )


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def inbox_close(request: PortalRequest, ref: UUID) -> HttpResponse:
    thread = worked_thread_for(request.user, ref)
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _show(request, thread, close=form, status=422)
    return _act(
        request,
        ref,
        lambda: thread.close(
            by=request.user, outcome=form.cleaned_data["outcome"], seen=form.cleaned_data["seen"]
        ),
        done="closed",
    )


@policy(post=signed_in("staff"))
@require_http_methods(["POST"])
def inbox_reached(request: PortalRequest, ref: UUID) -> HttpResponse:
    """The patient was told by phone, letter or at a visit what she has not read here (NT3)."""
    thread = worked_thread_for(request.user, ref)
    form = ReachedForm(request.POST)
    if not form.is_valid():
        return _show(request, thread, reached=form, status=422)
    how = form.cleaned_data["how"]
    return _act(
        request, ref, lambda: UnreadAlarm.objects.reached(thread, by=request.user, how=how), done="reached"
    )


def _act(request: PortalRequest, ref: UUID, verb: Callable[[], object], *, done: str) -> HttpResponse:
    try:
        verb()
    except Refusal as refusal:
        thread = worked_thread_for(request.user, ref)
        return _show(request, thread, problem=str(refusal.words), status=refusal.status)
    return _back(request, ref, done=done)


def _back(request: PortalRequest, ref: UUID, *, done: str) -> HttpResponse:
    view = request.GET.get("view", "")
    kept = f"&view={view}" if view in View.values else ""
    return redirect(f"{reverse('inbox-thread', args=[ref])}?done={done}{kept}")


def _show(
    request: PortalRequest,
    thread: Thread,
    *,
    reply: ReplyForm | None = None,
    note: NoteForm | None = None,
    close: CloseForm | None = None,
    reached: ReachedForm | None = None,
    mode: str = "",
    problem: str = "",
    came_back: CameBack = NOTHING_CAME_BACK,
    kept_is_note: bool = False,
    status: int = 200,
    shows_other: bool = False,
) -> HttpResponse:
    begun = all_written_in(thread, reader=request.user)
    answer, jotted = begun.get(DraftKind.ANSWER), begun.get(DraftKind.NOTE)
    began, reply_was_kept = reply_form_of(answer, None if kept_is_note else came_back.text)
    note_began, note_was_kept = reply_form_of(jotted, came_back.text if kept_is_note else None)
    queue = _queue(request)
    conversation = open_conversation(thread, reader=request.user, before=message_ref_in(request))
    panel = open_panel(
        thread,
        reader=request.user,
        lead_id=conversation.lead_ref,
        works_it=not conversation.is_held_by_another,
    )
    context = {
        **queue,
        "conversation": conversation,
        "panel": panel,
        "apart": apart_for_team(thread, reader=request.user, could_read=panel.is_read_by_trusted),
        "reply_form": reply or began,
        "note_form": note or NoteForm(initial=note_began.initial),
        "close_form": close or CloseForm(),
        "reached_form": reached or ReachedForm(),
        "mode": mode or ("note" if jotted and not answer else "reply"),
        "answer_draft": answer,
        "note_draft": jotted,
        "other": (jotted if mode == "note" else answer) if shows_other else None,
        "outcomes": ENDINGS,
        "problem": problem,
        "was_kept": reply_was_kept or note_was_kept,
        "came_back": came_back,
        "done": request.GET.get("done", ""),
    }
    return render(request, "messaging/inbox.html", context, status=status)


def _show_again(
    request: PortalRequest,
    thread: Thread,
    form: ReplyForm | NoteForm,
    *,
    status: int,
    shows_other: bool = False,
) -> HttpResponse:
    """The page once more, with what was typed in the box it was typed in."""
    if isinstance(form, NoteForm):
        return _show(request, thread, note=form, mode="note", status=status, shows_other=shows_other)
    return _show(request, thread, reply=form, status=status, shows_other=shows_other)


def _queue(request: PortalRequest) -> dict[str, object]:
    view = request.GET.get("view", View.TEAM)
    if view not in View.values:
        raise Http404
    return {
        "queue": team_queue(reader=request.user, view=view, after=position_in(request)),
        "refills_waiting": refill_count(request.user),
    }
