"""The config files of a released folder, written from sizes: the mirror of reading them."""

from __future__ import annotations

import json
from typing import Any

from core.checkpoints.official.unused import MEL_BANDS
from core.hificodec import HiFiCodecConfig
from core.language_model import LanguageModelConfig
from core.srfm import SRFMConfig
from core.wavtokenizer import WavTokenizerConfig

_LANGUAGE_MODEL_YAML = """\
sample_rate: 24000
text_encoder_input_size: 512
llm_input_size: {hidden}
llm_output_size: {hidden}
basemodel_path: '.'
generator_path: 'music_tokenizer'
llm: !new:inspiremusic.llm.llm.LLM
    text_encoder_input_size: !ref <text_encoder_input_size>
    llm_input_size: !ref <llm_input_size>
    llm_output_size: !ref <llm_output_size>
    audio_token_size: {audio_vocabulary}
    length_normalized_loss: True
    lsm_weight: 0
    text_encoder_conf:
        name: "none"
    llm: !new:inspiremusic.transformer.qwen_encoder.QwenEmbeddingEncoder
        input_size: !ref <text_encoder_input_size>
        pretrain_path: !ref <basemodel_path>
    sampling: !name:inspiremusic.utils.common.topk_sampling
        top_k: 350
    train_cfg_ratio: 0.2
    infer_cfg_ratio: 3.0
"""
_FLOW_YAML = """\
flow: !new:inspiremusic.flow.flow.MaskedDiff
    input_size: {token_width}
    output_size: {mel_bands}
    output_type: 'mel'
    vocab_size: {vocab_size}
    input_frame_rate: {token_rate}
    only_mask_loss: True
    encoder: !new:inspiremusic.transformer.encoder.ConformerEncoder
        output_size: {encoder_width}
        attention_heads: {encoder_heads}
        linear_units: {encoder_feed_forward}
        num_blocks: {encoder_blocks}
        dropout_rate: {encoder_dropout}
        positional_dropout_rate: 0.1
        attention_dropout_rate: 0.1
        normalize_before: True
        input_layer: 'linear'
        pos_enc_layer_type: 'rel_pos_espnet'
        selfattention_layer_type: 'rel_selfattn'
        input_size: {token_width}
        use_cnn_module: False
        macaron_style: False
    length_regulator: !new:inspiremusic.flow.length_regulator.InterpolateRegulator
        channels: {encoder_width}
        sampling_ratios: {sampling_ratios}
    decoder: !new:inspiremusic.flow.flow_matching.ConditionalCFM
        in_channels: 240
        cfm_params: !new:omegaconf.DictConfig
            content:
                sigma_min: {sigma_min}
                solver: 'euler'
                t_scheduler: 'cosine'
                training_cfg_rate: {condition_dropout}
                inference_cfg_rate: {guidance}
                reg_loss_type: 'l1'
        estimator: !new:inspiremusic.flow.decoder.ConditionalDecoder
            in_channels: {estimator_inputs}
            out_channels: {latent_dim}
            channels: {channels}
            dropout: 0.0
            attention_head_dim: {head_dim}
            n_blocks: {blocks}
            num_mid_blocks: {mid_blocks}
            num_heads: {heads}
            act_fn: 'gelu'
    generator_model_dir: !ref <generator_path>
"""
_WAVTOKENIZER_YAML = """\
seed_everything: 3407
model:
  class_path: inspiremusic.wavtokenizer.decoder.experiment.WavTokenizer
  init_args:
    sample_rate: {sample_rate}
    feature_extractor:
      class_path: inspiremusic.wavtokenizer.decoder.feature_extractors.EncodecFeatures
      init_args:
        encodec_model: encodec_24khz
        bandwidths: {bandwidths}
        train_codebooks: true
        num_quantizers: 1
        dowmsamples: {ratios}
        vq_bins: {codebook_size}
        vq_kmeans: 200
    backbone:
      class_path: inspiremusic.wavtokenizer.decoder.models.VocosBackbone
      init_args:
        input_channels: {feature_dim}
        dim: {decoder_dim}
        intermediate_dim: {decoder_intermediate}
        num_layers: {decoder_layers}
        adanorm_num_embeddings: {decoder_bandwidths}
    head:
      class_path: inspiremusic.wavtokenizer.decoder.heads.ISTFTHead
      init_args:
        dim: {decoder_dim}
        n_fft: {n_fft}
        hop_length: {hop}
        padding: same
"""


def inspiremusic_yaml(language_model: LanguageModelConfig, srfm: SRFMConfig | None) -> str:
    """inspiremusic.yaml with the released keys and tags."""
    text = _LANGUAGE_MODEL_YAML.format_map(vars(language_model))
    if srfm is None:
        return text + "allowed_special: 'all'\n"
    return (
        text
        + _FLOW_YAML.format_map(
            {
                **vars(srfm),
                "mel_bands": MEL_BANDS,
                "estimator_inputs": srfm.estimator_inputs,
                "channels": list(srfm.channels),
                "sampling_ratios": [1] * srfm.regulator_layers,
            }
        )
        + "allowed_special: 'all'\n"
    )


def qwen_json(config: LanguageModelConfig) -> str:
    """config.json of the Qwen2 blocks."""
    return _json(
        {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "hidden_act": "silu",
            "vocab_size": config.text_vocabulary,
            "hidden_size": config.hidden,
            "intermediate_size": config.mlp,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "num_key_value_heads": config.kv_heads,
            "head_dim": config.head_dim,
            "max_position_embeddings": 32768,
            "rms_norm_eps": config.eps,
            "rope_theta": config.rope_theta,
            "rope_scaling": None,
            "use_sliding_window": False,
            "tie_word_embeddings": True,
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "use_cache": True,
        }
    )


def codec_json(config: HiFiCodecConfig) -> str:
    """music_tokenizer/config.json."""
    return _json(
        {
            "resblock": "1",
            "upsample_rates": config.upsample_rates,
            "upsample_kernel_sizes": config.upsample_kernels,
            "upsample_initial_channel": config.generator_channels,
            "resblock_kernel_sizes": config.resblock_kernels,
            "resblock_dilation_sizes": config.resblock_dilations,
            "hop_size": config.hop,
            "sampling_rate": config.sample_rate,
            "n_code_groups": config.code_groups,
            "n_codes": config.codes,
            "codebook_loss_lambda": config.codebook_weight,
            "commitment_loss_lambda": config.commitment_weight,
        }
    )


def wavtokenizer_yaml(config: WavTokenizerConfig) -> str:
    """wavtokenizer/config.yaml."""
    return _WAVTOKENIZER_YAML.format_map(
        {
            **vars(config),
            "ratios": list(config.ratios),
            "bandwidths": [6.6] * max(config.decoder_bandwidths, 1),
        }
    )


def _json(settings: dict[str, Any]) -> str:
    return json.dumps(settings, indent=2) + "\n"
