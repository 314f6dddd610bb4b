"""The released flow.pt: its sizes, its tensor names in ours, and its used tensors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checkpoints import inert_yaml, torch_file
from core.checkpoints.keymap import KeyMap
from core.errors import InputError
from core.srfm import SRFM, SRFMConfig

FILE = "flow.pt"

_CONV_BLOCK = (("block.0", "conv"), ("block.1", "norm"))
_RESNET = (
    ("mlp.1", "time"),
    ("res_conv", "shortcut"),
    *(
        (f"block{n}.{theirs}", f"{ours_block}.{ours}")
        for n, ours_block in ((1, "first"), (2, "second"))
        for theirs, ours in _CONV_BLOCK
    ),
)
_TRANSFORMER = (
    ("norm1", "attention_norm"),
    ("attn1.to_q", "attention.query"),
    ("attn1.to_k", "attention.key"),
    ("attn1.to_v", "attention.value"),
    ("attn1.to_out.0", "attention.output"),
    ("norm3", "feed_forward_norm"),
    ("ff.net.0.proj", "expand"),
    ("ff.net.2", "contract"),
)
_CONFORMER = (
    *(
        (f"self_attn.linear_{letter}", f"attention.{name}")
        for letter, name in (
            ("q", "query"),
            ("k", "key"),
            ("v", "value"),
            ("out", "output"),
            ("pos", "position"),
        )
    ),
    ("feed_forward.w_1", "feed_forward.expand"),
    ("feed_forward.w_2", "feed_forward.contract"),
    ("norm_ff", "feed_forward_norm"),
    ("norm_mha", "attention_norm"),
)
_KIND = r"\.(weight|bias)"


def _rules() -> tuple[tuple[str, str], ...]:
    """(official pattern, our template) of every used tensor."""

    def literal(text: str) -> str:
        return text.replace(".", r"\.")

    rules = [
        (r"input_embedding\.weight", "token_embedding.weight"),
        (r"encoder\.embed\.out\.0" + _KIND, "token_encoder.input.{0}"),
        (r"encoder\.embed\.out\.1" + _KIND, "token_encoder.input_norm.{0}"),
        (r"encoder\.after_norm" + _KIND, "token_encoder.final_norm.{0}"),
        (
            r"encoder\.encoders\.(\d+)\.self_attn\.pos_bias_u",
            "token_encoder.blocks.{0}.attention.content_bias",
        ),
        (
            r"encoder\.encoders\.(\d+)\.self_attn\.pos_bias_v",
            "token_encoder.blocks.{0}.attention.position_bias",
        ),
        (r"length_regulator\.model\.(\d+)" + _KIND, "length_regulator.layers.{0}.{1}"),
    ]
    rules += [
        (
            rf"encoder\.encoders\.(\d+)\.{literal(theirs)}{_KIND}",
            f"token_encoder.blocks.{{0}}.{ours}.{{1}}",
        )
        for theirs, ours in _CONFORMER
    ]
    unet = r"decoder\.estimator\."
    stage = unet + r"(down|mid|up)_blocks\.(\d+)\."
    rules += [
        (unet + r"time_mlp\.linear_1" + _KIND, "estimator.time.expand.{0}"),
        (unet + r"time_mlp\.linear_2" + _KIND, "estimator.time.contract.{0}"),
        (unet + r"final_proj" + _KIND, "estimator.output.{0}"),
        (stage + r"2(?:\.conv)?" + _KIND, "estimator.{0}.{1}.resample.{2}"),
    ]
    rules += [
        (unet + rf"final_block\.{literal(theirs)}{_KIND}", f"estimator.final.{ours}.{{0}}")
        for theirs, ours in _CONV_BLOCK
    ]
    rules += [
        (stage + rf"0\.{literal(theirs)}{_KIND}", f"estimator.{{0}}.{{1}}.resnet.{ours}.{{2}}")
        for theirs, ours in _RESNET
    ]
    rules += [
        (
            stage + rf"1\.(\d+)\.{literal(theirs)}{_KIND}",
            f"estimator.{{0}}.{{1}}.transformers.{{2}}.{ours}.{{3}}",
        )
        for theirs, ours in _TRANSFORMER
    ]
    return tuple(rules)


MAP = KeyMap(
    rules=_rules(),
    # encoder_proj projects to a mel that nothing reads; quantizer is a copy of the codec's
    unused=(
        r"encoder_proj\.(weight|bias)",
        r"quantizer\.quantizer_modules2?\.\d+\.embedding\.weight",
    ),
)


def _entry(tree: Any, *path: str) -> Any:
    """One setting of the yaml by its path."""
    for depth, name in enumerate(path):
        if not isinstance(tree, dict) or name not in tree:
            raise InputError(
                "inspiremusic.yaml",
                ".".join(path[: depth + 1]),
                "this setting is missing; is the yaml that of an InspireMusic model?",
            )
        tree = tree[name]
    return tree


def config(folder: Path) -> SRFMConfig:
    """Sizes of the folder's flow, read from its inspiremusic.yaml.

    Raises: InputError for a missing setting.
    """
    flow = _entry(inert_yaml.load(folder / "inspiremusic.yaml"), "flow")
    encoder, decoder = _entry(flow, "encoder"), _entry(flow, "decoder")
    estimator = _entry(decoder, "estimator")
    flow_settings = _entry(decoder, "cfm_params")
    flow_settings = flow_settings.get("content", flow_settings)
    return SRFMConfig(
        vocab_size=_entry(flow, "vocab_size"),
        token_width=_entry(flow, "input_size"),
        token_rate=_entry(flow, "input_frame_rate"),
        latent_dim=_entry(estimator, "out_channels"),
        encoder_width=_entry(encoder, "output_size"),
        encoder_heads=_entry(encoder, "attention_heads"),
        encoder_feed_forward=_entry(encoder, "linear_units"),
        encoder_blocks=_entry(encoder, "num_blocks"),
        encoder_dropout=_entry(encoder, "dropout_rate"),
        regulator_layers=len(_entry(flow, "length_regulator", "sampling_ratios")),
        channels=tuple(_entry(estimator, "channels")),
        heads=_entry(estimator, "num_heads"),
        head_dim=_entry(estimator, "attention_head_dim"),
        blocks=_entry(estimator, "n_blocks"),
        mid_blocks=_entry(estimator, "num_mid_blocks"),
        sigma_min=float(_entry(flow_settings, "sigma_min")),
        condition_dropout=_entry(flow_settings, "training_cfg_rate"),
        guidance=_entry(flow_settings, "inference_cfg_rate"),
    )


def tensors(stored: Any, path: Path) -> dict[str, Tensor]:
    """Official keys -> tensors of flow.pt."""
    return torch_file.tensors(stored, path, "one table of a flow's tensors")


def state_dict(folder: Path) -> dict[str, Tensor]:
    """Used tensors of flow.pt under our names, in the stored dtype, mapped from the file.

    Raises: InputError for a missing, damaged, pickled or foreign file.
    """
    path = folder / FILE
    stored = tensors(torch_file.read(path), path)
    return {ours: stored[theirs] for theirs, ours in MAP.to_ours(stored).items()}


def official_name(ours: str, config: SRFMConfig) -> str:
    """The released key of one of our tensors."""
    resample = re.fullmatch(r"estimator\.(\w+)\.(\d+)\.resample\.(\w+)", ours)
    if resample is None:
        return MAP.official_name(ours)
    # Layers that change the rate are wrapped, one level deeper, in the release; the last is bare.
    way, level, kind = resample.groups()
    inner = "2." if int(level) == len(config.channels) - 1 else "2.conv."
    return f"decoder.estimator.{way}_blocks.{level}.{inner}{kind}"


def official_names(config: SRFMConfig) -> dict[str, str]:
    """Our name -> official name of every used tensor of a model of these sizes."""
    with torch.device("meta"):
        ours = SRFM(config).state_dict().keys()
    return {name: official_name(name, config) for name in ours}
