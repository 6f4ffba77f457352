"""What was measured, for people: figures and a page that opens anywhere, without a network."""
