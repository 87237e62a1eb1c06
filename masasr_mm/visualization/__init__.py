"""Pictures of what the network did."""
