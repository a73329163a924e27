"""How far apart two colors are, as WCAG 2 measures it: the oracle of what can be seen and read."""

from __future__ import annotations

WHITE, DARK = "#FFFFFF", "#111111"
"""The pages that a figure may stand on."""


def contrast(one: str, other: str) -> float:
    """The contrast of two colors ("#RRGGBB"), 1 to 21: 4.5 is enough for texts, 3 for marks."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
