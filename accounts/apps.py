from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import checks, directory, leaving  # noqa: F401  (registering is what the first two do)
        from accounts.models import authority, lead

        leaving.follow(authority.settle)
        leaving.follow(lead.settle)
