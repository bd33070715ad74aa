from __future__ import annotations

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "messaging"

    def ready(self) -> None:
        from accounts import history, leaving, record_pairs
        from accounts.models.countersignature import ask_whether_it_holds_something
        from accounts.models.notification import ask_before_telling
        from messaging import joins, record_states, rerouting
        from messaging.kept_apart import kept_from
        from messaging.models import (
            Attachment,
            Message,
            RefillDecision,
            TeamChange,
            attachment,
            news,
            refill,
        )

        ask_before_telling(Message, news.may_still_be_told)
        ask_before_telling(RefillDecision, refill.may_still_be_told)
        ask_before_telling(Attachment, attachment.may_still_be_told)
        ask_before_telling(TeamChange, rerouting.may_still_be_told)
        leaving.follow(rerouting.settle)
        history.register(kept_from)
        ask_whether_it_holds_something(record_states.holds_something)
        record_pairs.register(count=joins.count, written=joins.written)
