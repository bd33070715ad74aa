from __future__ import annotations

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from accounts import history
        from accounts.models.notification import ask_before_telling
        from messaging.access import kept_from
        from messaging.models import Message, RefillDecision, refill, thread

        ask_before_telling(Message, thread.may_still_be_told)
        ask_before_telling(RefillDecision, refill.may_still_be_told)
        history.register(kept_from)
