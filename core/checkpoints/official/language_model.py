"""The released llm.pt: Qwen2 blocks with InspireMusic's embeddings and head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from core.checkpoints import inert_yaml, torch_file
from core.checkpoints.keymap import KeyMap
from core.errors import InputError
from core.language_model import LanguageModelConfig

FILE = "llm.pt"
_LAYER = r"llm\.model\.model\.layers\.(\d+)\."

# Keys that share the storage of another in the official module (both tables are Qwen's).
ALIASES = {
    "llm.model.model.embed_tokens.weight": "text_embedding.weight",
    "llm.model.lm_head.weight": "text_embedding.weight",
}

MAP = KeyMap(
    rules=(
        (r"text_embedding\.weight", "text_embedding.weight"),
        (r"speech_embedding\.weight", "audio_embedding.weight"),
        (r"llm_embedding\.weight", "marker_embedding.weight"),
        (r"chorus_embedding\.weight", "structure_embedding.weight"),
        (r"llm_decoder\.(weight|bias)", "head.{0}"),
        (_LAYER + r"self_attn\.q_proj\.(weight|bias)", "backbone.layers.{0}.attention.query.{1}"),
        (_LAYER + r"self_attn\.k_proj\.(weight|bias)", "backbone.layers.{0}.attention.key.{1}"),
        (_LAYER + r"self_attn\.v_proj\.(weight|bias)", "backbone.layers.{0}.attention.value.{1}"),
        (_LAYER + r"self_attn\.o_proj\.weight", "backbone.layers.{0}.attention.output.weight"),
        (_LAYER + r"mlp\.(gate|up|down)_proj\.weight", "backbone.layers.{0}.mlp.{1}.weight"),
        (_LAYER + r"input_layernorm\.weight", "backbone.layers.{0}.attention_norm.weight"),
        (_LAYER + r"post_attention_layernorm\.weight", "backbone.layers.{0}.mlp_norm.weight"),
        (r"llm\.model\.model\.norm\.weight", "backbone.norm.weight"),
    ),
    unused=(
        r"llm\.model\.model\.embed_tokens\.weight",
        r"llm\.model\.lm_head\.weight",
        r"spk_embed_affine_layer\.(weight|bias)",
    ),
)


def config_from(qwen: dict[str, Any], audio_vocabulary: int) -> LanguageModelConfig:
    """Sizes from Qwen2's config.json and the yaml's audio vocabulary.

    Raises: InputError for a missing size, or for a feature that the release never used.
    """
    if qwen.get("model_type", "qwen2") != "qwen2":
        raise InputError("model_type", qwen["model_type"], "only qwen2 language models are known")
    if qwen.get("rope_scaling") or qwen.get("use_sliding_window"):
        raise InputError(
            "config.json",
            "rope_scaling or use_sliding_window",
            "is set, but no released model has it and it is not supported",
        )
    try:
        heads = qwen["num_attention_heads"]
        return LanguageModelConfig(
            hidden=qwen["hidden_size"],
            layers=qwen["num_hidden_layers"],
            heads=heads,
            kv_heads=qwen["num_key_value_heads"],
            head_dim=qwen.get("head_dim") or qwen["hidden_size"] // heads,
            mlp=qwen["intermediate_size"],
            text_vocabulary=qwen["vocab_size"],
            audio_vocabulary=audio_vocabulary,
            rope_theta=float(qwen.get("rope_theta", 10000.0)),
            eps=qwen["rms_norm_eps"],
        )
    except KeyError as error:
        raise InputError("config.json", error.args[0], "is missing from the Qwen2 sizes") from error


def config(folder: Path) -> LanguageModelConfig:
    """Sizes from the folder's config.json and inspiremusic.yaml."""
    path = folder / "config.json"
    try:
        qwen = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("config file", path.name, f"cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        raise InputError("config file", path.name, f"is not readable json ({error})") from error
    settings = inert_yaml.load(folder / "inspiremusic.yaml")
    try:
        return config_from(qwen, int(settings["llm"]["audio_token_size"]))
    except (KeyError, TypeError) as error:
        raise InputError("inspiremusic.yaml", "llm.audio_token_size", "is missing") from error


def tensors(stored: Any, path: Path) -> dict[str, Tensor]:
    """Official keys -> tensors of llm.pt."""
    return torch_file.tensors(stored, path, "one table of a language model's tensors")


def state_dict(folder: Path) -> dict[str, Tensor]:
    """Our keys, stored dtypes, mapped from disk; known-unused tensors are left out.

    Raises: InputError for a missing, damaged, pickled or foreign file.
    """
    path = folder / FILE
    stored = tensors(torch_file.read(path), path)
    return {ours: stored[official] for official, ours in MAP.to_ours(stored).items()}


def official_name(ours: str, config: LanguageModelConfig) -> str:
    """The released key of one of our tensors."""
    return MAP.official_name(ours)
