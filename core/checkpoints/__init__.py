"""Where checkpoint layouts meet: the official .pt folders and our own safetensors folders."""
