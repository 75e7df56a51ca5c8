"""What reports are computed from: patterns of holes, operators and their spectra."""
