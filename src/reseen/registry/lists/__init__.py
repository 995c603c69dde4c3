"""Lists of removed models as people keep them: files in, tables of rows out."""
