"""The messages of the package vidmuse.v1."""
