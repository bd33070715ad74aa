"""The base of every refusal: a rule said no, in words a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


class Refusal(Exception):
    """A rule said no before anything was written.

    `code` is for programs and never changes; `status` is the HTTP answer; `words` is for the person,
    names no one and holds no health information, so it may be logged.
    """

    code: str = "refused"
    status: int = 409
    words: str | _StrPromise = _("That cannot be done now.")

    def __init__(self) -> None:
        super().__init__(self.code)
