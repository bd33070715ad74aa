"""The shape of what people send: present, not too long, characters that can be kept. Rules are the verbs'."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.models import (
    BODY_LIMIT,
    COMMENT_LIMIT,
    ENDINGS,
    DenialReason,
    RefillState,
)
from messaging.models.unread import REACHED

# Everything a keyboard or a paste may bring is kept, but for controls that no reader can see.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")


class TextField(forms.CharField):
    """Text as the person wrote it. Too long says by how much; characters that cannot be kept are named."""

    def __init__(self, *, limit: int, too_long: Any, **options: Any) -> None:
        self.limit = limit
        self.too_long = too_long
        super().__init__(strip=True, **options)
        # Django's own check for NUL speaks of characters by name; ours says what to do.
        self.validators = []

    def to_python(self, value: Any) -> str:
        """Normalise to NFC and single line feeds, so that lengths are those the writer sees."""
        text = unicodedata.normalize("NFC", super().to_python(value) or "")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def validate(self, value: str) -> None:
        super().validate(value)
        if _UNSEEN.search(value):
            raise ValidationError(
                _(
                    "Your text has a hidden character that we cannot keep. We took it out. Check it and send again."
                ),
                code="hidden_characters",
            )
        if len(value) > self.limit:
            raise ValidationError(
                str(self.too_long) % {"limit": f"{self.limit:,}", "length": f"{len(value):,}"},
                code="too_long",
            )


class FormToken(forms.UUIDField):
    """The name of one showing of a form: what makes a second press of its button harmless."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False)

    def clean(self, value: Any) -> UUID | None:
        # A token that a script garbled protects from nothing, but is no reason to refuse what was written.
        try:
            return super().clean(value)
        except ValidationError:
            return None


class PortalForm(forms.Form):
    """Keeps what was typed when it is shown again, without the characters that cannot be kept."""

    form_token = FormToken()
    was_refused = False

    @property
    def token(self) -> str:
        """The token to put into the page: the one that came with the form, else a new one.

        A refused form gets a new one, too: under the old one, something else may have been sent.
        """
        if self.was_refused:
            return str(uuid4())
        # What was begun before is gone on with under its own token.
        begun = str(self.initial.get("form_token", ""))
        sent = self.data.get(self.add_prefix("form_token"), "") if self.is_bound else begun
        try:
            return str(UUID(sent))
        except ValueError:
            return str(uuid4())

    def typed(self, name: str) -> str:
        """What stands in the field when the page is shown: as typed, hidden characters taken out."""
        value = self[name].value()
        return _UNSEEN.sub("", "" if value is None else str(value))

    def problems(self) -> list[tuple[str, str]]:
        """Every error as (field name, words), in the order of the fields, for the summary and the fields."""
        return [(name, str(words[0])) for name, words in self.errors.items()]

    def problem(self, name: str) -> str:
        """The error of one field, or ""."""
        return str(self.errors[name][0]) if name in self.errors else ""

    def refuse(self, name: str, words: Any) -> None:
        """Show a refusal of a rule at the field that it is about."""
        self.was_refused = True
        self.add_error(name, str(words))


BODY_TOO_LONG = gettext_lazy("Your message must be %(limit)s letters or fewer. It has %(length)s")


class FilesForm(PortalForm):
    """A form that files may come with. They are taken in by the view, and refused here, by name."""

    files = forms.FileField(required=False)  # type: ignore[assignment]  # the forms' own name for what came

    @property
    def token_sent(self) -> UUID | None:
        return FormToken().clean(self.data.get("form_token", ""))

    def clean(self) -> dict[str, Any]:
        """The files are no part of what a verb is told: it knows what was added."""
        data = super().clean() or self.cleaned_data
        data.pop("files", None)
        return data

    def say_only(self, problems: list[str]) -> None:
        """Show what was typed again, with what is wrong about the files and nothing else."""
        self.errors.clear()
        for problem in problems:
            self.add_error("files", problem)

    def also_say(self, problems: list[str]) -> bool:
        """Add what is wrong about the files to what is wrong besides. Says whether all is well."""
        if problems:
            self.is_valid()
            for problem in problems:
                self.add_error("files", problem)
        return self.is_valid()


class ReplyForm(FilesForm):
    """A reply, from either side. `seen` is the last message on the page it was written on."""

    body = TextField(
        limit=BODY_LIMIT,
        too_long=BODY_TOO_LONG,
        error_messages={"required": gettext_lazy("Write your message")},
    )
    seen = forms.UUIDField(required=False, widget=forms.HiddenInput)


