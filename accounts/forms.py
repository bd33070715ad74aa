"""The shape of what is typed at the doors. Whether it is right is for `entrance` to say."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.models import AuthenticatorApp, PatientState
from accounts.refusals import PasskeyRefused, SignInRefused

ONE_TIME = {"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": 24, "spellcheck": "false"}
ON_PAPER = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "maxlength": 60}


class SignInForm(forms.Form):
    email = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        error_messages={"required": _("Write your e-mail")},
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "inputmode": "email", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=1_000,
        strip=False,
        error_messages={"required": _("Write your password")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean(self) -> dict[str, Any] | None:
        if "max_length" in {error.code for field in self.errors.as_data().values() for error in field}:
            raise forms.ValidationError(SignInRefused.words)
        return self.cleaned_data


def _new_password() -> forms.CharField:
    return forms.CharField(
        label=_("New password"),
        help_text=_("10 letters or more. A few words in a row are easy to keep in mind."),
        max_length=1_000,
        strip=False,
        error_messages={"required": _("Write a new password")},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class ForgottenForm(forms.Form):
    email = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        error_messages={"required": _("Write your e-mail")},
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "inputmode": "email", "spellcheck": "false"}
        ),
    )


def email_field(label: Any, *, hint: Any = "", required: bool = True, own: bool = True) -> forms.EmailField:
    """An address that mail can go to."""
    return forms.EmailField(
        label=label,
        help_text=hint,
        max_length=254,
        required=required,
        error_messages={
            "required": _("Write an e-mail"),
            "invalid": _("Write an e-mail like name@example.com"),
        },
        widget=forms.TextInput(
            attrs={"autocomplete": "email" if own else "off", "inputmode": "email", "spellcheck": "false"}
        ),
    )


def birth_date_field(*, own: bool = False) -> forms.DateField:
    return forms.DateField(
        label=_("Your birth date") if own else _("Birth date"),
        error_messages={
            "required": _("Write the birth date"),
            "invalid": _("Write the birth date as a date"),
        },
        widget=forms.DateInput(
            attrs={"type": "date", "autocomplete": "bday" if own else "off"}, format="%Y-%m-%d"
        ),
    )


def _invitation_code() -> forms.CharField:
    return forms.CharField(
        label=_("Code from the clinic"),
        help_text=_("12 letters and numbers. Spaces and dashes do not matter."),
        error_messages={"required": _("Write the code from the clinic")},
        max_length=60,
        widget=forms.TextInput(attrs=ON_PAPER),
    )


class JoinForm(forms.Form):
    """The first page of who has a code from the clinic and no account."""

    code = _invitation_code()
    birth_date = birth_date_field(own=True)
    email = email_field(_("Your e-mail"), hint=_("We send you a link. Later you sign in with this e-mail."))


class RedeemForm(forms.Form):
    """The same of who is signed in."""

    code = _invitation_code()
    birth_date = birth_date_field(own=True)


class LinkForm(forms.Form):
    """Behind the link: what only she knows, and, for who has no account, a password."""

    code = _invitation_code()
    birth_date = birth_date_field(own=True)

    def __init__(self, *args: Any, asks_birth_date: bool, has_account: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["code" if asks_birth_date else "birth_date"]
        if not has_account:
            self.fields["password"] = _new_password()
            self.fields["password"].label = _("Choose a password")

    @property
    def shown(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {"code": said.get("code", ""), "birth_date": said.get("birth_date")}


class NewPasswordForm(forms.Form):
    new = _new_password()


class ChangePasswordForm(forms.Form):
    current = forms.CharField(
        label=_("Your password now"),
        max_length=1_000,
        strip=False,
        error_messages={"required": _("Write your password")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = _new_password()


class NewEmailForm(forms.Form):
    email = forms.EmailField(
        label=_("New e-mail"),
        max_length=254,
        error_messages={
            "required": _("Write the new e-mail"),
            "invalid": _("This is not a whole e-mail. It looks like name@example.org."),
            "max_length": _("This e-mail is too long."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "email", "inputmode": "email", "spellcheck": "false"}),
    )


class NewPhoneForm(forms.Form):
    phone = forms.RegexField(
        r"^\+?[0-9 ().\-/]{6,30}$",
        label=_("New telephone number"),
        max_length=30,
        error_messages={
            "required": _("Write the new number"),
            "invalid": _("Write it in numbers, with the area code."),
            "max_length": _("This number is too long."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )


class AppCodeForm(forms.Form):
    """The code, and which app shows it where a person has more than one."""

    code = forms.CharField(
        label=_("6-digit code from your app"),
        help_text=_("You can paste it. A new code comes every 30 seconds."),
        error_messages={"required": _("Write the 6 numbers your app shows")},
        max_length=60,
        widget=forms.TextInput(attrs=ONE_TIME),
    )
    app = forms.ChoiceField(label=_("Which app?"), required=False)

    def __init__(self, *args: Any, apps: list[AuthenticatorApp], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.apps = {str(app.pk): app for app in apps}
        if not apps:
            # Nothing to type: only a passkey opens.
            del self.fields["code"]
        if len(apps) > 1:
            self.fields["app"].choices = [(str(app.pk), app_words(app)) for app in apps]  # type: ignore[attr-defined]
            self.fields["app"].required = True
            self.fields["app"].error_messages["required"] = _("Choose which app shows the code")
            self.initial.setdefault("app", str(apps[0].pk))
        else:
            del self.fields["app"]

    @property
    def chosen(self) -> AuthenticatorApp:
        return self.apps[self.cleaned_data["app"]] if "app" in self.fields else next(iter(self.apps.values()))


class PasskeyForm(forms.Form):
    """What a passkey answered, as the page's script puts it in."""

    answer = forms.CharField(
        max_length=20_000,
        error_messages={"required": PasskeyRefused.words, "max_length": PasskeyRefused.words},
        widget=forms.HiddenInput,
    )


