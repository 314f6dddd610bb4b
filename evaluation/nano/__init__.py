"""What nano learned, measured on held-out corpus pieces; the model card is rendered from it."""
