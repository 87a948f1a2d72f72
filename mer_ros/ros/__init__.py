"""The nodes: parameters, message conversions, lifecycle. The only floor that knows rclpy."""