class NewPasskeyForm(forms.Form):
    name = forms.CharField(
        label=_("A name for this passkey"),
        help_text=_("So that you know it later. For example: my phone."),
        max_length=64,
        required=False,
    )
    answer = forms.CharField(max_length=20_000, required=False, widget=forms.HiddenInput)


class RecoveryCodeForm(forms.Form):
    code = forms.CharField(
        label=_("Recovery code"),
        help_text=_("16 letters and numbers. Spaces and dashes do not matter."),
        error_messages={"required": _("Write one of your recovery codes")},
        max_length=60,
        widget=forms.TextInput(attrs=ON_PAPER),
    )


class NewAppForm(forms.Form):
    name = forms.CharField(
        label=_("A name for this phone or app"),
        help_text=_("So that you know it later. For example: my phone."),
        max_length=64,
        required=False,
    )
    code = forms.CharField(
        label=_("6-digit code from your app"),
        error_messages={"required": _("Write the 6 numbers your app shows")},
        max_length=60,
        widget=forms.TextInput(attrs=ONE_TIME),
    )


class IdentityForm(forms.Form):
    record_number = forms.CharField(
        label=_("Record number"),
        max_length=40,
        error_messages={"required": _("Write the record number")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    birth_date = birth_date_field()


class RecordNumberForm(forms.Form):
    record_number = forms.CharField(
        label=_("Record number"),
        max_length=40,
        error_messages={"required": _("Write the record number")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def _why(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=_("Kept sealed with both records. The patient does not see it here."),
        max_length=500,
        error_messages={"required": _("Write why"), "max_length": _("Write it in 500 letters or fewer")},
        widget=forms.Textarea(attrs={"maxlength": 500}),
    )


class RecordJoinForm(IdentityForm):
    """Which of two records stays. What found the other one comes along, so that it is asked again."""

    keep = forms.ChoiceField(
        label=_("Which record stays?"),
        choices=[("this", "this"), ("other", "other")],
        error_messages={
            "required": _("Choose the record that stays"),
            "invalid_choice": _("Choose the record that stays"),
        },
    )
    reason = _why(_("How do you know that they are one person?"))


class PartForm(forms.Form):
    reason = _why(_("Why are they two people?"))


class RecordStateForm(forms.Form):
    state = forms.ChoiceField(
        label=_("New state"),
        choices=PatientState.choices,
        error_messages={"required": _("Choose a state"), "invalid_choice": _("Choose a state from the list")},
    )
    reason = forms.CharField(
        label=_("Why?"),
        help_text=_("Kept sealed with the record. The patient does not see it here."),
        max_length=500,
        error_messages={"required": _("Write why"), "max_length": _("Write it in 500 letters or fewer")},
        widget=forms.Textarea(attrs={"maxlength": 500}),
    )
    review_on = forms.DateField(
        label=_("Look at it again on"),
        required=False,
        error_messages={"invalid": _("Write the day as a date")},
        widget=forms.DateInput(attrs={"type": "date", "autocomplete": "off"}, format="%Y-%m-%d"),
    )
    reviewer = forms.UUIDField(label=_("Who looks at it again"), required=False)


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Why do you open it?"),
        min_length=3,
        max_length=300,
        error_messages={
            "required": _("Write why you open this record"),
            "min_length": _("Write why you open this record"),
            "max_length": _("Write it in 300 letters or fewer"),
        },
        widget=forms.Textarea(attrs={"maxlength": 300}),
    )


class TransferForm(forms.Form):
    """`to` is a team, or a team and one of its people: "team" or "team:person"."""

    to = forms.RegexField(
        r"^[0-9a-f-]{36}(:[0-9a-f-]{36})?$",
        label=_("Who looks after the patient from now on"),
        error_messages={"required": _("Choose a team"), "invalid": _("Choose a team from the list")},
    )

    @property
    def team(self) -> str:
        return str(self.cleaned_data["to"]).partition(":")[0]

    @property
    def lead(self) -> str:
        return str(self.cleaned_data["to"]).partition(":")[2]


class FamilyForm(forms.Form):
    person = forms.UUIDField(
        label=_("Member of staff"),
        error_messages={"required": _("Choose who it is"), "invalid": _("Choose who it is")},
    )


class TeamNameForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        error_messages={
            "required": _("Write a name"),
            "max_length": _("Write a name of 80 letters or fewer"),
        },
    )
    name_es = forms.CharField(
        label=_("Name in Spanish"),
        widget=forms.TextInput(attrs={"lang": "es"}),
        help_text=_("Patients who read Spanish see this one. Empty: they see the first."),
        required=False,
        max_length=80,
        error_messages={"max_length": _("Write a name of 80 letters or fewer")},
    )
    purpose = forms.CharField(
        label=_("What it is for"),
        required=False,
        max_length=200,
        error_messages={"max_length": _("Write 200 letters or fewer")},
    )
    purpose_es = forms.CharField(
        label=_("What it is for, in Spanish"),
        widget=forms.TextInput(attrs={"lang": "es"}),
        required=False,
        max_length=200,
        error_messages={"max_length": _("Write 200 letters or fewer")},
    )


class SuccessorForm(forms.Form):
    successor = forms.UUIDField(
        label=_("Which team takes over?"),
        error_messages={"required": _("Choose a team"), "invalid": _("Choose a team from the list")},
    )


def app_words(app: AuthenticatorApp) -> str:
    """Which of several apps, to somebody who is not through the door yet: the day it was added, not its name."""
    day = date_format(timezone.localtime(app.created_at, ZoneInfo(settings.CLINIC_TIME_ZONE)), "DATE_FORMAT")
    return str(_("App added on %(day)s") % {"day": day})
