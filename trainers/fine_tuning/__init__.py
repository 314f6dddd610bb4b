"""A prepared folder and a model in; the model fine-tuned on it, and what that changed, out."""
