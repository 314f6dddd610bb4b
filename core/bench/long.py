"""`bench long`: time and peak memory of an installed variant against length, 10 s to 8 minutes.

Every length is a fresh `generate` process. The figure is written beside the results as HTML.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from core import variants
from core.bench.measuring import report, results_folder
from core.errors import FailureError
from core.workspace import claim_machine

REPOSITORY = Path(__file__).resolve().parents[2]
LENGTHS = (10.0, 30.0, 60.0, 120.0, 240.0, 480.0)
SECTIONS = (("intro", 0.1), ("verse", 0.4), ("chorus", 0.7), ("verse", 0.9), ("outro", 1.0))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench long`."""
    parser.add_argument("--variant", help="default: nano where installed, else nano-no-flow")
    parser.add_argument("--lengths", type=float, nargs="+", default=LENGTHS, metavar="S")
    parser.add_argument("--dtype", default="fp32", help="of the language model")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    name = args.variant or variants.default()
    with claim_machine():
        rows = [_made(name, seconds, args.dtype) for seconds in args.lengths]
    found = {"variant": name, "dtype": args.dtype, "rows": rows}
    lines = [
        f"{name}, {args.dtype}, standard preset, a fresh process each",
        f"{'seconds':>8}{'rtf':>8}{'compute s':>11}{'peak MB':>9}",
    ]
    lines += [
        f"{r['seconds']:8g}{r['rtf']:8.3f}{r['compute']:11.1f}{r['peak'] / 1e6:9.0f}" for r in rows
    ]
    lines.append(f"figure: {figure(found)}\nNot measured: a GPU.")
    report("long", found, lines, args.json)


def _made(variant: str, seconds: float, dtype: str) -> dict[str, Any]:
    edges = [0.0, *(round(end * seconds, 3) for _, end in SECTIONS)]
    plan = ",".join(
        f"{name}:{start:g}-{end:g}"
        for (name, _), start, end in zip(SECTIONS, edges[:-1], edges[1:])
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "core",
                "generate",
                "--prompt",
                "calm solo piano",
                "--seconds",
                str(seconds),
                "--sections",
                plan,
                "--seed",
                "1",
                "--variant",
                variant,
                "--dtype",
                dtype,
                "--out",
                str(Path(folder) / "piece.wav"),
                "--json",
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if done.returncode:
        raise FailureError(
            "bench long",
            f"{seconds:g} s",
            f"its process ended with code {done.returncode}; see above",
        )
    said = json.loads(done.stdout)
    return {
        "seconds": said["seconds"],
        "rtf": said["rtf"],
        "peak": said["peak_memory_bytes"],
        "compute": round(said["rtf"] * said["seconds"], 2),
        "stages": said["stages"],
    }


def figure(found: dict[str, Any]) -> Path:
    """Draw compute time and peak memory against length, a page beside the results."""
    import plotly.graph_objects as graph
    from plotly.subplots import make_subplots

    rows, path = found["rows"], results_folder() / "long.html"
    lengths = [row["seconds"] for row in rows]
    drawn = make_subplots(specs=[[{"secondary_y": True}]])
    drawn.add_trace(
        graph.Scatter(x=lengths, y=[row["compute"] for row in rows], name="compute time, s")
    )
    drawn.add_trace(
        graph.Scatter(x=lengths, y=[row["peak"] / 1e6 for row in rows], name="peak memory, MB"),
        secondary_y=True,
    )
    drawn.update_xaxes(title="length of the piece, s")
    drawn.update_yaxes(title="compute time, s", secondary_y=False, rangemode="tozero")
    drawn.update_yaxes(title="peak memory, MB", secondary_y=True, rangemode="tozero")
    drawn.update_layout(title=f"{found['variant']}, {found['dtype']}: cost against length")
    drawn.write_html(path, include_plotlyjs=True)
    return path
