"""What goes in and out of the API. Only these fields exist: anything else in a request is refused."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from rest_framework import serializers

from messaging.models import (
    BODY_LIMIT,
    COMMENT_LIMIT,
    SUBJECT_LIMIT,
    Answer,
    CategoryCode,
    DenialReason,
    RefillState,
    Shown,
)
from messaging.red_flags import Grade

_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")


class TextIn(serializers.CharField):
    """Text as a person wrote it, with the same rules as the pages' own fields."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """A boolean or a number is not a text, although the framework would take it for one."""
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            self.fail("invalid")
        if isinstance(data, str):
            data = unicodedata.normalize("NFC", data).replace("\r\n", "\n").replace("\r", "\n")
            if _UNSEEN.search(data):
                raise serializers.ValidationError(
                    "The text has characters that cannot be kept.", code="hidden_characters"
                )
        return super().run_validation(data)


class Inward(serializers.Serializer[Any]):
    """A request's body. An unknown field is an error: it was meant to do something, and would not."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError(
                {str(name)[:80]: ["There is no such field."] for name in unknown}
            )
        return super().to_internal_value(data)


class SafetyIn(Inward):
    """What the program asked its person and showed her before she sent. A fact for the team; nothing depends on it."""

    answer = serializers.ChoiceField(choices=Answer.choices, required=False, default=Answer.NOT_ASKED)
    shown = serializers.ChoiceField(choices=Shown.choices, required=False, default=Shown.NOTHING)


class ThreadIn(Inward):
    """`form_token`, made by the client, makes a repeated request harmless: it finds the first one's thread.

    Whoever helps several says in `patient` for whom this is; when it is not the one she acts for: 409. Only the
    patient herself may make it `confidential`: kept from her trusted people. `follows` is a finished conversation
    that this one goes on from. `draft` is one of her drafts: its files go along, and it is used up; it has a token of
    its own, and when other words were kept in it since: 409.
    """

    category = serializers.ChoiceField(choices=CategoryCode.choices)
    patient = serializers.UUIDField(required=False, allow_null=True)
    pool = serializers.UUIDField(required=False, allow_null=True)
    subject = TextIn(max_length=SUBJECT_LIMIT)
    body = TextIn(max_length=BODY_LIMIT)
    form_token = serializers.UUIDField(required=False, allow_null=True)
    confidential = serializers.BooleanField(required=False, allow_null=True, default=None)
    follows = serializers.UUIDField(required=False, allow_null=True)
    draft = serializers.UUIDField(required=False, allow_null=True)
    safety = SafetyIn(required=False)


class DraftIn(Inward):
    """A new message that is begun, so that files can be added. `form_token` makes a repeated request harmless."""

    category = serializers.ChoiceField(choices=CategoryCode.choices, required=False, allow_null=True)
    patient = serializers.UUIDField(required=False, allow_null=True)
    form_token = serializers.UUIDField(required=False, allow_null=True)


class MessageIn(Inward):
    """`seen` is the `latest` that the writer knew of; when the thread has moved on the answer is 409."""

    body = TextIn(max_length=BODY_LIMIT)
    seen = serializers.UUIDField(required=False, allow_null=True)
    form_token = serializers.UUIDField(required=False, allow_null=True)
    safety = SafetyIn(required=False)


class RefillIn(Inward):
    prescription = serializers.UUIDField()
    comment = TextIn(max_length=COMMENT_LIMIT, required=False, allow_blank=True, default="")
    form_token = serializers.UUIDField(required=False, allow_null=True)
    safety = SafetyIn(required=False)


class DecisionIn(Inward):
    outcome = serializers.ChoiceField(
        choices=[
            RefillState.APPROVED.value,
            RefillState.APPROVED_WITH_CHANGES.value,
            RefillState.REPLACED.value,
            RefillState.DENIED.value,
        ]
    )
    reason = serializers.ChoiceField(
        choices=DenialReason.choices, required=False, allow_blank=True, default=""
    )
    note = TextIn(max_length=COMMENT_LIMIT, required=False, allow_blank=True, default="")
    quantity = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=9_999
    )
    repeats = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=99
    )


class PersonOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    role = serializers.CharField(source="role_words")
    side = serializers.CharField()


class FileOut(serializers.Serializer[Any]):
    """A file. `state` is what the scanner says: checking, clean, infected, unscanned (the clinic has none)."""

    id = serializers.UUIDField(source="ref")
    name = serializers.CharField()
    kind = serializers.CharField()
    size = serializers.IntegerField()
    state = serializers.CharField(source="scan")
    may_open = serializers.BooleanField()


class FilesIn(serializers.Serializer[Any]):
    """A form, not JSON. `form_token` makes a repeated request harmless."""

    files = serializers.ListField(child=serializers.FileField())
    form_token = serializers.UUIDField(required=False, allow_null=True)


class RefusedFileOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())
    files = FileOut(many=True)


class MessageOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="ref")
    author = PersonOut(allow_null=True)
    side = serializers.CharField()
    is_mine = serializers.BooleanField()
    sent_at = serializers.DateTimeField()
    body = serializers.CharField()
    language = serializers.CharField()
    reply_due_at = serializers.DateTimeField(allow_null=True)
    corrected_at = serializers.DateTimeField(allow_null=True)
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    files = FileOut(many=True)


class ThreadRowOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="ref")
    subject = serializers.CharField()
    preview = serializers.CharField()
    category = serializers.CharField()
    last_message_at = serializers.DateTimeField(required=False)
    is_new = serializers.BooleanField()


class ThreadListOut(serializers.Serializer[Any]):
    results = ThreadRowOut(many=True)
    next = serializers.CharField(allow_blank=True)


class ThreadOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="ref")
    subject = serializers.CharField()
    category = serializers.CharField()
    is_open = serializers.BooleanField()
    outcome = serializers.CharField(allow_blank=True)
    last_message = serializers.UUIDField(source="last_message_ref")
    latest = serializers.UUIDField(
        help_text="The last message, correction or taking back; send it as `seen`."
    )
    earlier = serializers.UUIDField(allow_null=True)
    messages = MessageOut(many=True)


class DecisionOut(serializers.Serializer[Any]):
    outcome = serializers.CharField()
    reason = serializers.CharField(source="reason_words", allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField(allow_null=True)
    repeats = serializers.IntegerField(allow_null=True)
    decided_by = PersonOut()
    decided_at = serializers.DateTimeField()


class RefillOut(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="ref")
    medicine = serializers.CharField()
    directions = serializers.CharField()
    eligibility = serializers.CharField(allow_null=True)
    comment = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    requested_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    decision = DecisionOut(allow_null=True)


class RefillListOut(serializers.Serializer[Any]):
    results = RefillOut(many=True)
    next = serializers.CharField(allow_blank=True)


class SignOut(serializers.Serializer[Any]):
    grade = serializers.ChoiceField(choices=[grade.code for grade in Grade], source="grade.code")
    code = serializers.CharField()
    found = serializers.CharField()


class FindingOut(serializers.Serializer[Any]):
    """Signs of danger in what was sent, most pressing first. Show the help: 988 in a crisis, 911 in an emergency."""

    grade = serializers.ChoiceField(choices=[grade.code for grade in Grade], source="grade.code")
    version = serializers.CharField()
    signs = SignOut(many=True)


class CreatedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class SentOut(CreatedOut):
    """It is sent, whatever `safety` says. None when nothing dangerous was found, or when staff sent it."""

    safety = FindingOut(allow_null=True)


class ProblemOut(serializers.Serializer[Any]):
    """Every answer that is not a success: `code` for programs, `detail` for people, and what is wrong where."""

    code = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    fields = serializers.DictField(required=False)  # type: ignore[assignment]  # the answer's own word
