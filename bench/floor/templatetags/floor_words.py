"""Moments in the clinic's words, as a plain project would write its filters."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as in_words
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
ZONE = ZoneInfo(settings.CLINIC_TIME_ZONE)


def _marked(at: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', at.isoformat(timespec="seconds"), words)


@register.filter
def short(moment: datetime) -> SafeString:
    at, today = timezone.localtime(moment, ZONE), timezone.localdate(timezone=ZONE)
    if at.date() == today:
        return _marked(at, in_words(at, "g:i a"))
    if abs(at.date() - today) < timedelta(days=7):
        return _marked(at, in_words(at, "l"))
    return _marked(at, in_words(at, "F j" if at.year == today.year else "F j, Y"))


@register.filter
def full(moment: datetime) -> SafeString:
    at = timezone.localtime(moment, ZONE)
    return _marked(at, in_words(at, "l, F j, g:i a"))


@register.filter
def second(moment: datetime) -> SafeString:
    at = timezone.localtime(moment, ZONE)
    return _marked(at, in_words(at, "M j, Y, g:i:s a"))


@register.filter
def minutes_until(moment: datetime) -> int:
    return int((moment - timezone.now()).total_seconds() // 60)


@register.filter
def ago(minutes: int) -> int:
    return -minutes
