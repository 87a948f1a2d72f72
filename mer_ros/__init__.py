"""Multimodal emotion recognition for ROS 2: displayed emotion of faces and voices, fused."""

__version__ = '0.1.0'
