"""A result as a document that a risk committee can sign.

`assembly.build` makes the document, independent of its rendering; `pages.write_pages` renders it.
"""
