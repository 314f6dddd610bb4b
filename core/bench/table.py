"""`bench table`: the last results of the other benches as a Markdown table for the README.

It measures nothing; a bench that has not run here says so. Time and memory against length are
drawn too, from the last `bench long`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from core.bench.long import figure
from core.bench.measuring import results_folder
from core.bench.srfm import WAYS

Row = tuple[str, str, str]  # what, measured, limit


def arguments(parser: argparse.ArgumentParser) -> None:
    """`bench table` has none of its own."""


def run(args: argparse.Namespace) -> None:
    """Print the table."""
    rows: list[tuple[str, str, str, str]] = []
    machines: dict[str, list[str]] = {}
    for name, read in READERS.items():
        path = results_folder() / f"{name}.json"
        command = f"`python -m core bench {name}`"
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            machines.setdefault(found["on"], []).append(name)
            rows += [(*row, command) for row in read(found)]
        else:
            rows.append((name, "not measured here", "", command))
    if args.json:
        print(json.dumps([list(row) for row in rows]))
        return
    for row in (("what", "measured", "wanted", "command"), ("---",) * 4, *rows):
        print("| " + " | ".join(row) + " |")
    for machine, names in machines.items():
        print(f"\nMeasured on {machine}: {', '.join(names)}.")
    print(
        "\nNot measured: a GPU; the released weights; all steps of a full-size flow of 60 s (one "
        "is timed)."
    )
    lengths = results_folder() / "long.json"
    if lengths.is_file():
        path = figure(json.loads(lengths.read_text(encoding="utf-8")))
        print(f"Time and memory against length: {path}", file=sys.stderr)


def _decode(found: dict[str, Any]) -> list[Row]:
    wanted = {"ours bf16": ">= 1.6", "ours int8": ">= 3"}
    same = (
        "0.5B decoding, fp32: largest difference of log-probabilities to the plain loop",
        f"{found['fp32_difference']:.1e}",
        "<= 1e-4",
    )
    return [same] + [
        (
            f"0.5B decoding at batch 2, {name} (random weights)",
            f"{row['milliseconds']:g} ms a step, {row['times_plain_bf16']:.3g} x plain "
            f"bf16, {row['of_read_rate']:.0%} of the memory's rate",
            wanted.get(name, ""),
        )
        for name, row in found["loops"].items()
    ]


def _srfm(found: dict[str, Any]) -> list[Row]:
    what = f"flow of {found['seconds']:g} s, full size (random weights)"
    rows = [
        (
            f"{what}, {WAYS[way]}",
            f"{row['seconds']:g} s for {found['steps']} steps, {row['times_official']:.3g} x the "
            f"official computation, {row['times_full']:.3g} x our full attention, "
            f"{row['of_ceiling']:.0%} of the machine's rate",
            ">= 4 x official" if way.startswith("windows") else "",
        )
        for way, row in found["ways"].items()
    ]
    if "memory_ratio" in found:
        lengths = list(found["memory"])
        rows.append(
            (
                f"flow, peak memory at {lengths[-1]} s over {lengths[0]} s",
                f"{found['memory_ratio']:g}",
                "<= 1.3",
            )
        )
    return rows


def _nano(found: dict[str, Any]) -> list[Row]:
    what = f"{found['variant']}, {found['seconds']:g} s, standard"
    return [
        (what, f"rtf {found['rtf']:g}", "<= 0.6"),
        (what, f"first sound after {found['first_sound']:g} s", "<= 3 s"),
        (what, f"a cancel waits {found['cancel']:g} s at most", "<= 0.5 s"),
        (
            f"{found['variant']}, {found['batch_seconds']:g} s, four at once",
            f"decoding {found['decode_ratio']:g} x one, end to end "
            f"{found['whole_ratio']:g} x, tokens equal: {found['tokens_equal']}",
            "<= 2.2 x",
        ),
    ]


def _long(found: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{found['variant']}, {row['seconds']:g} s",
            f"{row['compute']:g} s, {row['peak'] / 1e6:.0f} MB",
            "<= 1500 MB at 480 s" if row["seconds"] >= 480 else "",
        )
        for row in found["rows"]
    ]


def _accuracy(found: dict[str, Any]) -> list[Row]:
    what = f"{found['variant']}'s tokens, {found['clips']} held-out clips of {found['seconds']:g} s"
    return [
        (
            f"{what}, {dtype}",
            f"{row['nats']['mean']:+.4f} nats a token, drawn token the same "
            f"{row['drawn']['mean']:.1%}",
            "",
        )
        for dtype, row in found["dtypes"].items()
    ]


def _windows(found: dict[str, Any]) -> list[Row]:
    chosen, what = found["windows"][0], f"{found['variant']}'s SRFM, {found['clips']} clips"
    rows = [
        (
            f"{what}, windows of {chosen['window']} tokens, {chosen['overlap']} before and "
            f"{chosen['lookahead']} after",
            f"distance to full attention "
            f"{chosen['distance']['mean']:.3f}, flux rank at joins "
            f"{chosen['flux_rank']['mean']:.2f} (full attention there "
            f"{chosen['flux_rank_full']['mean']:.2f})",
            "",
        )
    ]
    rows.append(
        (
            f"{what}, bf16 instead of fp32",
            f"distance to fp32, full attention {found['bf16']['mean']:.3f}",
            "",
        )
    )
    return rows + [
        (
            f"{what}, preset {row['preset']} ({row['name']})",
            f"distance to 100 steps {row['distance']['mean']:.3f}",
            "",
        )
        for row in found["solvers"]
        if row["preset"]
    ]


def _codec(found: dict[str, Any]) -> list[Row]:
    return [
        (
            f"{row['part']}, {found['seconds']:g} s",
            f"{row['difference']:.1e} ({row['is']})",
            f"<= {found['limit']:g}" if row["exact"] else "",
        )
        for row in found["rows"]
    ]


READERS: dict[str, Callable[[dict[str, Any]], list[Row]]] = {
    "decode": _decode,
    "accuracy": _accuracy,
    "srfm": _srfm,
    "windows": _windows,
    "codec": _codec,
    "nano": _nano,
    "long": _long,
}
