"""`python -m trainers tokenise` and `extract`: sound to shards of tokens and latents."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from core.errors import InputError
from trainers.data import audio_store, extraction
from trainers.data.extraction import ExtractionOptions, WorkUnit
from trainers.data.extraction_bench import floor_report
from trainers.data.extraction_sources import folder_units, mono, webdataset_units
from trainers.data.files import write_atomic
from trainers.data.places import ShardTarget
from trainers.data.shards import is_address
from trainers.data.text_tokenizer import train_text_tokenizer


def tokenise(argv: list[str]) -> int:
    """WavTokenizer tokens of a store's pieces as WebDataset shards, and a text tokenizer. Stopped,
    the same command goes on."""
    parser = argparse.ArgumentParser("python -m trainers tokenise", description=tokenise.__doc__)
    parser.add_argument("corpus", type=Path, help="folder with ID.json")
    parser.add_argument("store", type=Path, help="audio store at the tokenizer's rate")
    parser.add_argument("model", type=Path, help="folder with wavtokenizer.safetensors")
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--hificodec",
        type=Path,
        help="folder with hificodec.safetensors: latents are made too, from the corpus's own files",
    )
    parser.add_argument("--text-entries", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    options = ExtractionOptions(args.model, args.hificodec, args.workers)
    codecs = _codecs(options)
    stored = audio_store.AudioStore(args.store)
    ids = [entry.id for entry in stored.entries]
    read = functools.partial(_of_store, args.store, args.corpus, stored.sample_rate)
    units = folder_units(args.corpus, ids, codecs, read)
    done = extraction.extract(units, ShardTarget(args.out), options, codecs)
    extraction.remove_old(units, ShardTarget(args.out))
    entries = _text_tokenizer(args.corpus, ids, args.text_entries, args.out)
    print(json.dumps({"pieces": len(ids), "made": done["pieces"], "text_entries": entries}))
    return 0


def extract(argv: list[str]) -> int:
    """Tokens (and latents) of a corpus folder, or of WebDataset tars of sound, as WebDataset
    shards: in many processes, on many machines, without a store between. Stopped, the same command
    goes on."""
    parser = argparse.ArgumentParser("python -m trainers extract", description=extract.__doc__)
    parser.add_argument(
        "source",
        help="a corpus folder (ID.flac, ID.json), a folder of tars, or addresses of tars "
        "(https://, hf://, s3://; {00000..00099} for a range) of sound with json or txt",
    )
    parser.add_argument("out", help="a folder, or an address that fsspec writes")
    parser.add_argument("--wavtokenizer", type=Path, required=True, help="model folder")
    parser.add_argument("--hificodec", type=Path, help="model folder; latents are made too")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each")
    parser.add_argument("--batch", type=int, default=1, help="pieces of equal length together")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--part", default="0/1", help="I/N: this machine's share of the shards, I from 0"
    )
    parser.add_argument("--text-entries", type=int, help="also train a text tokenizer so large")
    parser.add_argument(
        "--validation", type=float, default=0.01, help="share held out where the json says none"
    )
    parser.add_argument(
        "--floor",
        action="store_true",
        help="only time the codecs, and print the rate beside their arithmetic at this machine's "
        "matrix product",
    )
    args = parser.parse_args(argv)
    share = args.part.split("/")
    if len(share) != 2 or not all(text.isdigit() for text in share):
        raise InputError("part", args.part, "give I/N, as 0/4")
    if not 0 <= args.validation < 1:
        raise InputError("validation", args.validation, "give a share from 0 to below 1")
    options = ExtractionOptions(
        args.wavtokenizer,
        args.hificodec,
        args.workers,
        args.batch,
        args.device,
        int(share[0]),
        int(share[1]),
    )
    if args.floor:
        print(floor_report(options))
        return 0
    codecs, out = _codecs(options), ShardTarget(args.out)
    units, ids = _units(args.source, codecs, args.validation)
    done = extraction.extract(units, out, options, codecs)
    entries = 0
    if args.text_entries and out.folder is not None and ids:
        entries = _text_tokenizer(Path(args.source), ids, args.text_entries, out.folder)
    complete = extraction.all_done(units, out)
    if complete and ids:
        extraction.remove_old(units, out)
    left = "" if complete else "; shards of other parts are still to come"
    print(f"{done['shards']} shards made{left}", file=sys.stderr)
    print(json.dumps({**done, "text_entries": entries, "complete": complete}))
    return 0


def _units(
    source: str, codecs: dict[str, str], validation: float
) -> tuple[list[WorkUnit], list[str]]:
    """(work, ids of a corpus folder or nothing)."""
    if not is_address(source) and not any(Path(source).glob("*.tar")):
        ids = [name for name, _, _ in audio_store.corpus_files(Path(source))]
        if not ids:
            raise InputError("source", source, "holds neither pieces (ID.flac, ID.json) nor tars")
        return folder_units(Path(source), ids, codecs), ids
    return webdataset_units(source, codecs, validation), []


def _codecs(options: ExtractionOptions) -> dict[str, str]:
    """component -> digest of its weights."""
    made = {"wavtokenizer": extraction.codec_digest(options.wavtokenizer, "wavtokenizer")}
    if options.hificodec is not None:
        made["hificodec"] = extraction.codec_digest(options.hificodec, "hificodec")
    return made


def _of_store(folder: Path, corpus: Path, rate: int, name: str, wanted: int) -> np.ndarray:
    """A piece's sound from the store; from the corpus's own file at another rate."""
    if wanted != rate:
        return mono(corpus / f"{name}.flac", wanted)
    stored, entries = _opened(folder)
    return stored.piece(entries[name])


@functools.cache
def _opened(folder: Path) -> tuple[audio_store.AudioStore, dict[str, audio_store.StoredPiece]]:
    stored = audio_store.AudioStore(folder)
    return stored, {entry.id: entry for entry in stored.entries}


def _text_tokenizer(corpus: Path, ids: Iterable[str], entries: int, out: Path) -> int:
    """Train one on the training captions; returns its entries."""
    captions: list[str] = []
    for name in ids:
        about = json.loads((corpus / f"{name}.json").read_text(encoding="utf-8"))
        if about["split"] == "train":
            captions.extend(about["captions"])
    fresh = out / ".tokenizer.part.json"
    made = train_text_tokenizer(captions, entries, fresh)
    write_atomic(out / "tokenizer.json", fresh.read_bytes())
    fresh.unlink()
    return int(made.get_vocab_size())
