"""What a person asks for: the request, its fields and parts, its words, and files of many."""
