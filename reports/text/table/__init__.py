"""The main table: its columns, wherever it is printed. Other packages may import `columns`."""
