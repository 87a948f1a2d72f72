"""Models: which there are, where they lie, that they are whole, and how they are run."""
