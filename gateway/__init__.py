"""The program that serves the enterprises registered in one province."""
