"""The second door: the same access, the same verbs, the same records as the pages, as JSON under /api/v1/."""
