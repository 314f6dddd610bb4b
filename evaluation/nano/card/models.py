"""Parts of the card about single models: codecs, language model, SRFM."""

from __future__ import annotations

from typing import Any

from evaluation.nano.card.figures import table, value

CODECS = {
    "wavtokenizer": "WavTokenizer",
    "hificodec": "HiFi-Codec",
    "srfm": "WavTokenizer tokens, SRFM, HiFi-Codec",
}


def codecs(part: dict[str, Any]) -> str:
    rows = []
    for music, name in (("corpus", "held-out corpus"), ("real", "real music")):
        for codec, title in CODECS.items():
            found = part.get(music, {}).get(codec)
            if found:
                distance = found["fd_musicnn"]
                rows.append(
                    (
                        name,
                        title,
                        value(found["mel_distance"], 3),
                        value(found["si_sdr_db"], 1),
                        value(found["contrast"], 3),
                        value(distance),
                        value({"mean": distance.get("two_halves_of_the_originals")}),
                        found["mel_distance"]["n"],
                    )
                )
    codes = [
        (
            name,
            CODECS[codec],
            number + 1,
            f"{book['used']} of {book['of']}",
            f"{book['perplexity']:.0f}",
            book["tokens"],
        )
        for music, name in (("corpus", "held-out corpus"), ("real", "real music"))
        for codec, books in part.get(music, {}).get("codes", {}).items()
        for number, book in enumerate(books)
    ]
    note = f"\n\nReal music: {part['real_not_measured']}" if "real_not_measured" in part else ""
    return (
        f"Clips {part['clips']}. Contrast: correlation of fine spectra below 2 kHz, 1 when "
        "every partial is where it should be, 0 when only the envelope is. SI-SDR asks for "
        "the original's phases, which a magnitude head does not keep.\n\n"
        + table(
            (
                "music",
                "through",
                "mel distance, nats",
                "SI-SDR, dB",
                "contrast",
                "FD-musicnn",
                "FD of two halves of the originals",
                "n",
            ),
            rows,
        )
        + "\n\n"
        + table(("music", "codec", "codebook", "codes used", "perplexity", "tokens"), codes)
        + note
    )


def language_model(part: dict[str, Any]) -> str:
    return (
        table(
            (f"cross-entropy, {part['unit']} ({part['clips']})", "value"),
            (
                ("trained", value(part["trained"], 3)),
                (
                    "another piece's caption, minus its own",
                    value(part["other_caption_minus_own"], 3),
                ),
                (f"token frequencies ({part['unigram_from']})", value(part["unigram"], 3)),
                ("untrained", value(part["untrained"], 3)),
            ),
        )
        + f"\n\nn = {part['trained']['n']}."
    )


def srfm(part: dict[str, Any]) -> str:
    loss, bands = part["flow_loss"], part["from_ground_truth_tokens"]
    losses = table(
        (f"flow loss (clips {loss['clips']}, n = {loss['trained']['n']})", "value"),
        [
            (title, value(loss[name], 3))
            for name, title in (
                ("trained", "trained"),
                ("mean_latent", "the mean latent"),
                ("mean_and_variance", "best linear guess without tokens"),
                ("untrained", "untrained"),
                ("trained_minus_mean_latent", "trained minus the mean latent"),
                ("trained_minus_mean_and_variance", "trained minus the linear guess"),
            )
        ],
    )
    rows = [
        (
            band,
            value(f["srfm"]),
            value(f["wavtokenizer"]),
            value(f["srfm_minus_wavtokenizer"]),
            value(f["hificodec"]),
            f["srfm"]["n"],
        )
        for band, f in bands["bands"].items()
    ]
    text = (
        losses
        + f"\n\nFrom ground-truth tokens, {bands['unit']}:\n\n"
        + table(
            (
                "band",
                "SRFM",
                "WavTokenizer's decoder",
                "paired difference",
                "HiFi-Codec alone",
                "n",
            ),
            rows,
        )
    )
    energy = part.get("energy_above_12_khz_db")
    if energy:
        text += "\n\n" + table(
            ("energy above 12 kHz, dB of all", "value", "n"),
            [
                (name, value(energy[key], 1), energy[key]["n"])
                for key, name in (
                    ("corpus", "held-out audio"),
                    ("generated", "generated"),
                    ("without_flow_upsampled", "the same tokens without flow, upsampled"),
                )
            ],
        )
    return text
