"""A slow second implementation of stitching, journeys and five models: tests ask it for the right answer."""
