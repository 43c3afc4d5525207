"""The history of the gateway's tables: one file for each revision, written out, never changed once it was released."""
