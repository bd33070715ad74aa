"""Whom a patient trusts: her list, one person, a new one in three steps; and the way out for who was trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render

from accounts import trusted
from accounts.access import own_record, own_trust_for, trust_in_me_for
from accounts.models import Ended, Relationship
from accounts.models.proxy import SAID_TO_PATIENT
from accounts.policy import policy, signed_in
from accounts.trust_forms import WhatForm, WhoForm
from accounts.trusted import TRUST
from audit.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

    from accounts.requests import PortalRequest

own = signed_in("own-record")
choose = own.fresh(TRUST)


@policy(get=own)
def people(request: PortalRequest) -> HttpResponse:
    """Who may help, what each may do, since when, until when and when last."""
    found = trusted.trusted_by(own_record(request.user), reader=request.user)
    return render(request, "accounts/trusted.html", {"people": found})


@policy(get=own, post=choose)
def person(request: PortalRequest, ref: UUID) -> HttpResponse:
    """One of them, what she did, and the form that changes what she may do."""
    trust = own_trust_for(request.user, ref)
    if request.method != "POST":
        return _person(request, ref)
    form = WhatForm(request.POST)
    if not form.is_valid():
        return _person(request, ref, form, status=422)
    try:
        agreed = form.agreed
        trust.change(
            by=request.user, scopes=agreed.scopes, categories=agreed.categories, ends_at=agreed.ends_at
        )
    except Refusal as refused:
        return _person(request, ref, form, problem=str(refused.words), status=refused.status)
    return redirect("trusted-person", ref)


@policy(post=own)
def stop(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Over at once, and no reason asked."""
    own_trust_for(request.user, ref).end(by=request.user)
    return redirect("trusted")


@policy(post=choose)
def agree(request: PortalRequest, ref: UUID) -> HttpResponse:
    """She permits what the desk wrote down for her."""
    trust = own_trust_for(request.user, ref)
    try:
        trusted.agree(trust, by=request.user)
    except Refusal as refused:
        return _person(request, ref, problem=str(refused.words), status=refused.status)
    return redirect("trusted-person", ref)


@policy(post=choose)
def invite_again(request: PortalRequest, ref: UUID) -> HttpResponse:
    trust = own_trust_for(request.user, ref)
    try:
        code = trusted.invite_anew(trust, by=request.user)
    except Refusal as refused:
        return _person(request, ref, problem=str(refused.words), status=refused.status)
    return _person(request, ref, code=code)


@policy(get=choose, post=choose)
def new(request: PortalRequest) -> HttpResponse:
    """Who; what and how long; check and send. Each step carries along what was said before it."""
    if request.method != "POST":
        return _step(request, "who", WhoForm(), WhatForm(initial={"which": "all"}))
    step, data = request.POST.get("step", "who"), request.POST
    who, what = WhoForm(data), WhatForm(data)
    if step == "back-who":
        return _step(request, "who", WhoForm(initial=data.dict()), what)
    if not who.is_valid():
        return _step(request, "who", who, what, status=422)
    if step in ("who", "back-what"):
        return _step(request, "what", who, WhatForm(initial=_typed(data)))
    if not what.is_valid():
        return _step(request, "what", who, what, status=422)
    if step != "send":
        return _step(request, "check", who, what)
    try:
        trust, code = trusted.invite(
            own_record(request.user), by=request.user, agreed=what.agreed, **who.cleaned_data
        )
    except Refusal as refused:
        return _step(request, "check", who, what, problem=str(refused.words), status=refused.status)
    return _person(request, trust.pk, code=code)


@policy(post=signed_in("patient"))
def give_back(request: PortalRequest, ref: UUID) -> HttpResponse:
    """Somebody does not want to help any more."""
    trust_in_me_for(request.user, ref).end(by=request.user, because=Ended.GIVEN_BACK)
    return redirect("account")


def _person(
    request: PortalRequest,
    ref: UUID,
    form: WhatForm | None = None,
    *,
    problem: str = "",
    code: str = "",
    status: int = 200,
) -> HttpResponse:
    found, deeds = trusted.trusted_person(own_trust_for(request.user, ref), reader=request.user)
    start = {
        "scopes": list(found.scopes),
        "which": "some" if found.topics else "all",
        "categories": list(found.topics),
        "ends_on": trusted.last_day(found.agreed_until),
    }
    said = {
        "person": found,
        "deeds": deeds,
        "form": form or WhatForm(initial=start),
        "problem": problem,
        "code": code,
    }
    return render(request, "accounts/trusted_person.html", said, status=status)


def _step(
    request: PortalRequest, step: str, who: WhoForm, what: WhatForm, *, problem: str = "", status: int = 200
) -> HttpResponse:
    said: dict[str, Any] = {"step": step, "who": who, "what": what, "problem": problem}
    said["form"] = {"who": who, "what": what}.get(step)
    if step == "check":
        said["relationship"] = SAID_TO_PATIENT[Relationship(who.cleaned_data["relationship"])]
        said["scope_words"], said["topic_words"] = trusted.in_words(what.agreed)
        said["young"] = trusted.goes_by_age(own_record(request.user))
    return render(request, "accounts/trusted_new.html", said, status=status)


def _typed(data: Any) -> dict[str, Any]:
    """What the second step was left with, to show it again as it was."""
    return {
        "scopes": data.getlist("scopes"),
        "which": data.get("which") or "all",
        "categories": data.getlist("categories"),
        "ends_on": data.get("ends_on", ""),
    }
