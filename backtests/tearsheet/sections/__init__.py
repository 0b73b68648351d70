"""The sections of a tearsheet; each module makes one from the result."""
