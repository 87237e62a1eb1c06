"""Running the network on images of any size: whole, in tiles, as an ensemble."""
