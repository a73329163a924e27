"""The tables of a result, each made from it by one function."""
