"""What a face and a voice show together: pooling, decision over time, whose voice it is."""
