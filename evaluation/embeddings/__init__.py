"""Embeddings: what each model makes of a clip, by stated version, shared between recipes."""

from evaluation.embeddings.base import Arrays, AudioClip, Embedding, choices, digest
from evaluation.embeddings.clap import ClapEmbedding, ClapFrames
from evaluation.embeddings.musicnn import MusicnnEmbedding
from evaluation.embeddings.openl3 import OpenL3Embedding
from evaluation.embeddings.passt import PasstEmbedding

__all__ = [
    "Arrays",
    "AudioClip",
    "ClapEmbedding",
    "ClapFrames",
    "Embedding",
    "MusicnnEmbedding",
    "OpenL3Embedding",
    "PasstEmbedding",
    "choices",
    "digest",
]
