"""The command ``masasr``: photos from file to file."""
