"""The shape of a search: words, and what narrows it. Sent in a form's body, so that no address has the words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.blind_index import Wanted
from messaging.forms import PortalForm, TextField
from messaging.models import CategoryCode, ThreadState

WORDS_LIMIT = 200
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
_BAD_DAY = {"invalid": gettext_lazy("Write the day like 2026-03-08")}


class SearchForm(PortalForm):
    """`after` is where the page before this one ended. Nothing of it is kept when a session ends (`NEVER_KEPT`)."""

    look_for = TextField(
        required=False,
        limit=WORDS_LIMIT,
        too_long=gettext_lazy("Your words must be %(limit)s letters or fewer. They have %(length)s"),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "enterkeyhint": "search"}
        ),
    )
    writer = forms.UUIDField(
        required=False, error_messages={"invalid": gettext_lazy("Choose a person from the list")}
    )
    category = forms.ChoiceField(
        required=False,
        choices=[("", gettext_lazy("Any topic")), *CategoryCode.choices],
        error_messages={"invalid_choice": gettext_lazy("Choose a topic from the list")},
    )
    state = forms.ChoiceField(
        required=False,
        choices=[("", gettext_lazy("Open and finished")), *ThreadState.choices],
        error_messages={"invalid_choice": gettext_lazy("Choose open or finished")},
    )
    since = forms.DateField(required=False, input_formats=["%Y-%m-%d"], error_messages=_BAD_DAY)
    until = forms.DateField(required=False, input_formats=["%Y-%m-%d"], error_messages=_BAD_DAY)
    after = forms.CharField(required=False, max_length=300, widget=forms.HiddenInput)

    def clean_look_for(self) -> str:
        words = " ".join(str(self.cleaned_data["look_for"]).split())
        if words and not Wanted.read(words).can_be_found:
            raise forms.ValidationError(_("Write a word of two letters or more"))
        return words

    def clean_since(self) -> date | None:
        return _in_range(self.cleaned_data["since"])

    def clean_until(self) -> date | None:
        return _in_range(self.cleaned_data["until"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first day"))
        if not self.errors and not any(cleaned[name] for name in self.narrowing):
            self.add_error("look_for", _("Write a word to look for"))
        return cleaned

    narrowing = ("look_for", "writer", "category", "state", "since", "until")

    @property
    def words(self) -> str:
        return str(self.cleaned_data.get("look_for", "")) if self.is_bound else ""

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but words was chosen."""
        return self.is_bound and any(self.data.get(name) for name in self.narrowing[1:])

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """From the first moment of the first day up to, and without, the first moment after the last."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return (
            _start_of(since) if since else None,
            _start_of(until + timedelta(days=1)) if until else None,
        )

    def for_the_trail(self) -> str:
        """What was looked for, as the sealed column of the event says it."""
        data = self.cleaned_data
        return "; ".join(f"{name}: {data[name]}" for name in self.narrowing if data[name])


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(settings.CLINIC_TIME_ZONE)).astimezone(UTC)


def _in_range(day: date | None) -> date | None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise forms.ValidationError(_("Check the year"))
    return day
