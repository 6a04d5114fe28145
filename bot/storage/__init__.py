"""What is kept: tables, their encryption, and the store that the workflow asks for."""
