"""Image files of any kind: reading, what belongs to them besides pixels, writing."""
