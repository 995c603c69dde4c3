"""What was removed: lists and their claims, what bytes taught about removals, look-up."""
