"""Where sealed files lie, as Django's storages want it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def file_store(url: str) -> dict[str, Any]:
    """Where sealed files lie: `file:///folder`, or `s3://bucket/prefix?region=…&endpoint=…` with AWS's variables."""
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/") and parts.path != "/":
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": unquote(parts.path),
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    if parts.scheme != "s3" or not parts.hostname:
        raise ImproperlyConfigured("FILES_URL is neither file:///folder nor s3://bucket.")
    if find_spec("boto3") is None:
        raise ImproperlyConfigured(
            "FILES_URL is an S3 bucket, and boto3 is not installed: pip install boto3."
        )
    wishes = dict(parse_qsl(parts.query))
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": parts.path.strip("/"),
            "region_name": wishes.get("region") or None,
            "endpoint_url": wishes.get("endpoint") or None,
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
            "object_parameters": {"ContentType": "application/octet-stream"},
            "max_memory_size": 1_000_000,
        },
    }
