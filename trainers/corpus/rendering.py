"""From notes to sound: MIDI through the fluidsynth program, mono, at an even level."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import pyloudnorm
import soundfile
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from core.errors import FailureError, InputError
from trainers.corpus.piece import Piece
from trainers.corpus.soundfonts import find_soundfont

SAMPLE_RATE = 48_000
TICKS = 960
# Peaks are held below this; what lies between samples stays below 0.95.
CEILING = 0.8
FADE_SECONDS = {"held": 0.25, "faded": 6.0}
_LOOKAHEAD = 240
_LEVEL_PASSES, _LEVEL_TOLERANCE = 3, 0.1


def find_fluidsynth() -> str:
    """Path of the fluidsynth program. Raises InputError naming the Debian package."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise InputError("fluidsynth", "not found", "install it: apt-get install fluidsynth")
    return program


def to_midi(piece: Piece) -> mido.MidiFile:
    """The piece as a MIDI file: one track, one channel a part, drums on channel 10."""
    melodic = iter(channel for channel in range(16) if channel != 9)
    channels = [9 if part.bank == 128 else next(melodic) for part in piece.parts]
    events: list[tuple[int, int, mido.Message]] = []
    for channel, part in zip(channels, piece.parts):
        bank = 0 if part.bank == 128 else part.bank
        for control, value in ((0, bank), (7, part.volume), (91, part.reverb), (93, part.chorus)):
            events.append(
                (
                    0,
                    0,
                    mido.Message("control_change", channel=channel, control=control, value=value),
                )
            )
        events.append((0, 1, mido.Message("program_change", channel=channel, program=part.program)))
    for note in piece.notes:
        channel = channels[note.part]
        begin, end = round(note.start * TICKS), round((note.start + note.length) * TICKS)
        events.append(
            (
                begin,
                3,
                mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity),
            )
        )
        events.append(
            (max(end, begin + 1), 2, mido.Message("note_off", channel=channel, note=note.pitch))
        )
    file = mido.MidiFile(ticks_per_beat=TICKS)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(piece.tempo), time=0))
    now = 0
    for tick, _, message in sorted(events, key=lambda item: item[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    end = round(piece.duration_s * piece.tempo / 60 * TICKS)
    track.append(mido.MetaMessage("end_of_track", time=max(0, end - now)))
    return file


def render(piece: Piece) -> np.ndarray:
    """The piece as sound: [T] float32 at 48 kHz, mono, T = duration x 48,000, peaks below 0.95.

    Raises InputError when fluidsynth or its soundfont is missing, FailureError when it fails.
    """
    program, soundfont = find_fluidsynth(), find_soundfont(piece.soundfont)
    space = piece.space
    settings = {
        "synth.reverb.active": 1,
        "synth.reverb.room-size": space.room_size,
        "synth.reverb.damp": space.damping,
        "synth.reverb.level": space.level,
        "synth.chorus.active": int(space.chorus),
        "synth.cpu-cores": 1,
        "synth.dynamic-sample-loading": 1,  # of a compressed soundfont, a third of the time
    }
    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        score, sound = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        to_midi(piece).save(score)
        command = [
            program,
            "-ni",
            "-q",
            "-g",
            "0.4",
            "-r",
            str(SAMPLE_RATE),
            "-T",
            "wav",
            "-O",
            "float",
            "-F",
            str(sound),
        ]
        for name, value in settings.items():
            command += ["-o", f"{name}={value}"]
        done = subprocess.run(
            [*command, str(soundfont), str(score)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not sound.is_file():
            complaint = done.stderr.strip().splitlines() or ["no message"]
            raise FailureError("fluidsynth", complaint[-1], f"could not render piece {piece.id}")
        stereo, _ = soundfile.read(sound, dtype="float32", always_2d=True)  # [T, 2]
    return master(stereo.mean(axis=1), piece)


def master(mono: np.ndarray, piece: Piece) -> np.ndarray:
    """Cut or pad to the piece's length, fade its last moment, set its level.

    mono: [T] at 48 kHz. Returns [duration x 48,000] float32 at the piece's loudness (or a
    little under it where the limiter holds peaks down).
    """
    length = round(piece.duration_s * SAMPLE_RATE)
    audio = np.zeros(length, np.float64)
    audio[: min(length, len(mono))] = mono[:length]
    fade = round(FADE_SECONDS[piece.ending] * SAMPLE_RATE)
    audio[-fade:] *= np.linspace(1, 0, fade) ** 2
    meter = pyloudnorm.Meter(SAMPLE_RATE)
    # The limiter takes some level away; later passes give it back.
    for _ in range(_LEVEL_PASSES):
        level = meter.integrated_loudness(audio)
        if not np.isfinite(level):
            raise FailureError("piece", piece.id, "rendered to silence; check the soundfont")
        if abs(piece.loudness - level) < _LEVEL_TOLERANCE:
            break
        audio = limit(audio * 10 ** ((piece.loudness - level) / 20), CEILING)
    return audio.astype(np.float32)


def limit(audio: np.ndarray, ceiling: float) -> np.ndarray:
    """Hold |audio| at `ceiling` by a smooth gain that looks 5 ms ahead. audio: [T]."""
    wanted = np.minimum(1.0, ceiling / np.maximum(np.abs(audio), 1e-9))
    held = minimum_filter1d(wanted, 2 * _LOOKAHEAD + 1)
    return audio * uniform_filter1d(held, 2 * _LOOKAHEAD + 1)
