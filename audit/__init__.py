"""The promise: what was seen and changed, and the seal on what may be seen."""
