"""`inspect` and `convert` of the command line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.errors import FailureError

DTYPES = ("fp32", "fp16", "bf16")


def inspect_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `inspect`."""
    parser.add_argument("folder", metavar="DIR", help="a model folder, or a variant's name")


def inspect(args: argparse.Namespace) -> None:
    """Print what a folder holds. FailureError (after the report) when something is wrong in it."""
    from core import variants
    from core.checkpoints import inspection

    folder = Path(args.folder)
    if not folder.is_dir() and args.folder in variants.known():
        folder = variants.folder_of(variants.get(args.folder))
    report = inspection.inspect(folder)
    if args.json:
        print(json.dumps(report.as_dict()))
        return
    print(f"{report.folder}: {report.layout} layout, text tokenizer: {report.text_tokenizer}")
    for part in report.components:
        if part.trouble:
            print(f"  {part.name:16}{part.trouble}")
            continue
        stored = ", ".join(f"{n} {kind}" for kind, n in (part.dtypes or {}).items())
        print(
            f"  {part.name:16}{part.parameters:>13,} numbers  ({stored})  {part.rate}"
            f"{f'  {part.unused} known unused' if part.unused else ''}"
        )
        for title, names in (
            ("missing", part.missing),
            ("unexpected", part.unexpected),
            ("wrong shape", part.wrong_shape),
        ):
            for name in names:
                print(f"    {title}: {name}")
    for dtype, size in report.memory_bytes.items():
        print(f"  memory with a {dtype} language model: about {size / 1e9:.2f} GB")
    if not report.whole:
        broken = ", ".join(part.name for part in report.components if not part.whole)
        raise FailureError(
            "model folder", report.folder, f"cannot be used: {broken}; fetch it again"
        )


def convert_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `convert`."""
    parser.add_argument("source", metavar="IN", type=Path, help="a model folder of either layout")
    parser.add_argument("target", metavar="OUT", type=Path, help="the folder to make")
    parser.add_argument("--dtype", choices=DTYPES, help="store used tensors so; default: as is")


def convert(args: argparse.Namespace) -> None:
    """Convert to the other layout."""
    import torch

    from core.checkpoints.conversion import convert as convert_folder

    kinds = dict(zip(DTYPES, (torch.float32, torch.float16, torch.bfloat16)))
    layout = convert_folder(args.source, args.target, kinds.get(args.dtype))
    about = {"in": str(args.source), "out": str(args.target), "layout": layout}
    print(json.dumps(about) if args.json else f"{args.target}: {layout} layout")
