"""Records tests/golden/vectors/encoders: python tests/golden/record_encoders.py MERT [NAME ...]

What the published networks give at small sizes for weights drawn by name. It wants its own
environment beside the project's: audiobox-aesthetics 0.0.4, muq 0.1.0, mauve-text 0.4.0 (faiss-cpu
1.15.1), transformers 4.46.3 (muq needs hidden states from a bare encoder), easydict, x-clip,
nnAudio. MERT is a folder with modeling_MERT.py and configuration_MERT.py of
github.com/yizhilll/MERT (scripts/mert_hf, 157dcbf). MuQ-Eval is no package: its pooling and head
stand here, on muq's network.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from drawn_state import sound, state  # noqa: E402

VECTORS = HERE / "vectors" / "encoders"
CAPTION = [0, 35, 7, 81, 12, 2]


def fill(network: torch.nn.Module) -> dict[str, list[int]]:
    """Draw all its tensors; returns their names and shapes."""
    own = network.state_dict()
    # what follows from the sizes alone is left as it is
    shapes = {key: list(value.shape) for key, value in own.items() if "inv_freq" not in key}
    shapes = {key: shape for key, shape in shapes.items() if "position_ids" not in key}
    kept = {key: torch.from_numpy(value) for key, value in state(shapes).items()}
    network.load_state_dict({**own, **kept})
    network.eval().requires_grad_(False)
    return shapes


def audiobox() -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    from audiobox_aesthetics.infer import AXES_NAME, make_inference_batch
    from audiobox_aesthetics.model import aes

    config = copy.deepcopy(aes.DEFAULT_AUDIO_CFG)
    small = {"encoder_layers": 2, "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 48}
    convolutions = "[(16,10,5)] + [(16,3,2)] * 4 + [(16,2,2)] * 2"
    config.update({**small, "encoder_attention_heads": 4, "conv_feature_layers": convolutions})
    aes.DEFAULT_AUDIO_CFG = config
    scale = {axis: {"mean": 0.0, "std": 1.0} for axis in AXES_NAME}
    network = aes.AesMultiOutput(
        proj_num_layer=5, proj_ln=True, nth_layer=3, target_transform=scale
    )
    shapes = fill(network)
    audio = torch.from_numpy(sound(12.3, 16_000))[None]
    wavs, masks, weights, _ = make_inference_batch([audio])
    rated = network({"wav": torch.stack(wavs), "mask": torch.stack(masks)})
    windows = torch.stack([rated[axis] for axis in AXES_NAME], dim=-1).numpy()
    return shapes, {"windows": windows, "ratings": np.average(windows, axis=0, weights=weights)}


def mert(norm_first: bool) -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    from mert_hf.configuration_MERT import MERTConfig
    from mert_hf.modeling_MERT import MERTModel

    network = MERTModel(
        MERTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            conv_dim=[16] * 7,
            do_stable_layer_norm=norm_first,
            conv_pos_batch_norm=False,
            attention_relax=32.0 if norm_first else -1.0,
        )
    )
    shapes = fill(network)
    audio = torch.from_numpy(sound(1.5, 24_000))
    if not norm_first:
        from transformers import Wav2Vec2FeatureExtractor

        extractor = Wav2Vec2FeatureExtractor(sampling_rate=24_000, do_normalize=True)
        audio = extractor(audio.numpy(), sampling_rate=24_000, return_tensors="pt").input_values[0]
    found = network(audio[None], output_hidden_states=True, return_dict=True)
    states = [hidden[0].numpy() for hidden in found.hidden_states]
    return shapes, {"first": states[0], "middle": states[1], "last": states[2]}


def small_muq() -> Any:
    from muq import MuQ, MuQConfig
    from transformers import Wav2Vec2ConformerConfig

    conformer = Wav2Vec2ConformerConfig(
        num_attention_heads=4,
        intermediate_size=48,
        position_embeddings_type="rotary",
        hidden_act="swish",
        hidden_size=32,
    )
    stored = {str(key): value for key, value in conformer.to_dict().items()}
    for name in ("id2label", "label2id"):
        stored.pop(name)
    return MuQ(
        MuQConfig(
            codebook_dim=4,
            codebook_size=16,
            conv_dim=8,
            encoder_dim=32,
            encoder_depth=2,
            stat={"melspec_2048_mean": 6.768444971712967, "melspec_2048_std": 18.417922652295623},
            w2v2_config={**stored, "_attn_implementation": "eager"},
        )
    )


def muq() -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    network = small_muq()
    shapes = fill(network)
    states = network(torch.from_numpy(sound(1.5, 24_000))[None]).hidden_states
    names = ("first", "middle", "last")
    return shapes, {name: hidden[0].numpy() for name, hidden in zip(names, states)}


def mulan() -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    from muq.muq_mulan import muq_mulan
    from muq.muq_mulan.models import audio, text
    from transformers import XLMRobertaConfig, XLMRobertaModel

    bert = XLMRobertaConfig(
        vocab_size=90,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    audio.AudioSpectrogramTransformerPretrained._init_pretrained_model = lambda self, _: setattr(
        self, "model", small_muq()
    )
    text.TextTransformerPretrained._init_pretrained_model = lambda _: XLMRobertaModel(bert)
    tower = {"dim": 24, "tf_depth": 2, "heads": 2, "dim_head": 8}
    config = {
        "mulan": {"sr": 24_000, "clip_secs": 10, "dim_latent": 16, "rank_contrast": True},
        "audio_model": {"name": "OpenMuQ/MuQ-large-msd-iter", "model_dim": 32, "use_layer_idx": -1},
        "text_model": {"name": "xlm-roberta-base", "model_dim": None},
        "audio_transformer": tower,
        "text_transformer": {**tower, "max_seq_len": 1024},
    }
    network = muq_mulan.MuQMuLan(config)
    shapes = fill(network)
    heard = network(wavs=torch.from_numpy(sound(11.0, 24_000))[None])
    tokens = {"input_ids": torch.tensor([CAPTION]), "attention_mask": torch.ones(1, len(CAPTION))}

    class Tokens(dict):
        def to(self, _: object) -> Tokens:
            return self

    network.mulan.text._tokenizer = lambda *_, **__: Tokens(tokens)
    read = network(texts=["six tokens"])
    return shapes, {"audio": heard[0].numpy(), "text": read[0].numpy()}


def muq_eval() -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    class Quality(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            linear, network = torch.nn.Linear, small_muq()
            pooling = torch.nn.Sequential(linear(32, 128), torch.nn.Tanh(), linear(128, 1))
            head = [linear(32, 256), torch.nn.GELU(), torch.nn.Dropout(0.1), linear(256, 1)]
            self.encoder = torch.nn.ModuleDict(
                {"encoder": network, "pooling": torch.nn.ModuleDict({"attention": pooling})}
            )
            mlp = torch.nn.ModuleDict({"mlp": torch.nn.Sequential(*head)})
            self.heads = torch.nn.ModuleDict({"MI": mlp})

    network = Quality()
    shapes = fill(network)
    hidden = network.encoder["encoder"](torch.from_numpy(sound(10, 24_000))[None]).last_hidden_state
    weights = torch.softmax(network.encoder["pooling"]["attention"](hidden).squeeze(-1), dim=-1)
    pooled = torch.bmm(weights.unsqueeze(1), hidden).squeeze(1)
    return shapes, {"ratings": network.heads["MI"]["mlp"](pooled).squeeze(-1).numpy()}


def mauve_text() -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    """Two sets of 60 in six far regions, which any k-means finds, visited differently."""
    import mauve

    random = np.random.RandomState(3)
    centres = random.normal(size=(6, 12))
    visits = [20, 14, 10, 8, 8, 0], [4, 10, 6, 16, 12, 12]
    sets = [
        np.repeat(centres, count, axis=0) + random.normal(size=(60, 12)) * 0.02 for count in visits
    ]
    generated, reference = (rows.astype(np.float32) for rows in sets)
    found = mauve.compute_mauve(p_features=generated, q_features=reference)
    shares = {"own": np.sort(found.p_hist), "real": np.sort(found.q_hist)}
    return {}, {"generated": generated, "reference": reference, **shares, "mauve": found.mauve}


RECORDED: dict[str, Callable[[], tuple[dict[str, list[int]], dict[str, np.ndarray]]]] = {
    "audiobox": audiobox,
    "mert-norm-last": lambda: mert(False),
    "mert-norm-first": lambda: mert(True),
    "muq": muq,
    "mulan": mulan,
    "muq-eval": muq_eval,
    "mauve": mauve_text,
}

if __name__ == "__main__":
    from core.compatibility import ready_torchaudio, ready_torchvision

    ready_torchvision()
    ready_torchaudio()
    sys.path.insert(0, sys.argv[1])
    VECTORS.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or RECORDED:
        shapes, arrays = RECORDED[name]()
        np.savez_compressed(
            VECTORS / f"{name}.npz", **{k: np.float32(v) for k, v in arrays.items()}
        )
        if shapes:
            (VECTORS / f"{name}.json").write_text(json.dumps(shapes) + "\n")
        print(name, {key: np.shape(value) for key, value in arrays.items()})
