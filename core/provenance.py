"""Where a file of sound comes from: a signed C2PA manifest in it, written and read back.

WAV, FLAC and MP3 files carry a manifest (C2PA 2.x) that says: made by a trained model, from this
request, perhaps with that upload as an ingredient. The signature covers the whole file, tags
included, so sign last. Nothing here uses the network.

A valid signature proves that the file is as its signer left it; who the signer is, only a known
certificate proves. The studio's own is made at first use and vouches for nothing outside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import numpy as np

from core import audio
from core.errors import FailureError, InputError
from core.files import replacing
from core.signing import Credentials

MIME = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg"}
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
REQUEST, SOUND = "org.inspiremusic.request", "org.inspiremusic.sound"
VALID, CHANGED, NONE = "valid", "changed", "none"
GENERATOR = {"name": "InspireMusic studio"}
UNTRUSTED = "signingCredential.untrusted"  # every certificate that no list names
LEVELS = 64  # of a file, by which its sound is told from another's
SAME_LEVELS = 1.0  # dB that they may differ by, on average, in the same sound
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True)
class Provenance:
    """What a file says of itself.

    Attributes:
        provenance: "valid" (signed and whole), "changed" (signed, but no longer what was signed)
            or "none".
        reason: in what way, one sentence.
        signer: name in the signing certificate.
        trusted: whether it is the certificate of this studio (or its operator).
        request: what was asked for, when it says so.
        ingredients: titles of what else went in.
    """

    provenance: str
    reason: str
    signer: str | None = None
    trusted: bool = False
    request: dict[str, Any] | None = None
    ingredients: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def sign(
    file: Path | str,
    request: Mapping[str, Any],
    ingredient: Path | str | None = None,
    credentials: Credentials | None = None,
) -> Path:
    """Put a signed manifest into a finished file, tags written.

    Args:
        request: plain data of the request; it may be read by anyone who has the file, so leave
            out what should not leave this machine.
        ingredient: a file of sound that the music goes on from.
        credentials: None: this studio's (see `core.signing`).

    Raises: InputError for a format without manifests; FailureError when signing fails (the file
        stays as it was).
    """
    path = Path(file)
    mime = MIME.get(path.suffix.lower())
    if mime is None:
        raise InputError("format", path.suffix, "carries no manifest; use " + ", ".join(MIME))
    used = credentials or Credentials.of_studio()
    try:
        builder = c2pa.Builder(_manifest(path, request, ingredient is not None))
        if ingredient is not None:
            _add_ingredient(builder, Path(ingredient))
        with replacing(path) as fresh, open(path, "rb") as source, open(fresh, "wb+") as target:
            builder.sign(used.signer(), mime, source, target)
    except (c2pa.C2paError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise FailureError("manifest", path.name, f"could not be signed ({said})") from error
    return path


def verify(file: Path | str, credentials: Credentials | None = None) -> Provenance:
    """Read a file's manifest back and check it, without the network.

    Args:
        credentials: whose certificate counts as trusted; None: this studio's, if it has any.

    Raises: InputError for a file that is no WAV, FLAC or MP3.
    """
    path = Path(file)
    mime = _mime(path)
    try:
        context = c2pa.Context.from_dict(_settings(credentials or Credentials.existing()))
        with open(path, "rb") as stream:
            reader = c2pa.Reader.try_create(mime, stream, context=context)
            if reader is None:
                return Provenance(NONE, "the file carries no manifest")
            with reader:
                store = json.loads(reader.json())
                state = reader.get_validation_state()
    except c2pa.C2paError as error:
        said = " ".join(str(error).split())[:120]
        return Provenance(CHANGED, f"the manifest itself is damaged ({said})")
    return _judged(path, store, str(state))


def _judged(path: Path, store: dict[str, Any], state: str) -> Provenance:
    """The library's verdict in our words."""
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    said = {a["label"]: a.get("data", {}) for a in manifest.get("assertions", ())}
    about: dict[str, Any] = {
        "signer": (manifest.get("signature_info") or {}).get("common_name"),
        "trusted": state == "Trusted",
        "request": _inner(said.get(REQUEST)),
        "ingredients": tuple(i.get("title", "") for i in manifest.get("ingredients", ())),
    }
    if state in ("Valid", "Trusted"):
        return Provenance(VALID, "signed, and whole since", **about)
    failed = {s["code"] for s in store.get("validation_status", ())} - {UNTRUSTED}
    if not failed <= {"assertion.dataHash.mismatch"}:
        return Provenance(
            CHANGED, f"the manifest was changed ({', '.join(sorted(failed))})", **about
        )
    return Provenance(CHANGED, _difference(path, _inner(said.get(SOUND))), **about)


