"""Prompts that nano does well, shown as examples."""

PROMPTS = (
    "calm solo piano, slow, minor key",
    "upbeat electronic dance music, driving drums, 128 bpm",
    "gentle acoustic guitar ballad, warm and peaceful",
    "orchestral strings, sad, slow tempo",
    "funky bass groove with drums, energetic",
    "ambient pads, dreamy and spacious",
)
LIMITS = ("nano v0 makes short instrumental textures from English prompts; it hardly follows the "
          "style asked for yet. It cannot sing, and does not understand other languages.")
