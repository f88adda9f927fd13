"""What one job is to do."""
