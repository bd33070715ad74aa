"""How many wrong tries before a door stays shut, and how much somebody does in a while. Right tries are given back."""

from __future__ import annotations

from datetime import timedelta

TRY_LIMITS = {
    "password-account": (10, timedelta(minutes=15)),
    "password-address": (60, timedelta(minutes=15)),
    "code-account": (5, timedelta(minutes=15)),
    "recovery-account": (5, timedelta(minutes=15)),
    # From browsers that are new to an account these two are all there is: 20 wrong codes a day over all roads.
    "code-account-day": (14, timedelta(days=1)),
    "recovery-account-day": (6, timedelta(days=1)),
    # A browser she has signed in with before counts for itself, so a guesser elsewhere cannot shut her out. It may be
    # a thief's by now, so it has a day, too.
    "code-device-day": (40, timedelta(days=1)),
    "recovery-device-day": (12, timedelta(days=1)),
    "password-device": (10, timedelta(minutes=15)),
    "code-device": (5, timedelta(minutes=15)),
    "recovery-device": (5, timedelta(minutes=15)),
    # Of somebody signed in, whom no guesser at the door may stop; and of what is being set up.
    "password-session": (10, timedelta(minutes=15)),
    "passkey-session": (30, timedelta(minutes=15)),
    "set-up-session": (5, timedelta(minutes=15)),
    "code-address": (60, timedelta(minutes=15)),
    "reset-account": (3, timedelta(hours=1)),
    "reset-address": (30, timedelta(hours=1)),
    "contact-account": (5, timedelta(hours=1)),
    "identity-check": (10, timedelta(hours=1)),
    # Numbers at the desk that led to nobody.
    "record-number": (30, timedelta(hours=1)),
    "passkey-address": (60, timedelta(minutes=15)),
    # Of one code, whether there is such an invitation or not; and how many mails one invitation may cause.
    "join-code": (8, timedelta(days=3)),
    # Of one record, also when it is invited to anew: a new code is a second chance, and no more than that.
    "join-record": (16, timedelta(days=3)),
    "join-address": (30, timedelta(minutes=15)),
    "join-mail": (5, timedelta(days=1)),
    "record-look-up": (60, timedelta(hours=1)),
    # By account, over pages and API together: more than anybody does by hand, less than a script would.
    "write-patient": (120, timedelta(hours=1)),
    "write-team": (1_200, timedelta(hours=1)),
    "search": (120, timedelta(hours=1)),
    "save-conversation": (30, timedelta(hours=1)),
    # Holds a worker for as long as it takes to send.
    "save-with-files": (10, timedelta(hours=1)),
    "add-file": (120, timedelta(hours=1)),
}
