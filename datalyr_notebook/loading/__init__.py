"""Reading events: wire payloads, files and flat tables become one canonical events table."""
