"""Makes music: WavTokenizer, language model, SRFM and HiFi-Codec joined in a pipeline."""
