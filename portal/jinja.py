"""The environment our pages are rendered in.

Templates see frozen values and the words below. Nothing here reads the database, so an error page always
renders.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.templatetags.static import static
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.text import capfirst
from django.utils.translation import get_language, get_language_info, gettext, ngettext, npgettext, pgettext
from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from audit import context as audit_context
from portal import dates
from portal.shell import NOBODY, Offer, Shell, offer_for, shell_for, theme_of

_PARAGRAPHS = re.compile(r"\n\s*\n")


def environment(**options: Any) -> Environment:
    made = Environment(  # noqa: S701  (Django's backend passes autoescape=True)
        **{
            **options,
            "undefined": StrictUndefined,
            "trim_blocks": True,
            "lstrip_blocks": True,
            "autoescape": True,
        },
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    made.globals.update(
        _=words,
        gettext=words,
        icon=icon,
        clinic=Clinic(),
        new_token=uuid4,
        language=lambda: get_language() or settings.LANGUAGE_CODE,
        other_language=other_language,
        reference=reference,
        shell=shell,
        span=dates.span,
        static=cache(static),
        theme=theme,
        today=dates.today,
        url=url,
    )
    made.filters.update(
        clock=_time_element(dates.clock),
        day=_time_element(dates.day),
        deadline=_time_element(dates.deadline),
        full=_time_element(dates.full),
        full_first=_time_element(lambda moment: capfirst(dates.full(moment))),
        second=_time_element(dates.second),
        short=_time_element(dates.short),
        born=dates.date_of_birth,
        capfirst=capfirst,
        language_name=language_name,
        minutes_until=dates.minutes_until,
        paragraphs=paragraphs,
        tel=tel,
    )
    return made


class Clinic:
    """Whose portal this is. Read at each use: tests and a reload may change the settings."""

    @property
    def name(self) -> str:
        return str(settings.CLINIC_NAME)

    @property
    def phone(self) -> str:
        return str(settings.CLINIC_PHONE)

    @property
    def time_zone(self) -> str:
        return str(settings.CLINIC_TIME_ZONE).replace("_", " ")


@pass_context
def theme(context: Context) -> str:
    """The reader's own choice, `light` or `dark`; empty follows her system. Read from her cookie alone."""
    return theme_of(context.get("request"))


@pass_context
def shell(context: Context) -> Shell:
    """What stands around the page for the person who asked: tabs or rail. Made once a request."""
    request = context.get("request")
    if request is None:
        return NOBODY
    if not hasattr(request, "shell"):
        request.shell = shell_for(request)
    made: Shell = request.shell
    return made


@pass_context
def other_language(context: Context) -> Offer | None:
    """The page in the language it is not in; nothing where there is no request to come back to."""
    return offer_for(context.get("request"))


def reference() -> str:
    """The request's id, for the small print of an error page; empty when there is none."""
    return str(audit_context.current().request_id or "")


def words(text: str, /, **values: object) -> Markup:
    """What Jinja's own `_` does, with each text looked up once for each language."""
    said, is_whole = _said(get_language() or settings.LANGUAGE_CODE, text)
    return said if is_whole and not values else said % values


@lru_cache(maxsize=4096)
def _said(language: str, text: str) -> tuple[Markup, bool]:
    said = Markup(gettext(text))  # noqa: S704  (ours, from the templates and the catalogue)
    try:
        return said % {}, True
    except KeyError:
        return said, False


@lru_cache(maxsize=512)
def icon(name: str, **more: str) -> Markup:
    """A sign of the sprite. `class` is "icon" unless told."""
    return Markup(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>'
    ).format(more.get("class", "icon"), static("portal/icons.svg"), name)


def url(name: str, *args: object, **query: object) -> str:
    if all(isinstance(one, UUID) for one in args):
        address = _pattern(get_urlconf(), get_script_prefix(), name, len(args)).format(*args)
    else:
        address = reverse(name, args=args)
    kept = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{address}?{urlencode(kept, doseq=True)}" if kept else address


@lru_cache(maxsize=512)
def _pattern(urlconf: str | None, prefix: str, name: str, places: int) -> str:
    """The address of a name, with braces where its ids go."""
    marks = [uuid4() for _place in range(places)]
    address = reverse(name, args=marks).replace("{", "{{").replace("}", "}}")
    for mark in marks:
        address = address.replace(str(mark), "{}", 1)
    return address


def paragraphs(text: str) -> Markup:
    """What a person typed, escaped, with her paragraphs and line breaks kept and nothing else."""
    blocks = [block.strip("\n") for block in _PARAGRAPHS.split(text.replace("\r\n", "\n").strip())]
    return Markup("\n").join(
        Markup("<p>{}</p>").format(Markup("<br>").join(escape(line) for line in block.split("\n")))
        for block in blocks
        if block
    )


def language_name(code: str) -> str:
    """A language as people call it; the code itself where Django knows no name."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


def tel(number: str) -> str:
    return "tel:" + re.sub(r"[^\d+]", "", number)


def _time_element(words: Callable[[Any], str]) -> Callable[[datetime | date], str]:
    return lambda moment: dates.marked(moment, words(moment))
