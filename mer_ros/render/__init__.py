"""Drawing: the overlay on images and the timeline of fused results. Knows nothing of detecting."""
