"""OpenVINO IR: the format of ``.xml`` and ``.bin`` files, read and written."""
