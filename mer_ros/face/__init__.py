"""Faces: found, aligned, classified, followed, and how good each view of one is."""
