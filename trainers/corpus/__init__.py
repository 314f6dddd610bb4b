"""A procedural corpus: seeded pieces of music whose facts are exact, their sound, their captions.

`compose` makes a piece, `render` its sound at 48 kHz, `captions` what people might write to ask
for it; `python -m trainers corpus` writes a folder of them.
"""

from trainers.corpus.captions import captions
from trainers.corpus.catalogue import STYLES
from trainers.corpus.composer import compose
from trainers.corpus.piece import FormSection, Note, Part, Piece, split_of
from trainers.corpus.rendering import SAMPLE_RATE, render

__all__ = [
    "Note",
    "Part",
    "Piece",
    "SAMPLE_RATE",
    "STYLES",
    "FormSection",
    "captions",
    "compose",
    "render",
    "split_of",
]
