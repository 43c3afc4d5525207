"""The history of the feeds' tables: one file for each revision, written out, never changed once it was released."""
