"""The official wavtokenizer folder: config.yaml and a Lightning checkpoint model.pt."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from core.checkpoints import inert_yaml, torch_file
from core.checkpoints.keymap import KeyMap
from core.errors import InputError
from core.wavtokenizer import WavTokenizerConfig

FILE = "model.pt"
_ENCODER = r"feature_extractor\.encodec\.encoder\.model\.(\d+)"
_CODEBOOK = r"feature_extractor\.encodec\.quantizer\.vq\.layers\.0\._codebook"
_CONV = r"(weight_g|weight_v|bias)"
_AFFINE = r"(weight|bias)"

MAP = KeyMap(
    rules=(
        (rf"{_ENCODER}\.conv\.conv\.{_CONV}", "encoder.layers.{0}.{1}"),
        (rf"{_ENCODER}\.block\.(\d+)\.conv\.conv\.{_CONV}", "encoder.layers.{0}.branch.{1}.{2}"),
        (rf"{_ENCODER}\.shortcut\.conv\.conv\.{_CONV}", "encoder.layers.{0}.shortcut.{1}"),
        (rf"{_ENCODER}\.lstm\.(\w+)", "encoder.layers.{0}.lstm.{1}"),
        (rf"{_CODEBOOK}\.embed", "quantizer.codebook"),
        (rf"{_CODEBOOK}\.embed_avg", "quantizer.sums"),
        (rf"{_CODEBOOK}\.cluster_size", "quantizer.usage"),
        (rf"{_CODEBOOK}\.inited", "quantizer.initialised"),
        (rf"backbone\.embed\.{_AFFINE}", "backbone.embed.{0}"),
        (r"backbone\.norm\.((?:scale\.|shift\.)?(?:weight|bias))", "backbone.norm.{0}"),
        (r"backbone\.convnext\.(\d+)\.gamma", "backbone.blocks.{0}.gamma"),
        (rf"backbone\.convnext\.(\d+)\.dwconv\.{_AFFINE}", "backbone.blocks.{0}.depthwise.{1}"),
        (
            r"backbone\.convnext\.(\d+)\.norm\.((?:scale\.|shift\.)?(?:weight|bias))",
            "backbone.blocks.{0}.norm.{1}",
        ),
        (rf"backbone\.convnext\.(\d+)\.pwconv1\.{_AFFINE}", "backbone.blocks.{0}.expand.{1}"),
        (rf"backbone\.convnext\.(\d+)\.pwconv2\.{_AFFINE}", "backbone.blocks.{0}.contract.{1}"),
        (rf"backbone\.final_layer_norm\.{_AFFINE}", "backbone.final_norm.{0}"),
        (
            r"backbone\.pos_net\.(\d+)\.((?:(?:norm1|norm2|norm|conv1|conv2)\.)?(?:weight|bias))",
            "backbone.pos_net.{0}.{1}",
        ),
        (rf"backbone\.pos_net\.(\d+)\.q\.{_AFFINE}", "backbone.pos_net.{0}.query.{1}"),
        (rf"backbone\.pos_net\.(\d+)\.k\.{_AFFINE}", "backbone.pos_net.{0}.key.{1}"),
        (rf"backbone\.pos_net\.(\d+)\.v\.{_AFFINE}", "backbone.pos_net.{0}.value.{1}"),
        (rf"backbone\.pos_net\.(\d+)\.proj_out\.{_AFFINE}", "backbone.pos_net.{0}.out.{1}"),
        (rf"head\.out\.{_AFFINE}", "head.out.{0}"),
        (r"head\.istft\.window", "head.window"),
    ),
    unused=(
        r"feature_extractor\.encodec\.decoder\..*",  # EnCodec's own decoder: Vocos replaces it
        r"(?!feature_extractor\.|backbone\.|head\.).*",  # discriminators and losses of training
    ),
)


def _setting(settings: dict[str, Any], *path: str) -> Any:
    value: Any = settings
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise InputError(
                "wavtokenizer config.yaml",
                ".".join(path),
                "is not set; is this the folder of a WavTokenizer?",
            )
        value = value[name]
    return value


def config(folder: Path) -> WavTokenizerConfig:
    """Sizes from config.yaml; what the official code fixes (EnCodec's 32 filters) is default.

    Raises: InputError for a missing setting or a kind the official inference does not have.
    """
    model = _setting(inert_yaml.load(folder / "config.yaml"), "model", "init_args")
    extractor = _setting(model, "feature_extractor", "init_args")
    backbone = _setting(model, "backbone", "init_args")
    head = _setting(model, "head", "init_args")
    if extractor.get("num_quantizers", 1) != 1:
        raise InputError("num_quantizers", extractor["num_quantizers"], "only one is supported")
    if head.get("padding", "same") != "same":
        raise InputError("padding", head["padding"], "the inverse STFT supports only 'same'")
    ratios = tuple(_setting(extractor, "dowmsamples"))  # the release's spelling
    hop = _setting(head, "hop_length")
    if math.prod(ratios) != hop:
        raise InputError("hop_length", hop, f"must be the product of dowmsamples {ratios}")
    return WavTokenizerConfig(
        sample_rate=model.get("sample_rate", 24000),
        hop=hop,
        ratios=ratios,
        encoder="seanet",
        quantizer="euclidean",
        decoder_pos_net=True,
        feature_dim=_setting(backbone, "input_channels"),
        codebook_size=_setting(extractor, "vq_bins"),
        decoder_dim=_setting(backbone, "dim"),
        decoder_intermediate=_setting(backbone, "intermediate_dim"),
        decoder_layers=_setting(backbone, "num_layers"),
        decoder_bandwidths=backbone.get("adanorm_num_embeddings") or 0,
        n_fft=_setting(head, "n_fft"),
    )


def tensors(stored: Any, path: Path) -> dict[str, Tensor]:
    """Official keys -> tensors of a Lightning checkpoint."""
    inner = stored.get("state_dict") if isinstance(stored, dict) else None
    return torch_file.tensors(inner, path, "a WavTokenizer's state_dict")


def state_dict(folder: Path) -> dict[str, Tensor]:
    """Our keys -> tensors mapped from model.pt in the stored dtype; unused ones dropped.

    Raises: InputError for a missing, damaged, pickled or foreign file.
    """
    path = folder / FILE
    stored = tensors(torch_file.read(path), path)
    return {ours: stored[key] for key, ours in MAP.to_ours(stored).items()}


def official_name(ours: str, config: WavTokenizerConfig) -> str:
    """The released key of one of our tensors."""
    return MAP.official_name(ours)
