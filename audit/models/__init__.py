"""What the trail and the seal keep in the database."""

from audit.models.data_key import DataKey
from audit.models.event import AuditEvent

__all__ = ["AuditEvent", "DataKey"]
