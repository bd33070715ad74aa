"""The shape of what is typed in the people area and at the desk that invites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import staff
from accounts.forms import birth_date_field, email_field
from accounts.models import Proof
from accounts.refusals import LeadMissing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class StaffFilter(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    role = forms.ChoiceField(label=_("Role"), required=False)
    team = forms.ChoiceField(label=_("Team"), required=False)
    state = forms.ChoiceField(label=_("Account"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "role", [("", gettext("All roles")), *staff.role_choices()])
        _choose(self, "team", [("", gettext("All teams")), *staff.team_choices()])
        states = [
            ("active", gettext("Open")),
            ("closed", gettext("Closed")),
            ("all", gettext("Open and closed")),
        ]
        _choose(self, "state", states)

    @property
    def asked(self) -> dict[str, str]:
        """What to look for; what could not be read looks for nothing in particular."""
        said = self.cleaned_data if self.is_valid() else {}
        return {
            "name": said.get("name", "").strip(),
            "role": said.get("role", ""),
            "team": said.get("team", ""),
            "state": said.get("state") or "active",
        }


class RightsForm(forms.Form):
    """What somebody is invited to do here."""

    email = email_field(
        _("Work e-mail"), hint=_("The link goes there. Later it is the name to sign in with."), own=False
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        error_messages={"required": _("Choose at least one role")},
        widget=forms.CheckboxSelectMultiple,
    )
    teams = forms.MultipleChoiceField(label=_("Teams"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "roles", staff.role_choices())
        _choose(self, "teams", staff.team_choices())


class InviteStaffForm(RightsForm):
    name = forms.CharField(
        label=_("Name"),
        help_text=_("As on the door plate, without a title."),
        max_length=80,
        error_messages={"required": _("Write the name")},
        widget=forms.TextInput(attrs=PLAIN),
    )
    title = forms.CharField(
        label=_("Title"), help_text=_("For example: Dr. May be empty."), max_length=20, required=False,
        widget=forms.TextInput(attrs=PLAIN),
    )  # fmt: skip
    field_order = ("name", "title", "email", "roles", "teams")


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"))
    change = forms.ChoiceField(choices=[("give", ""), ("take", "")])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "role", staff.role_choices())


class TeamForm(forms.Form):
    """Into a team, by its id; or out of one, by the id of the place."""

    team = forms.UUIDField(required=False)
    place = forms.UUIDField(required=False)
    lead = forms.CharField(required=False)


class CloseForm(forms.Form):
    why = forms.CharField(
        label=_("Why is this account closed?"),
        help_text=_("It stays with the event, sealed. For example: has left the clinic."),
        max_length=300,
        error_messages={"required": _("Write why")},
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, leads: Iterable[staff.Leads] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teams = {f"lead-{one.team}": one.team for one in leads}
        for one in leads:
            self.fields[f"lead-{one.team}"] = forms.ChoiceField(
                label=lead_question(one),
                choices=lead_choices(one),
                error_messages={"required": LeadMissing.words},
            )

    @property
    def leads(self) -> dict[UUID, str]:
        return {team: self.cleaned_data[name] for name, team in self.teams.items()}


def lead_question(one: staff.Leads) -> str:
    return ngettext(
        "Who leads the care of %(num)s patient in %(team)s?",
        "Who leads the care of %(num)s patients in %(team)s?",
        one.patients,
    ) % {"num": one.patients, "team": one.team_name}


def lead_choices(one: staff.Leads) -> list[tuple[str, str]]:
    return [("", gettext("Choose")), *one.choices, (staff.NOBODY, gettext("Nobody alone: the team"))]


class NotNowForm(forms.Form):
    reason = forms.CharField(
        label=_("Why is nobody invited?"),
        help_text=_("It stays with the event, sealed. For example: goes to another clinic now."),
        max_length=300,
        error_messages={"required": _("Write why")},
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
    )


class RecordNumberForm(forms.Form):
    record_number = forms.CharField(
        label=_("Record number"),
        max_length=40,
        error_messages={"required": _("Write the record number")},
        widget=forms.TextInput(attrs=PLAIN),
    )


class NewPatientForm(RecordNumberForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        error_messages={"required": _("Write the name")},
        widget=forms.TextInput(attrs=PLAIN),
    )
    birth_date = birth_date_field()
    phone = forms.CharField(
        label=_("Phone"), max_length=40, required=False,
        widget=forms.TextInput(attrs={**PLAIN, "inputmode": "tel"}),
    )  # fmt: skip
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    team = forms.ChoiceField(label=_("Care team"), error_messages={"required": _("Choose a care team")})
    field_order = ("record_number", "name", "birth_date", "phone", "language", "team")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, "team", [("", gettext("Choose a care team")), *staff.team_choices()])

    def clean_birth_date(self) -> Any:
        return _of_somebody_alive(self.cleaned_data["birth_date"])


class BirthDateForm(forms.Form):
    """`sure` is there once it was shown what this very date changes."""

    birth_date = birth_date_field()
    proof = forms.ChoiceField(
        label=_("Which paper did you see?"),
        choices=[("", _("Choose one")), *Proof.choices],
        error_messages={"required": _("Choose the paper that shows it")},
    )
    reason = forms.CharField(
        label=_("Why was it wrong?"),
        help_text=_("Kept sealed in the trail. The patient does not see it here."),
        max_length=500,
        error_messages={"required": _("Write why"), "max_length": _("Write it in 500 letters or fewer")},
        widget=forms.Textarea(attrs={"maxlength": 500}),
    )
    lets_more = forms.BooleanField(required=False)
    sure = forms.CharField(required=False, max_length=10, widget=forms.HiddenInput)

    def clean_birth_date(self) -> Any:
        return _of_somebody_alive(self.cleaned_data["birth_date"])

    @property
    def is_sure(self) -> bool:
        return bool(self.cleaned_data["sure"] == self.cleaned_data["birth_date"].isoformat())


class InvitePatientForm(forms.Form):
    email = email_field(
        _("Patient’s e-mail"),
        hint=_("May be empty. With it we mail the link at once."),
        required=False,
        own=False,
    )


def _choose(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    form.fields[name].choices = choices  # type: ignore[attr-defined]


def _of_somebody_alive(born: Any) -> Any:
    if not (born.year >= 1880 and born <= timezone.localdate()):
        raise forms.ValidationError(gettext("Check the birth date"))
    return born
