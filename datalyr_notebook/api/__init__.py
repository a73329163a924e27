"""Pulling data from the Datalyr API, and a sandbox that serves the same on this machine."""
