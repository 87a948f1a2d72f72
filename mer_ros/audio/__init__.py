"""Decoding, windows, voice activity, features and emotion of speech; runs without ROS."""
