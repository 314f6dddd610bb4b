"""Embeddings: what each model makes of a clip, by stated version, shared between recipes."""

from evaluation.embeddings.base import Arrays, AudioClip, Embedding, choices, digest
from evaluation.embeddings.clap import ClapEmbedding, ClapFrames
from evaluation.embeddings.hearing import HearingEmbedding, NotesEmbedding, SoundEmbedding, roll_of
from evaluation.embeddings.musicnn import MusicnnEmbedding
from evaluation.embeddings.openl3 import OpenL3Embedding
from evaluation.embeddings.passt import PasstEmbedding
from evaluation.embeddings.ratings import AudioboxRatings, MuqEvalRatings, RatesClips
from evaluation.embeddings.self_supervised import HiddenStates, MulanEmbedding

__all__ = [
    "Arrays",
    "AudioClip",
    "AudioboxRatings",
    "ClapEmbedding",
    "ClapFrames",
    "Embedding",
    "HiddenStates",
    "MulanEmbedding",
    "MuqEvalRatings",
    "HearingEmbedding",
    "MusicnnEmbedding",
    "NotesEmbedding",
    "OpenL3Embedding",
    "PasstEmbedding",
    "RatesClips",
    "SoundEmbedding",
    "choices",
    "digest",
    "roll_of",
]
