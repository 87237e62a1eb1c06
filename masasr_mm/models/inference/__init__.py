"""Running the network on images of any size, whole or in tiles, with no more than is needed."""
