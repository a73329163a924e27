"""Whose event is it: evidence of links, policies, canonical ids, and the stitch kernel."""
