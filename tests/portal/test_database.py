from __future__ import annotations

import pytest
from django.db import connection


@pytest.mark.django_db
def test_tests_speak_to_a_real_postgresql():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        user, database = cursor.fetchone()
    assert user == "portal_owner"
    assert database.startswith("test_")
