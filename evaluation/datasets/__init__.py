"""Datasets: readers that yield items and say what is missing."""

from evaluation.datasets.arrow import audio_files_of
from evaluation.datasets.audio_folder import AudioFolder
from evaluation.datasets.captioned_folder import read_audio_files, read_captioned_folder, read_ids
from evaluation.datasets.comparison_checks import (
    ComparisonProblem,
    EmbeddedChannels,
    check_comparison,
    load_reference_arrays,
    refuse,
)
from evaluation.datasets.inspection import AudioFacts, FolderReport, inspect_folder
from evaluation.datasets.item import Dataset, Item, Presence, check_id, check_unique
from evaluation.datasets.manifest import Manifest, read_manifest, write_manifest
from evaluation.datasets.musiccaps import aspects, read_musiccaps
from evaluation.datasets.song_describer import read_song_describer

__all__ = [
    "AudioFacts",
    "AudioFolder",
    "Dataset",
    "EmbeddedChannels",
    "FolderReport",
    "Item",
    "Manifest",
    "Presence",
    "ComparisonProblem",
    "aspects",
    "audio_files_of",
    "check_comparison",
    "check_id",
    "check_unique",
    "inspect_folder",
    "load_reference_arrays",
    "read_audio_files",
    "read_captioned_folder",
    "read_ids",
    "read_manifest",
    "read_musiccaps",
    "read_song_describer",
    "refuse",
    "write_manifest",
]
