"""Who is asking, and whether this address is open to her. Both are settled here, before any view runs."""

from __future__ import annotations

import hashlib
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import terms
from accounts.models import Session, Strength
from accounts.policy import Proof, Rule, declared, is_api, rule_for
from accounts.refusals import ReasonNeeded
from accounts.unsent import Kept, keep_unsent, kept_as, left_because, page_to_open
from audit.context import SystemAgent, bind
from audit.recorder import record_refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from accounts.models import KeptForm, User
    from accounts.requests import PortalRequest

KEY = re.compile(r"[A-Za-z0-9_-]{43}")
CLOCK = SystemAgent("system:session-clock")
# Sent by the pages' own polling. It is answered, but is no sign of life.
BACKGROUND = "X-Background"
# A language was chosen before signing in. Gone with the browser's window, or taken over after sign-in.
CHOSEN_ON_THE_WAY_IN = "language-chosen"


class SessionMiddleware:
    """`request.user` and `request.session_record`, from one statement. A half signed-in visitor is still nobody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, plain: HttpRequest) -> HttpResponse:
        request = cast("PortalRequest", plain)
        request.user = AnonymousUser()  # type: ignore[assignment]
        request.session_record = request.lapsed_session = None
        request.settled_language = False
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        session = Session.objects.by_key(key) if KEY.fullmatch(key) else None
        with ExitStack() as stack:
            if session is not None:
                self.settle(request, session, stack)
            response = self.get_response(request)
        self.tell_browser(request, response)
        return response

    def settle(self, request: PortalRequest, session: Session, stack: ExitStack) -> None:
        now = timezone.now()
        end = session.verdict(now)
        if end:
            if session.ended_at is None:
                session.end(by=CLOCK, reason=end)
            if kept_as(session) != Kept.NOT:
                request.lapsed_session = session
            return
        if request.headers.get(BACKGROUND) != "1":
            # Written when the answer is made: one statement stands before a view, whoever asks and when.
            stack.callback(session.seen, now)
        session.browser_key = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
        request.session_record = session
        user = session.user
        if session.is_full:
            request.user = user
            self.speak_her_language(request, user)
        stack.enter_context(
            bind(
                agent_id=str(user.pk),
                agent_pk=user.pk,
                agent_role=user.agent_role,
                auth_method=session.factor,
                # Of the row, not of the key: it stays the same when the key is turned.
                session_digest=hashlib.sha256(session.pk.bytes).hexdigest(),
            )
        )

    def speak_her_language(self, request: PortalRequest, user: User) -> None:
        """Answer in the language she chose, here or elsewhere.

        What this browser was told goes first. What it was told on the way in, before it was known who she is, is her
        choice from now on. The clinic's own language is nobody's choice: then the browser's wish stands.
        """
        told = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if told and request.COOKIES.get(CHOSEN_ON_THE_WAY_IN) and is_spoken(told):
            request.settled_language = True
            if user.preferred_language != told:
                user.prefer_language(told, by=user)
        wanted = user.preferred_language
        if not is_spoken(told) and wanted != settings.LANGUAGE_CODE and is_spoken(wanted):
            translation.activate(wanted)
            request.LANGUAGE_CODE = wanted

    def tell_browser(self, request: PortalRequest, response: HttpResponse) -> None:
        """Send a key that is new, take back one that was given up here.

        A key that opens nothing any more is left where it is: another request of the same browser may just have
        brought it a better one, and taking that back would sign her out for pressing twice.
        """
        session = request.session_record
        if request.settled_language:
            response.delete_cookie(CHOSEN_ON_THE_WAY_IN, samesite="Lax")
        if session is None:
            return
        if session.ended_at is not None:
            response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite="Lax")
            # A __Host- cookie is only taken back by one that is Secure as well.
            response.cookies[settings.SESSION_COOKIE_NAME]["secure"] = settings.SESSION_COOKIE_SECURE
        elif session.key:
            response.set_cookie(
                settings.SESSION_COOKIE_NAME,
                session.key,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        if session.new_browser_key:
            response.set_cookie(
                settings.DEVICE_COOKIE_NAME,
                session.new_browser_key,
                max_age=settings.DEVICE_COOKIE_AGE,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )


def is_spoken(language: str) -> bool:
    return language in dict(settings.LANGUAGES) and translation.check_for_language(language)


class PolicyMiddleware:
    """Every address is closed until its view declares a policy, pages and API alike."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, plain: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        request = cast("PortalRequest", plain)
        rules = declared(view)
        if rules is None:
            raise Http404("No policy is declared for this address.")
        method = request.method or ""
        rule = rule_for(view, method)
        if rule is None:
            return HttpResponseNotAllowed([name.upper() for name in rules])
        refusal = self.refusal(request, view, rule)
        # The API's own permission class looks for this: a view that came round us stays shut.
        request.approved_by_policy = refusal is None
        return refusal

    def process_exception(self, plain: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Lead whoever opens a protected record to the page that asks why, and keep what she sent."""
        if not isinstance(problem, ReasonNeeded) or plain.resolver_match is None:
            return None
        request = cast("PortalRequest", plain)
        _keep_form(request, plain.resolver_match.func, request.session_record)
        query = {"next": page_of(request)}
        return _go(request, "reason", query, problem.patient_id)

    def refusal(self, request: PortalRequest, view: Callable[..., Any], rule: Rule) -> HttpResponse | None:
        if rule.proof is Proof.NOTHING:
            return None
        session = request.session_record
        if session is None:
            return self.sign_in_first(request, view)
        if rule.proof is Proof.PASSWORD:
            return None
        if not session.is_full:
            return self.finish_sign_in_first(request, view, session)
        if not rule.before_terms and terms.due(request.user) is not None:
            return self.terms_first(request, view)
        if not rule.admits(request.user):
            return self.not_hers(request, view, rule)
        if rule.fresh_for and not session.is_fresh_for(rule.fresh_for):
            return self.second_step_first(request, view, rule)
        return None

    def sign_in_first(self, request: PortalRequest, view: Callable[..., Any]) -> HttpResponse:
        lapsed = request.lapsed_session
        if is_api(view):
            return _api_answer(401, "not_signed_in", _("Sign in first."))
        query = {"next": page_of(request)}
        kept = _keep_form(request, view, lapsed)
        if lapsed is not None:
            query["left"] = left_because(lapsed, kept, page=query["next"])
        if kept is None and request.method == "POST" and is_part(request):
            # What was typed stands on the page that sent this, and nowhere else: it must not be led away.
            return HttpResponse(status=401)
        return _go(request, "sign-in", query)

    def finish_sign_in_first(
        self, request: PortalRequest, view: Callable[..., Any], session: Session
    ) -> HttpResponse:
        if is_api(view):
            return _api_answer(401, "second_step_missing", _("Finish signing in first."))
        name = "sign-in-codes" if session.strength == Strength.ENROLLING else "sign-in-code"
        return _go(request, name, {"next": page_of(request)})

    def terms_first(self, request: PortalRequest, view: Callable[..., Any]) -> HttpResponse:
        if is_api(view):
            words = _("Agree to the terms in the portal first.")
            return _api_answer(403, "terms_not_agreed", words)
        _keep_form(request, view, request.session_record)
        return _go(request, "terms", {"next": page_of(request)})

    def not_hers(self, request: PortalRequest, view: Callable[..., Any], rule: Rule) -> HttpResponse:
        match = request.resolver_match
        record_refusal(
            agent=request.user,
            target=None,
            reason=f"not-for-this-role:{match.url_name if match else ''}",
        )
        if is_api(view):
            return _api_answer(403, "not_for_this_role", _("Your account does not include this."))
        raise PermissionDenied

    def second_step_first(self, request: PortalRequest, view: Callable[..., Any], rule: Rule) -> HttpResponse:
        if is_api(view):
            words = _("Show your second step again first.")
            return _api_answer(403, "step_up_required", words, purpose=rule.fresh_for)
        _keep_form(request, view, request.session_record)
        return _go(request, "sign-in-again", {"for": rule.fresh_for, "next": page_of(request)})


def _api_answer(status: int, code: str, words: str, **more: str) -> HttpResponse:
    response = JsonResponse({"code": code, "detail": words, **more}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Session realm="portal"'
    return response


def _go(request: PortalRequest, name: str, query: dict[str, str], *args: object) -> HttpResponse:
    """Lead the whole page there, also when only a part of it was asked for."""
    query = {key: value for key, value in query.items() if value and value != "/"}
    address = reverse(name, args=args) + (f"?{urlencode(query)}" if query else "")
    if is_part(request):
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def is_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def page_of(request: HttpRequest) -> str:
    """The page a person was on: this address, or, where it only takes forms, the one the form stood on."""
    if request.method in ("GET", "HEAD") and not is_part(request):
        return request.get_full_path()
    try:
        came_from = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "")
    except ValueError:  # No address at all.
        came_from = urlsplit("")
    if came_from.netloc == request.get_host() and came_from.path.startswith("/"):
        page = page_to_open(came_from.path)
        return page + (f"?{came_from.query}" if came_from.query and page == came_from.path else "")
    match = request.resolver_match
    return request.path if match and "get" in (declared(match.func) or {}) else "/"


def _keep_form(request: PortalRequest, view: Callable[..., Any], session: Session | None) -> KeptForm | None:
    """Keep what was typed, so that nothing is lost while she signs in."""
    if request.method != "POST" or session is None:
        return None
    data = request.POST  # Read first: it tells which files came.
    files = [name for name in getattr(request, "let_go", ()) if name]
    return keep_unsent(session, page=page_of(request), action=request.path, data=data, files=files)
