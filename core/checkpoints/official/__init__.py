"""The files of the released models: their layout, their settings, read and written."""
