from __future__ import annotations

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from accounts import history, leaving
        from accounts.models.notification import ask_before_telling
        from messaging import rerouting
        from messaging.kept_apart import kept_from
        from messaging.models import Message, RefillDecision, TeamChange, refill, thread

        ask_before_telling(Message, thread.may_still_be_told)
        ask_before_telling(RefillDecision, refill.may_still_be_told)
        ask_before_telling(TeamChange, rerouting.may_still_be_told)
        leaving.follow(rerouting.settle)
        history.register(kept_from)
