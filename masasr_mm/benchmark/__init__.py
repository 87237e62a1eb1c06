"""Time and memory of the network and of training, case by case and stage by stage."""
