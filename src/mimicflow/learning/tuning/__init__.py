"""Search better settings of a model, trial by trial, on validation patients."""