class ReachedForm(PortalForm):
    """How the patient was told what she has not read."""

    how = forms.ChoiceField(
        choices=[(one.value, one.label) for one in REACHED],
        error_messages={
            "required": gettext_lazy("Choose how you told the patient"),
            "invalid_choice": gettext_lazy("Choose how you told the patient"),
        },
    )


class CorrectionForm(PortalForm):
    """A message as it should have been."""

    body = TextField(
        limit=BODY_LIMIT,
        too_long=BODY_TOO_LONG,
        error_messages={"required": gettext_lazy("Write your message")},
    )


class NoteForm(PortalForm):
    body = TextField(
        limit=BODY_LIMIT,
        too_long=gettext_lazy("Your note must be %(limit)s letters or fewer. It has %(length)s"),
        error_messages={"required": gettext_lazy("Write your note")},
    )


class RefillForm(PortalForm):
    comment = TextField(
        required=False,
        limit=COMMENT_LIMIT,
        too_long=gettext_lazy("Your words must be %(limit)s letters or fewer. They have %(length)s"),
    )


class CloseForm(PortalForm):
    """How it ended. `seen` is the last message on the page that finishes it."""

    outcome = forms.ChoiceField(
        choices=ENDINGS,
        error_messages={
            "required": gettext_lazy("Choose how this ended"),
            "invalid_choice": gettext_lazy("Choose how this ended"),
        },
    )
    seen = forms.UUIDField(required=False, widget=forms.HiddenInput)


class ApartForm(PortalForm):
    """Keep a conversation from trusted people, or share it again. Whether a reason is needed is the verb's to say."""

    apart = forms.ChoiceField(choices=[("keep", ""), ("share", "")], required=False)
    reason = TextField(
        required=False,
        limit=COMMENT_LIMIT,
        too_long=gettext_lazy("Your words must be %(limit)s letters or fewer. They have %(length)s"),
    )


_DECISIONS = [
    (state.value, state.label)
    for state in (
        RefillState.APPROVED,
        RefillState.APPROVED_WITH_CHANGES,
        RefillState.REPLACED,
        RefillState.DENIED,
    )
]


class DecisionForm(PortalForm):
    """A prescriber's answer. Which parts an outcome needs is the verb's to say."""

    outcome = forms.ChoiceField(
        choices=_DECISIONS,
        error_messages={
            "required": gettext_lazy("Choose your answer"),
            "invalid_choice": gettext_lazy("Choose your answer"),
        },
    )
    reason = forms.ChoiceField(
        required=False,
        choices=[("", ""), *DenialReason.choices],
        error_messages={"invalid_choice": gettext_lazy("Choose a reason from the list")},
    )
    quantity = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=9_999,
        error_messages={"invalid": gettext_lazy("Write the amount as a number")},
    )
    repeats = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=99,
        error_messages={"invalid": gettext_lazy("Write the number of refills as a number")},
    )
    note = TextField(
        required=False,
        limit=COMMENT_LIMIT,
        too_long=gettext_lazy("Your words must be %(limit)s letters or fewer. They have %(length)s"),
    )

    def terms(self) -> dict[str, Any]:
        """What the verb takes, without the parts that belong to another outcome."""
        data = self.cleaned_data
        outcome = data["outcome"]
        changed = outcome == RefillState.APPROVED_WITH_CHANGES
        return {
            "outcome": outcome,
            "reason": data["reason"] if outcome == RefillState.DENIED else "",
            "note": data["note"],
            "quantity": data["quantity"] if changed else None,
            "repeats": data["repeats"] if changed else None,
        }


class AbsenceForm(PortalForm):
    """From when to when somebody is away, and who reads meanwhile."""

    first_day = forms.DateField(
        error_messages={
            "required": gettext_lazy("Choose the first day that you are away"),
            "invalid": gettext_lazy("Write the day as a date, like 2026-03-12"),
        }
    )
    last_day = forms.DateField(
        error_messages={
            "required": gettext_lazy("Choose the last day that you are away"),
            "invalid": gettext_lazy("Write the day as a date, like 2026-03-12"),
        }
    )
    cover = forms.UUIDField(
        error_messages={
            "required": gettext_lazy("Choose a colleague who reads in your place"),
            "invalid": gettext_lazy("Choose a colleague who reads in your place"),
        }
    )


class CoverForm(PortalForm):
    """Who reads for an absent colleague from now on."""

    cover = forms.UUIDField(required=False)
