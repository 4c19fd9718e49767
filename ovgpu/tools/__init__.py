"""Command-line tools; ``ovgpu --help`` lists them."""
