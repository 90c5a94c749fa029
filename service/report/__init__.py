"""What `imaging-cds report` measures: generated orders with known truth, sent through the real walk."""
