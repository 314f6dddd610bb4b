"""A language model trained in one short session on a borrowed GPU.

`pack` makes a small folder of shards here, `session` trains there with nothing but torch, numpy,
safetensors and `core.language_model`, `join` makes a model component of what came back.
"""
