"""Counters of tries. A try is counted before it is looked at, by one statement that no two can split."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, models
from django.utils import timezone


class Spent(NamedTuple):
    used: int
    until: datetime


class TryCounterManager(models.Manager["TryCounter"]):
    def spend(self, bucket: str, *, within: timedelta) -> Spent:
        """Count one try in this bucket. A bucket whose time is over starts again at one."""
        now = timezone.now()
        with connection.cursor() as cursor:
            # One statement, so that 50 tries at once get 50 different numbers.
            cursor.execute(
                """
                INSERT INTO accounts_trycounter AS counter (bucket, used, until) VALUES (%s, 1, %s)
                ON CONFLICT (bucket) DO UPDATE SET
                    used = CASE WHEN counter.until <= %s THEN 1 ELSE counter.used + 1 END,
                    until = CASE WHEN counter.until <= %s THEN excluded.until ELSE counter.until END
                RETURNING used, until
                """,
                [bucket, now + within, now, now],
            )
            used, until = cursor.fetchone()
        return Spent(used, until)

    def used(self, bucket: str) -> int:
        row = self.filter(bucket=bucket, until__gt=timezone.now()).first()
        return row.used if row is not None else 0

    def used_in(self, buckets: list[str]) -> int:
        rows = self.filter(pk__in=buckets, until__gt=timezone.now())
        return sum(rows.values_list("used", flat=True))

    def give_back(self, bucket: str) -> None:
        """A try that turned out right is not held against anybody else who shares the bucket."""
        self.filter(bucket=bucket, used__gt=0).update(used=models.F("used") - 1)

    def forget(self, bucket: str) -> None:
        self.filter(bucket=bucket).update(used=0)


class TryCounter(models.Model):
    """`bucket` is a keyed digest: whose tries these are cannot be read from the table."""

    bucket = models.CharField(primary_key=True, max_length=64)
    used = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)

    objects = TryCounterManager()

    def __str__(self) -> str:
        return f"try counter {self.pk[:8]}"
