"""Two records of one patient: found by two things, compared, joined with a reason, and taken apart again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts import proofing, record_pairs, records
from accounts.forms import IdentityForm, PartForm, RecordJoinForm
from accounts.policy import policy, signed_in
from accounts.record_pairs import PURPOSE
from accounts.refusals import TooManyTries
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django import forms
    from django.http import HttpResponse

    from accounts.models import Patient, RecordJoin
    from accounts.requests import PortalRequest

look = signed_in("front-desk")
change = look.fresh(PURPOSE)
DONE = frozenset({"waiting", "joined", "dropped", "parted"})


@policy(get=change, post=change)
@require_http_methods(["GET", "HEAD", "POST"])
def other(request: PortalRequest, ref: UUID) -> HttpResponse:
    """The other record, by its number and birth date, which stand in no address; then both side by side."""
    found = records.record_for(request.user, ref)
    form = IdentityForm(request.POST or None)
    if request.method != "POST":
        return _look_up(request, found, form)
    twin, answer = _twin(request, found, form)
    return answer or _compare(request, found, twin, RecordJoinForm(initial=form.cleaned_data))


@policy(post=change)
@require_http_methods(["POST"])
def ask(request: PortalRequest, ref: UUID) -> HttpResponse:
    """They are one person. Both things that found the other record are asked of the form again."""
    found = records.record_for(request.user, ref)
    twin, answer = _twin(request, found, IdentityForm(request.POST))
    if answer is not None:
        return answer
    form = RecordJoinForm(request.POST)
    if not form.is_valid():
        return _compare(request, found, twin, form, status=422)
    said = form.cleaned_data
    try:
        join = record_pairs.ask(
            found, twin, keep_other=said["keep"] == "other", reason=said["reason"], by=request.user
        )
    except Refusal as refused:
        return _compare(request, found, twin, form, problem=str(refused.words), status=refused.status)
    return _to(join, "waiting" if join.is_waiting else "joined")


@policy(get=look)
def joins(request: PortalRequest) -> HttpResponse:
    waiting, running = record_pairs.at_desk(request.user)
    return render(request, "accounts/desk_joins.html", {"waiting": waiting, "running": running})


@policy(get=look)
def join(request: PortalRequest, ref: UUID) -> HttpResponse:
    return _page(request, record_pairs.join_for(request.user, ref))


@policy(post=change)
@require_http_methods(["POST"])
def confirm(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = record_pairs.join_for(request.user, ref)
    try:
        found.confirm(by=request.user)
    except Refusal as refused:
        return _page(request, found, problem=str(refused.words), status=refused.status)
    return _to(found, "joined")


@policy(post=look)
@require_http_methods(["POST"])
def drop(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = record_pairs.join_for(request.user, ref)
    try:
        found.drop(by=request.user)
    except Refusal as refused:
        return _page(request, found, problem=str(refused.words), status=refused.status)
    return _to(found, "dropped")


@policy(post=change)
@require_http_methods(["POST"])
def part(request: PortalRequest, ref: UUID) -> HttpResponse:
    found = record_pairs.join_for(request.user, ref)
    form = PartForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form=form, status=422)
    try:
        found.part(reason=form.cleaned_data["reason"], by=request.user)
    except Refusal as refused:
        return _page(request, found, form=form, problem=str(refused.words), status=refused.status)
    return _to(found, "parted")


def _twin(request: PortalRequest, found: Patient, form: IdentityForm) -> tuple[Any, HttpResponse | None]:
    """The other record, or the page that says why there is none."""
    if not form.is_valid():
        return None, _look_up(request, found, form, status=422)
    try:
        return proofing.other_by_two(found, **form.cleaned_data, by=request.user), None
    except Refusal as refused:
        form.add_error("record_number", str(refused.words))
        answer = _look_up(request, found, form, status=refused.status)
        if isinstance(refused, TooManyTries):
            answer["Retry-After"] = str(refused.seconds)
        return None, answer


def _look_up(
    request: PortalRequest, found: Patient, form: IdentityForm, *, status: int = 200
) -> HttpResponse:
    return render(request, "accounts/desk_join.html", {"form": form, "ref": found.pk}, status=status)


def _compare(
    request: PortalRequest,
    found: Patient,
    twin: Patient,
    form: RecordJoinForm,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    pair = record_pairs.open_pair(found, twin, reader=request.user)
    said = {"pair": pair, "form": form, "ref": found.pk, "problem": problem}
    return render(request, "accounts/desk_join_compare.html", said, status=status)


def _page(
    request: PortalRequest,
    found: RecordJoin,
    *,
    form: forms.Form | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    done = request.GET.get("done", "")
    opened = record_pairs.open_join(found, reader=request.user)
    said = {
        "join": opened,
        "state_words": record_pairs.state_words(opened.state),
        "form": form or PartForm(),
        "problem": problem,
        "done": done if done in DONE else "",
    }
    return render(request, "accounts/desk_joined.html", said, status=status)


def _to(found: RecordJoin, done: str) -> HttpResponse:
    return redirect(f"{reverse('desk-join', args=[found.pk])}?done={done}")