def _difference(path: Path, signed: dict[str, Any] | None) -> str:
    """In what a file with a good signature differs from what was signed."""
    try:
        found = _about_sound(path)
    except InputError:
        return "what was signed can no longer be played"
    if signed is None:
        return "the file is not what was signed"
    if found["sha256"] == signed.get("sha256"):
        return "the sound is what was signed; tags or other parts of the file were changed"
    lengths = signed.get("samples"), signed.get("sample_rate")
    gaps = np.abs(np.subtract(found["levels"], signed.get("levels") or [np.inf] * LEVELS))
    if (found["samples"], found["sample_rate"]) == lengths and gaps.mean() <= SAME_LEVELS:
        return "the sound was changed after it was signed"
    return "the manifest belongs to another sound"


def _manifest(path: Path, request: Mapping[str, Any], continues: bool) -> dict[str, Any]:
    agent = {"name": f"InspireMusic {request.get('variant', '')}".strip()}
    created: dict[str, Any] = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": agent,
    }
    if continues:
        created["parameters"] = {"ingredientIds": ["continued"]}
    return {
        "claim_generator_info": [GENERATOR],
        "title": path.name,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            # As text: in CBOR a list of small numbers would come back as bytes.
            {"label": REQUEST, "data": {"json": json.dumps(dict(request))}},
            {"label": SOUND, "data": {"json": json.dumps(_about_sound(path))}},
        ],
    }


def _add_ingredient(builder: c2pa.Builder, path: Path) -> None:
    about = {"title": path.name, "relationship": "inputTo", "label": "continued"}
    if path.suffix.lower() in MIME:
        with open(path, "rb") as file:
            builder.add_ingredient(about, _mime(path), file)
        return
    sound = audio.read(path)  # of a format that the library does not know
    stream = BytesIO(audio.as_wav_bytes(sound.samples, sound.sample_rate))
    builder.add_ingredient(about, MIME[".wav"], stream)


def _about_sound(path: Path) -> dict[str, Any]:
    """What tells this sound from another: its samples' hash, its length and its levels in dB."""
    sound = audio.read(path)
    parts = np.array_split(sound.mono(), LEVELS)
    levels = [round(20 * np.log10(audio.rms(part) + 1e-5), 2) for part in parts]
    return {
        "sha256": hashlib.sha256(np.ascontiguousarray(sound.samples).tobytes()).hexdigest(),
        "samples": int(sound.samples.shape[1]),
        "sample_rate": sound.sample_rate,
        "levels": levels,
    }


def _inner(assertion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    try:
        read = json.loads((assertion or {})["json"])
    except (KeyError, TypeError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def _settings(trusted: Credentials | None) -> dict[str, Any]:
    if trusted is None:
        return OFFLINE
    return {**OFFLINE, "trust": {"trust_anchors": trusted.anchors.decode()}}


def _mime(path: Path) -> str:
    """The format of a file by its content.

    Raises: InputError for another one, or none.
    """
    if not path.is_file():
        raise InputError("audio file", path.name, "does not exist; check the path")
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:3] == b"ID3" and len(head) >= 10:  # before FLAC and MP3 alike
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0)))
            file.seek(10 + size)
            head = file.read(4).ljust(4, b"\0")
            if head != b"fLaC":
                return MIME[".mp3"]
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return MIME[".wav"]
    if head[:4] == b"fLaC":
        return MIME[".flac"]
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return MIME[".mp3"]
    raise InputError("audio file", path.name, "is no WAV, FLAC or MP3, which alone carry manifests")
