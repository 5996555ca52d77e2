"""The positive control: leaks are planted in copies of files, and the checks must find them."""
