"""The shape of what is said about trusted people. Whether it may be agreed is for the verbs of a trust."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Basis, Scope
from accounts.models.proxy import SAID_TO_PATIENT
from accounts.topics import CategoryCode
from accounts.trusted import Agreed

# Longer than anybody is trusted. The day after the last day there is would be no day.
MOST_YEARS = 120


class WhoForm(forms.Form):
    """The first step of choosing a trusted person."""

    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        error_messages={"required": _("Write the name of the person")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        error_messages={
            "required": _("Write the e-mail of the person"),
            "invalid": _("Write a whole e-mail, like rosa@example.com"),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "off", "inputmode": "email", "spellcheck": "false"}),
    )
    relationship = forms.ChoiceField(
        label=_("Who is this person to you?"),
        choices=[("", _("Choose one")), *((value, words) for value, words in SAID_TO_PATIENT.items())],
        error_messages={
            "required": _("Choose who this person is to you"),
            "invalid_choice": _("Choose who this person is to you"),
        },
    )


class WhatForm(forms.Form):
    """What a trusted person may do, and how long. Who writes or sends files reads as well."""

    scopes = forms.MultipleChoiceField(
        label=_("What may this person do?"),
        choices=Scope.choices,
        error_messages={"required": _("Choose at least one thing")},
    )
    which = forms.ChoiceField(
        label=_("Which conversations?"),
        choices=[("all", _("All conversations")), ("some", _("Only about some topics"))],
        error_messages={
            "required": _("Choose which conversations"),
            "invalid_choice": _("Choose which conversations"),
        },
    )
    categories = forms.MultipleChoiceField(label=_("Topics"), choices=CategoryCode.choices, required=False)
    ends_on = forms.DateField(
        label=_("Last day"),
        help_text=_("Leave it empty if it should go on until you stop it."),
        required=False,
        error_messages={"invalid": _("Write the last day as a date")},
        widget=forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
    )

    def clean_scopes(self) -> list[str]:
        scopes = set(self.cleaned_data["scopes"])
        if scopes & {Scope.WRITE, Scope.ATTACHMENTS}:
            scopes.add(Scope.READ)
        return [scope for scope in Scope.values if scope in scopes]

    def clean_ends_on(self) -> date | None:
        day: date | None = self.cleaned_data["ends_on"]
        if day is None:
            return None
        today = timezone.localtime(timezone.now(), ZoneInfo(settings.CLINIC_TIME_ZONE)).date()
        if day < today:
            raise forms.ValidationError(_("Choose a day that is still to come"))
        if day.year > today.year + MOST_YEARS:
            raise forms.ValidationError(_("Choose a nearer day. Leave it empty if there is no last day."))
        return day

    def clean(self) -> dict[str, Any] | None:
        if self.cleaned_data.get("which") == "some" and not self.cleaned_data.get("categories"):
            self.add_error("categories", _("Choose at least one topic"))
        return self.cleaned_data

    @property
    def agreed(self) -> Agreed:
        data = self.cleaned_data
        return Agreed(
            scopes=data["scopes"],
            categories=data["categories"] if data["which"] == "some" else (),
            ends_on=data["ends_on"],
        )


class GroundForm(forms.Form):
    """By what right, where staff write down a trusted person."""

    basis = forms.ChoiceField(
        label=_("Ground"),
        choices=[("", _("Choose one")), *Basis.choices],
        error_messages={"required": _("Choose the ground"), "invalid_choice": _("Choose the ground")},
    )
    document = forms.CharField(
        label=_("Which paper, and where it is kept"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    ground = forms.CharField(label=_("Anything to add"), max_length=500, required=False)


class PauseForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        max_length=500,
        error_messages={"required": _("Write why, for the people who look at this later.")},
    )
