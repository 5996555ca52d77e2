"""What of a ward the sample does not show: dropped epochs, other days, unlisted arrests."""
