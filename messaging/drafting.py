"""The shape of each step of a new message: one question, or one thing to write, on each page."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from messaging.forms import BODY_TOO_LONG, FilesForm, FormToken, PortalForm, TextField
from messaging.models import BODY_LIMIT, SUBJECT_LIMIT, CategoryCode, Urgent
from messaging.models.writing import Window

if TYPE_CHECKING:
    from uuid import UUID

# Two answers to "What is it about?" that lead elsewhere first.
NEW_SYMPTOM = "symptom"
MORE_MEDICINE = "more_medicine"


class Revision(forms.IntegerField):
    """Which state of a draft a page shows. One that a script garbled is no reason to refuse what was written."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False, min_value=0, max_value=2_000_000_000)

    def clean(self, value: Any) -> int | None:
        try:
            return super().clean(value)
        except ValidationError:
            return None


class Turn(Revision):
    """How often its page has sent this form, by its script: without one it stays 0."""

    def clean(self, value: Any) -> int:
        return super().clean(value) or 0


class DraftedForm(PortalForm):
    """A form that is kept while it is filled in: the `revision` of the draft that it shows, and which showing it is."""

    revision = Revision()
    page = FormToken()
    turn = Turn()

    @property
    def seen(self) -> int | None:
        return self._said("revision")

    @property
    def window(self) -> Window:
        return Window(self._said("page"), self._said("turn"))

    def _said(self, name: str) -> Any:
        return self.fields[name].clean(self.data.get(name))


class UrgentForm(PortalForm):
    """ "Is any of this happening now?" `patient` is whose record the page was showing: somebody may help several.

    `about` is the topic of the page that led here, `follows` the finished conversation that it goes on from.
    """

    patient = forms.UUIDField(required=False, widget=forms.HiddenInput)
    about = forms.CharField(required=False, widget=forms.HiddenInput)
    follows = FormToken()
    now = forms.ChoiceField(
        choices=Urgent.choices,
        error_messages={
            "required": _("Choose an answer, so that we know a message is safe"),
            "invalid_choice": _("Choose an answer, so that we know a message is safe"),
        },
    )

    @property
    def followed(self) -> UUID | None:
        """The conversation that this showing of the form goes on from."""
        value: Any = self["follows"].value()
        followed: UUID | None = self.fields["follows"].clean(value)
        return followed

    def clean_about(self) -> str:
        about = str(self.cleaned_data["about"])
        return about if about in CategoryCode.values else ""


class TopicForm(PortalForm):
    """What it is about, and for whom. `pool` is asked only of people whom more than one team looks after."""

    category = forms.ChoiceField(
        choices=[*CategoryCode.choices, (NEW_SYMPTOM, ""), (MORE_MEDICINE, "")],
        error_messages={
            "required": _("Choose what your message is about"),
            "invalid_choice": _("Choose what your message is about"),
        },
    )
    pool = forms.UUIDField(
        required=False, error_messages={"invalid": _("Choose a team from the list, or “Not sure”")}
    )

    @property
    def topic(self) -> str:
        """The topic that is kept: a new symptom is a question of health."""
        chosen = str(self.cleaned_data["category"])
        return {
            NEW_SYMPTOM: CategoryCode.MEDICAL_QUESTION.value,
            MORE_MEDICINE: CategoryCode.REFILL.value,
        }.get(chosen, chosen)


class DraftForm(DraftedForm, FilesForm):
    """Title and message."""

    subject = TextField(
        limit=SUBJECT_LIMIT,
        too_long=_("Your title must be %(limit)s letters or fewer. It has %(length)s"),
        error_messages={"required": _("Write a short title for your message")},
    )
    body = TextField(
        limit=BODY_LIMIT,
        too_long=BODY_TOO_LONG,
        error_messages={"required": _("Write your message")},
    )
    written_with_help = forms.BooleanField(required=False)

    def clean_subject(self) -> str:
        return " ".join(str(self.cleaned_data["subject"]).split())

    def kept(self) -> dict[str, Any]:
        """What the draft keeps, whether or not it could be sent: what is missing may come later."""
        return {
            "subject": " ".join(_as_kept(self, "subject").split()),
            "body": _as_kept(self, "body"),
            "written_with_help": "written_with_help" in self.data,
            "seen": self.seen,
            "window": self.window,
        }


class JottedForm(DraftedForm):
    """What is being written in a conversation. `kind` is what it would become, where a page has two boxes."""

    body = forms.CharField(required=False)
    kind = forms.CharField(required=False, widget=forms.HiddenInput)

    def kept(self) -> dict[str, Any]:
        return {
            "body": _as_kept(self, "body"),
            "form_token": self.fields["form_token"].clean(self.data.get("form_token")),
            "seen": self.seen or 0,
            "window": self.window,
        }


class SendForm(PortalForm):
    """The last button: the state of the draft, and the team, that were on the page that was checked.

    `asks_apart` says that the page asked whether to keep it `apart` from trusted people.
    """

    revision = Revision()
    pool = forms.UUIDField(required=False, widget=forms.HiddenInput)
    asks_apart = forms.BooleanField(required=False, widget=forms.HiddenInput)
    apart = forms.BooleanField(required=False)


def _as_kept(form: PortalForm, name: str) -> str:
    """What stands in the field, without characters that cannot be kept, in the form in which it would be sent."""
    text = unicodedata.normalize("NFC", form.typed(name))
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
