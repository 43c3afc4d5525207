"""The history of the tables of Hebei's dropped files: one file for each revision, never changed once it was released."""
