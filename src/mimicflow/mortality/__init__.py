"""Death within a year of the first ICU stay, from the sequence of hospital visits."""
