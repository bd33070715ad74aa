"""The filters of the access review. They live in the address, so that a view can be sent and kept.

A record number does not: it is typed into a form, and the address has the patient's reference in its place.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from audit import directory, words
from audit.paging import BadPosition, Position

FIRST_DAY = date(2000, 1, 1)
LAST_DAY = date(2199, 12, 31)


class EventFilter(forms.Form):
    """The filters as they stand in an address."""

    # Staff to choose from; anybody else by a link on an event.
    person = forms.ChoiceField(label=_("Who"), required=False)
    patient = forms.CharField(
        label=_("Patient’s record number"),
        required=False,
        max_length=60,
        error_messages={"max_length": _("A record number is shorter than that.")},
    )
    sort = forms.ChoiceField(
        label=_("What they did"),
        required=False,
        choices=[("", _("Anything")), *((code, said) for code, (said, _types) in words.SORTS.items())],
        error_messages={"invalid_choice": _("Choose what they did from the list.")},
    )
    outcome = forms.ChoiceField(
        label=_("How it ended"),
        required=False,
        choices=[("", _("Any way")), *words.OUTCOMES.items()],
        error_messages={"invalid_choice": _("Choose how it ended from the list.")},
    )
    since = forms.DateField(
        label=_("From day"),
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("The first day is not a date. Write it like 2026-03-08.")},
    )
    until = forms.DateField(
        label=_("To day"),
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _("The last day is not a date. Write it like 2026-03-08.")},
    )
    older = forms.CharField(required=False, widget=forms.HiddenInput)
    newer = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.record_number = ""
        staff = [(str(label.id), f"{label.name}, {label.role}") for label in directory.registered().staff()]
        asked = str(self.data.get("person", ""))
        others = [] if asked in dict(staff) else _somebody_else(asked)
        person = self.fields["person"]
        person.choices = [("", _("Anybody")), *staff, *others]  # type: ignore[attr-defined]
        person.error_messages["invalid_choice"] = _("Choose a person from the list.")

    def clean_patient(self) -> UUID | None:
        asked = self.cleaned_data["patient"].strip()
        if not asked:
            return None
        if (reference := _uuid(asked)) is None:
            return self.patient_called(asked)
        return reference

    def patient_called(self, asked: str) -> UUID:
        """The patient meant by what is no reference."""
        raise ValidationError(
            _("An address cannot hold a record number. Press “Apply filters” to look for it.")
        )

    def typed(self, name: str) -> str:
        """What stands in the box: for a patient the number she goes by, once it has been opened."""
        return self.record_number if name == "patient" and self.record_number else self[name].value()

    def clean_since(self) -> date | None:
        return _in_range(self.cleaned_data["since"])

    def clean_until(self) -> date | None:
        return _in_range(self.cleaned_data["until"])

    def clean_older(self) -> Position | None:
        return _position(self.cleaned_data["older"])

    def clean_newer(self) -> Position | None:
        return _position(self.cleaned_data["newer"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first day."))
        return cleaned

    @property
    def active(self) -> dict[str, str]:
        """The filters that narrow the list, as they stand in the address."""
        return {
            name: str(self.data.get(name, "")).strip()
            for name in ("person", "patient", "sort", "outcome", "since", "until")
            if str(self.data.get(name, "")).strip()
        }

    @property
    def in_the_address(self) -> str:
        return urlencode(self.active)

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """From the first moment of the first day up to, and without, the first moment after the last."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return (
            _start_of(since) if since else None,
            _start_of(until + timedelta(days=1)) if until else None,
        )


class EventSearch(EventFilter):
    """The filters as they are typed and sent, with a patient's record number among them."""

    # A new search begins with the newest.
    older = None  # type: ignore[assignment]
    newer = None  # type: ignore[assignment]
    # Nobody has the number that was typed.
    missed = False

    def patient_called(self, asked: str) -> UUID:
        found = directory.registered().find_patient(asked)
        if found is None:
            self.missed = True
            raise ValidationError(
                _("No patient has this record number. Look for the number, not for a name.")
            )
        return found

    @property
    def active(self) -> dict[str, str]:
        patient = self.cleaned_data.get("patient")
        return super().active | ({"patient": str(patient)} if patient else {})


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(settings.CLINIC_TIME_ZONE)).astimezone(UTC)


def _in_range(day: date | None) -> date | None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise ValidationError(_("There are no events on that day. Check the year."))
    return day


def _position(text: str) -> Position | None:
    if not text:
        return None
    try:
        return Position.parse(text)
    except BadPosition:
        raise ValidationError(
            _("This page of the list cannot be found. Start again from the newest.")
        ) from None


def _somebody_else(agent_id: str) -> list[tuple[str, str]]:
    """A choice for one who is not on the staff, when the list is filtered by her."""
    if (user_id := _uuid(agent_id)) is not None:
        label = directory.registered().people([user_id]).get(user_id)
        return [(agent_id, f"{label.name}, {label.role}" if label else agent_id)]
    if agent_id == "anonymous" or (agent_id.startswith("system:") and len(agent_id) <= 60):
        return [(agent_id, words.agent(agent_id))]
    return []


def _uuid(text: str) -> UUID | None:
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
