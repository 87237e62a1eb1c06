"""The command ``masasr-demo``: a page in the browser."""
