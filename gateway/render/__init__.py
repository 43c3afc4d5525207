"""Reports and progress sheets as pages, and the seal on them."""
