"""Studies: questions that need both people and money."""
