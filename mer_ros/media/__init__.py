"""Where pictures and sound come from: files, folders, cameras and microphones; without ROS."""
