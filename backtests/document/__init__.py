"""A page as blocks, and its renderings: HTML, PDF and the terminal."""
