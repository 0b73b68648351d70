"""A market folder on disk: what is in it, how it is read, and the cache that opens it again."""
