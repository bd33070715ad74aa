"""What else has to happen when somebody leaves, told by apps that this one does not know.

An app registers what it does when it starts (`AppConfig.ready`); it runs inside the transaction of the verb that shuts
the person out, before her roles and places in teams end. What it raises undoes all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from accounts.models import User
    from audit.context import Agent


class Leave(Protocol):
    def __call__(self, *, user: User, by: Agent) -> None:
        """Put right what this person held. Called once, in a transaction, with her row locked."""


_registered: list[Leave] = []


def on_leaving(leave: Leave) -> Leave:
    """Register what is to run when somebody leaves. Registering the same again changes nothing."""
    if leave not in _registered:
        _registered.append(leave)
    return leave


def leave(*, user: User, by: Agent) -> None:
    for one in _registered:
        one(user=user, by=by)
