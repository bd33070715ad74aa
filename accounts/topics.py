"""What people write about. A trust can be limited to some of it, so it is known here, below the messages."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CategoryCode(models.TextChoices):
    """The eight topics a patient can choose from (PT3). Routing keys; the words are what people read."""

    MEDICAL_QUESTION = "medical_question", _("A health question")
    REFILL = "refill", _("A medicine")
    TEST_RESULT = "test_result", _("A test result")
    APPOINTMENT = "appointment", _("A visit")
    REFERRAL = "referral", _("Seeing a specialist")
    FORM_OR_LETTER = "form_or_letter", _("A form or letter")
    BILLING_OR_ADMIN = "billing_or_admin", _("A bill or insurance")
    TECHNICAL_HELP = "technical_help", _("Help with this website")
