"""What depends on somebody who leaves is put in order in the transaction in which she leaves.

People, teams and care live here; the work that hangs on them lives above. Whoever keeps such work registers what is to
be done with it, and it is done before the verb that ends a right has committed: nothing waits for somebody who is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from accounts.models.care import CareTeam
    from accounts.models.patient import Patient
    from accounts.models.user import User
    from audit.context import Agent

# A number like any other; it only has to be the same everywhere.
_STANDING = 0x5D1C_0001


@dataclass(frozen=True, slots=True)
class Leaving:
    """Who works less than before, which teams changed, and which patients are looked after differently."""

    by: Agent
    people: tuple[User, ...] = ()
    teams: tuple[CareTeam, ...] = ()
    patients: tuple[Patient, ...] = ()
    # Where their work is wanted from now on, when somebody said so.
    to: CareTeam | None = None


Follower = Callable[[Leaving], None]
_followers: list[Follower] = []


def follow(follower: Follower) -> None:
    """Let `follower` put its own things in order whenever somebody leaves."""
    if follower not in _followers:
        _followers.append(follower)


def settle(change: Leaving) -> None:
    """Put in order what depended on those of `change`. At the end of the verb that changed them, in its transaction."""
    for follower in _followers:
        follower(change)


# Sending reads who is there and writes what that decides; leaving writes who is there and reads what hangs on it.
# Either order is right, both at once would leave work with somebody who is gone. Both take this lock before any other,
# so that none waits for a row while holding what the other one needs. It ends with the transaction.


def as_things_stand() -> None:
    """Until this transaction ends nobody leaves. Many may hold it at once; the first lock of what sends or takes."""
    _take("SELECT pg_advisory_xact_lock_shared(%s)")


def alone() -> None:
    """Wait until nothing is being sent or taken, and let nothing begin. The first lock of whatever ends a right."""
    _take("SELECT pg_advisory_xact_lock(%s)")


def _take(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [_STANDING])
