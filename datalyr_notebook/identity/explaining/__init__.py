"""Why two ids are one person, in pieces: the evidence as a graph, its chains, who owns an id, what is missing."""
