"""Moods: how they sound (valence, energy) and how people name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mood:
    """valence -1 (sad) .. 1 (happy) decides the mode, energy 0..1 tempo, density and level."""

    valence: float
    energy: float
    words: tuple[str, ...]


MOODS: dict[str, Mood] = {
    "happy": Mood(0.9, 0.65, ("happy", "cheerful", "joyful", "positive", "fun")),
    "playful": Mood(0.7, 0.55, ("playful", "fun", "animated", "charming", "buoyant")),
    "uplifting": Mood(0.8, 0.75, ("uplifting", "inspiring", "vibrant", "spirited", "upbeat")),
    "energetic": Mood(0.3, 0.95, ("energetic", "lively", "exciting", "enthusiastic", "vivacious")),
    "groovy": Mood(0.4, 0.7, ("groovy", "funky", "danceable", "catchy", "addictive")),
    "festive": Mood(0.9, 0.85, ("festive", "lively", "joyful", "vibrant", "youthful")),
    "calm": Mood(0.3, 0.15, ("calm", "relaxing", "calming", "soothing", "gentle")),
    "peaceful": Mood(0.5, 0.1, ("peaceful", "tranquil", "serene", "soft", "meditative")),
    "romantic": Mood(0.4, 0.3, ("romantic", "sentimental", "heartfelt", "passionate", "warm")),
    "nostalgic": Mood(0.0, 0.35, ("nostalgic", "wistful", "bittersweet", "reflective", "mellow")),
    "dreamy": Mood(0.2, 0.25, ("dreamy", "ethereal", "floating", "hypnotic", "trippy")),
    "easygoing": Mood(0.5, 0.4, ("easygoing", "laid-back", "chill", "pleasant", "mellow")),
    "sad": Mood(-0.8, 0.15, ("sad", "sorrowful", "emotional", "heart-touching", "poignant")),
    "melancholic": Mood(-0.6, 0.3, ("melancholic", "pensive", "wistful", "emotional", "longing")),
    "mysterious": Mood(-0.5, 0.35, ("mysterious", "eerie", "haunting", "mystical", "spooky")),
    "tense": Mood(-0.7, 0.65, ("tense", "suspenseful", "ominous", "dramatic", "intense")),
    "dark": Mood(-0.8, 0.6, ("dark", "sinister", "ominous", "brooding", "moody")),
    "epic": Mood(-0.1, 0.9, ("epic", "powerful", "heroic", "majestic", "dramatic")),
    "aggressive": Mood(-0.7, 1.0, ("aggressive", "intense", "angry", "violent", "harsh")),
    "futuristic": Mood(-0.1, 0.7, ("futuristic", "pulsating", "electrifying", "hypnotic", "cool")),
}
