"""People's music: results, uploads, downloads, examples."""
