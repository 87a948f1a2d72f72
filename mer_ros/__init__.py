"""Multimodal emotion recognition for ROS 2: displayed emotion of faces and voices, fused."""

from pkgutil import extend_path

# The messages (mer_ros.msg) lie in the built workspace: found there also when the modules come
# from a checkout or from pip.
__path__ = extend_path(__path__, __name__)

__version__ = '0.1.0'
