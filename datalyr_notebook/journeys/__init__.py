"""Journeys: channels, touches and conversions, and the windows that join them."""
