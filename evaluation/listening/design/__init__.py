"""What a study is, who hears what in it, and how large it has to be."""
