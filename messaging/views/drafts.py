"""A new message, one thing on each page: is it urgent, what and for whom, the words, a last look, and it is sent.

Each page belongs to a draft, and the draft to one patient, whatever the person does in another window.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import acting_patient, acting_patient_as_written
from accounts.models import KeptForm
from accounts.models.kept import NOTHING_CAME_BACK, CameBack
from accounts.policy import policy, signed_in
from accounts.refusals import AnotherPatient
from accounts.unsent import gives_back
from messaging.access import category_for, draft_for, letter_for, own_thread_for, pool_for
from messaging.drafting import (
    MORE_MEDICINE,
    NEW_SYMPTOM,
    DraftForm,
    SendForm,
    TopicForm,
    UrgentForm,
)
from messaging.filing.uploads import takes_files
from messaging.models import Draft, DraftKind, Place, Side, Urgent
from messaging.models.attachment import may_have_files
from messaging.opened.choices import message_choices
from messaging.opened.drafts import drafts_of, open_check, open_draft, title_of
from messaging.opened.files import unsent_files
from messaging.opened.sent import sent_message
from messaging.opened.threads import inbox_counts
from messaging.refusals import (
    DraftGone,
    DraftMovedOn,
    DraftTooLong,
    DraftUnfinished,
    NoPool,
    Refusal,
    TeamMovedOn,
    TooManyDrafts,
)
from messaging.views.jottings import in_one_line, saved, saves_itself
from messaging.views.uploads import add_or_remove, asks_for_part, files_part, take_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import Patient
    from accounts.requests import PortalRequest

STEPS = {"urgent": "draft-urgent", "stop": "draft-stop", "topic": "draft-topic", "write": "draft-text"}


def _in_words(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What a verb will not do is said on a page of its own, or, to a page that saves by itself, in one line."""

    @wraps(view)
    def answer(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            if saves_itself(request):
                return in_one_line(refusal)
            # Whatever stands against it, what was typed is on the page, to be taken along.
            context = {"words": refusal.words, "typed": request.POST.get("body", "").strip()}
            return render(request, "messaging/draft_refused.html", context, status=refusal.status)

    return answer


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
@_in_words
def message_new(request: PortalRequest) -> HttpResponse:
    """The first step, before there is a draft: it is asked every time.

    `?about=` brings the topic along, `?follows=` the conversation that it goes on from, with its patient.
    """
    sent = UrgentForm(request.POST) if request.method == "POST" else None
    form = sent or UrgentForm(initial={name: request.GET.get(name, "") for name in ("about", "follows")})
    followed = form.followed
    earlier = own_thread_for(request.user, followed) if followed else None
    patient = earlier.patient if earlier else acting_patient(request)
    if sent is None:
        return _ask(request, form, patient.pk, patient=patient)
    if not form.is_valid():
        return _ask(request, form, form["patient"].value() or patient.pk, patient=patient, status=422)
    data = form.cleaned_data
    try:
        letter = Draft.objects.begin(
            by=request.user,
            patient=patient if earlier else acting_patient_as_written(request, written_for=data["patient"]),
            urgent=data["now"],
            category=category_for(request.user, data["about"]) if data["about"] else None,
            form_token=data["form_token"],
            follows=earlier,
            subject=title_of(earlier, reader=request.user) if earlier else "",
        )
    except AnotherPatient as another:
        form.refuse("now", another.words)
        return _ask(request, form, patient.pk, patient=patient, status=another.status)
    except TooManyDrafts as many:
        if data["now"] == Urgent.NO:
            raise
        # Whom to call comes before everything, also before the reason why she cannot write.
        context = {"ref": None, "is_unsure": data["now"] == Urgent.UNSURE, "words": many.words}
        return render(request, "messaging/draft_stop.html", context, status=many.status)
    return _go_on(letter)


@policy(get=signed_in("patient"))
def drafts(request: PortalRequest) -> HttpResponse:
    """Everything she has begun and not sent, for the patient on whose side she is."""
    patient = acting_patient(request)
    context = {
        "drafts": drafts_of(reader=request.user, patient=patient),
        "counts": inbox_counts(request.user, patient),
        "done": request.GET.get("done", ""),
    }
    return render(request, "messaging/drafts.html", context)


@policy(get=signed_in("patient"))
def draft(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Go on with a draft. What is urgent is asked again: it may have become so."""
    found = draft_for(request.user, ref)
    if found.is_sent:
        return _sent(found)
    if found.kind == DraftKind.REPLY:
        return redirect(f"{reverse('thread', args=[found.thread_id])}#reply")
    return redirect("draft-urgent", found.pk)


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
@_in_words
def draft_urgent(request: PortalRequest, ref: UUID) -> HttpResponse:
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent(letter)
    if request.method != "POST":
        # Who only turned back a page has answered; who comes back to a draft is asked anew.
        answered = {"now": letter.urgent} if "back" in request.GET else None
        return _ask(request, UrgentForm(initial=answered), letter.patient_id, patient=letter.patient, ref=ref)
    form = UrgentForm(request.POST)
    if not form.is_valid():
        return _ask(request, form, letter.patient_id, patient=letter.patient, ref=ref, status=422)
    return _go_on(letter.answer(by=request.user, urgent=form.cleaned_data["now"]))


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
@_in_words
def draft_stop(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Whom to call. Pressing on says that she has called, or is safe."""
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent(letter)
    if request.method == "POST":
        return _after_help(letter.say_safe(by=request.user))
    context = {"ref": letter.pk, "is_unsure": letter.urgent == Urgent.UNSURE}
    return render(request, "messaging/draft_stop.html", context)


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
@_in_words
def draft_topic(request: PortalRequest, ref: UUID) -> HttpResponse:
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent(letter)
    if request.method != "POST":
        return _topics(
            request, letter, TopicForm(initial={"category": letter.category_id, "pool": letter.pool_id})
        )
    form = TopicForm(request.POST)
    if not form.is_valid():
        return _topics(request, letter, form, status=422)
    data = form.cleaned_data
    letter = letter.choose(
        by=request.user,
        category=category_for(request.user, form.topic),
        pool=pool_for(request.user, letter.patient, data["pool"]) if data["pool"] else None,
    )
    if data["category"] == MORE_MEDICINE:
        return redirect("medicines")
    if data["category"] == NEW_SYMPTOM:
        return redirect("draft-nurse", letter.pk)
    return redirect("draft-check" if "check" in request.GET else "draft-text", letter.pk)


@policy(get=signed_in("patient"))
def draft_nurse(request: PortalRequest, ref: UUID) -> HttpResponse:
    """A new symptom: the nurse's number stands before the writing."""
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent(letter)
    choices = message_choices(letter.patient, writer=request.user)
    return render(request, "messaging/draft_nurse.html", {"ref": letter.pk, "choices": choices})


@policy(get=signed_in("patient"), post=signed_in("patient"))
@takes_files
@gives_back
@require_http_methods(["GET", "HEAD", "POST"])
@_in_words
def draft_text(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Title and message. Each press, and a page that saves by itself, keeps what stands there first."""
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent(letter) if request.method != "POST" else _sent_elsewhere(request, letter)
    if request.method != "POST":
        return _come_back(request, letter)
    form = DraftForm(request.POST)
    try:
        letter = letter.keep(by=request.user, **form.kept())
    except (DraftMovedOn, DraftTooLong) as refusal:
        return _not_kept(request, letter, form, refusal)
    if saves_itself(request):
        return saved(request, letter)
    problems = take_in(request, Place(Side.PATIENT, draft=letter), token=None)
    if "save" in request.POST and not problems:
        return redirect(f"{reverse('draft-text', args=[letter.pk])}?saved=1")
    if not form.also_say(problems):
        return _write(request, letter, form, status=422)
    return redirect("draft-check", letter.pk)


@policy(post=signed_in("patient"))
@takes_files
@require_http_methods(["POST"])
@_in_words
def draft_files(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Add files to a new message, or take one away again. What is typed beside them is kept."""
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent_elsewhere(request, letter)
    place = Place(Side.PATIENT, draft=letter)
    if asks_for_part(request):
        return files_part(request, place, add_or_remove(request, place, token=None))
    form = DraftForm(request.POST)
    try:
        letter = letter.keep(by=request.user, **form.kept())
    except (DraftMovedOn, DraftTooLong) as refusal:
        return _not_kept(request, letter, form, refusal)
    form.say_only(add_or_remove(request, Place(Side.PATIENT, draft=letter), token=None))
    return _write(request, letter, form, status=422 if form.errors else 200)


@policy(get=signed_in("patient"), post=signed_in("patient"))
@require_http_methods(["GET", "HEAD", "POST"])
@_in_words
def draft_check(request: PortalRequest, ref: UUID) -> HttpResponse:
    """The last look: what is sent, who reads it by when, who else can. The button here is the one that sends."""
    letter = letter_for(request.user, ref)
    if letter.is_sent:
        return _sent(letter)
    if request.method != "POST":
        return _check(request, letter)
    form = SendForm(request.POST)
    form.is_valid()
    data = form.cleaned_data
    if data.get("asks_apart"):
        letter = letter.keep_apart(by=request.user, apart=data["apart"])
        if saves_itself(request):
            return saved(request, letter)
        if "save" in request.POST:
            return redirect(f"{reverse('draft-check', args=[letter.pk])}?saved=1")
    try:
        message = letter.send(by=request.user, seen=data.get("revision"), to=data.get("pool"))
    except DraftUnfinished as unfinished:
        return redirect(STEPS[unfinished.step], letter.pk)
    except (DraftMovedOn, TeamMovedOn, NoPool) as refusal:
        return _check(
            request, letter_for(request.user, ref), problem=str(refusal.words), status=refusal.status
        )
    return redirect("message-sent", message.thread_id)


@policy(post=signed_in("patient"))
@require_http_methods(["POST"])
@_in_words
def draft_discard(request: PortalRequest, ref: UUID) -> HttpResponse:
    draft_for(request.user, ref).discard(by=request.user)
    return redirect(f"{reverse('drafts')}?done=discarded")


@policy(get=signed_in("patient"))
def message_sent(request: PortalRequest, ref: UUID) -> HttpResponse:
    """That it was sent, who has it and by when. It can be kept as a bookmark: nothing of what was written is on it."""
    thread = own_thread_for(request.user, ref)
    return render(request, "messaging/message_sent.html", {"sent": sent_message(thread, reader=request.user)})


def _go_on(letter: Draft) -> HttpResponse:
    if letter.must_stop:
        return redirect("draft-stop", letter.pk)
    return _after_help(letter)


def _after_help(letter: Draft) -> HttpResponse:
    return redirect("draft-text" if letter.category_id else "draft-topic", letter.pk)


def _sent(letter: Draft) -> HttpResponse:
    message = letter.message
    return redirect("message-sent", message.thread_id) if message else redirect("drafts")


def _sent_elsewhere(request: PortalRequest, letter: Draft) -> HttpResponse:
    """What was added in one window after another had sent it becomes the beginning of a reply. Not a word is lost."""
    form = DraftForm(request.POST)
    words = form.kept()
    if letter.message is None or not words["body"].strip() or letter.said(words["subject"], words["body"]):
        return _sent(letter)
    if saves_itself(request):
        raise DraftGone
    thread = letter.message.thread
    Draft.objects.keep(by=request.user, thread=thread, kind=DraftKind.REPLY, body=words["body"])
    return redirect(f"{thread.get_absolute_url()}?done=added#reply")


def _come_back(request: PortalRequest, letter: Draft) -> HttpResponse:
    """The page for the words, with what a session's end cut off, if that is newer."""
    came_back = KeptForm.come_back(request.user, request.path)
    kept = came_back.text
    if kept is not None and (kept.was_offered or kept.kept_at > letter.updated_at):
        if kept.was_offered:
            begun = open_draft(letter, reader=request.user)
            kept.data["body"] = kept.added_to(begun.body)
            kept.data["subject"] = begun.subject or kept.data.get("subject", "")
        form = DraftForm(kept.data)
        try:
            # In the name of the page that sent it: what it still has to send is its own.
            letter = letter.keep(by=request.user, **{**form.kept(), "seen": None})
        except DraftMovedOn:
            pass  # That page has sent more since.
        except DraftTooLong as refusal:
            return _not_kept(request, letter, form, refusal)
    return _write(request, letter, was_kept=kept is not None, came_back=came_back)


def _not_kept(request: PortalRequest, letter: Draft, form: DraftForm, refusal: Refusal) -> HttpResponse:
    """The same page once more with what was typed, and with what another window kept meanwhile."""
    if saves_itself(request):
        raise refusal
    form.refuse("body", refusal.words)
    moved = isinstance(refusal, DraftMovedOn)
    return _write(request, letter, form, status=refusal.status, shows_other=moved)


def _ask(
    request: PortalRequest,
    form: UrgentForm,
    written_for: object,
    *,
    patient: Patient,
    ref: UUID | None = None,
    status: int = 200,
) -> HttpResponse:
    choices = message_choices(patient, writer=request.user)
    context = {"form": form, "ref": ref, "written_for": written_for, "choices": choices}
    return render(request, "messaging/draft_urgent.html", context, status=status)


def _topics(request: PortalRequest, letter: Draft, form: TopicForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "ref": letter.pk,
        "choices": message_choices(letter.patient, writer=request.user),
    }
    return render(request, "messaging/draft_topic.html", context, status=status)


def _write(
    request: PortalRequest,
    letter: Draft,
    form: DraftForm | None = None,
    *,
    status: int = 200,
    was_kept: bool = False,
    shows_other: bool = False,
    came_back: CameBack = NOTHING_CAME_BACK,
) -> HttpResponse:
    opened = open_draft(letter_for(request.user, letter.pk) if shows_other else letter, reader=request.user)
    typed = {"subject": opened.subject, "body": opened.body, "written_with_help": opened.written_with_help}
    context = {
        "form": form or DraftForm(initial=typed),
        "draft": opened,
        "was_kept": was_kept,
        "came_back": came_back,
        "other": opened if shows_other else None,
        "saved": "saved" in request.GET,
        "files": unsent_files(Place(Side.PATIENT, draft=letter), reader=request.user),
        "may_add_files": may_have_files(request.user, letter.patient, scope="write"),
    }
    return render(request, "messaging/draft_text.html", context, status=status)


def _check(request: PortalRequest, letter: Draft, *, problem: str = "", status: int = 200) -> HttpResponse:
    try:
        check = open_check(letter, reader=request.user)
    except NoPool as nobody:
        return render(
            request,
            "messaging/draft_refused.html",
            {"words": nobody.words, "typed": ""},
            status=nobody.status,
        )
    step = letter.missing_step(check.draft)
    if step:
        return redirect(STEPS[step], letter.pk)
    files = unsent_files(Place(Side.PATIENT, draft=letter), reader=request.user)
    context = {
        "check": check,
        "ref": letter.pk,
        "problem": problem,
        "files": files,
        "saved": "saved" in request.GET,
    }
    return render(request, "messaging/draft_check.html", context, status=status)
