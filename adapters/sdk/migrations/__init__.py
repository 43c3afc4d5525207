"""The history of the tables of every adapter: one file for each revision, written out, never changed once it was released."""
