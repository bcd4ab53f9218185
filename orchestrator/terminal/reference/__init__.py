"""What a spec may contain: every setting and name, for terminals and for docs/settings.md."""
