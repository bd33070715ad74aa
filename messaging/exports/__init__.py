"""A conversation on paper and as data, to keep: the same bytes for the same content, and a way to check them."""
