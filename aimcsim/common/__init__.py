"""What every room needs: random numbers, files, errors, provenance."""
